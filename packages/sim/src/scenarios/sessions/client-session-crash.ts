import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Clients that begin anew. */
export const clientSessionCrash: Scenario = {
  name: 'ClientSessionCrash',
  group: 'sessions',
  purpose: 'clients forget everything and begin again at request 0',
  faults: 'a client crashes each second; loss 5 %, replays 2 %',
  workload: 'four busy clients',
  property: 'no stale reply, no request executed twice',
  witnesses: [{ counter: 'clientCrashes', least: 10 }],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      clients: { ...CLIENTS_BUSY, crashProbability: 1 / 100 },
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 4_000,
        lossProbability: 0.05,
        replayProbability: 0.02,
        capacity: 1000,
        reorder: true,
      },
    };
  },
};
