import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Registrations and requests that views give up. */
export const clientSessionViewChangeLockout: Scenario = {
  name: 'ClientSessionViewChangeLockout',
  group: 'sessions',
  purpose: 'a session that a view change gave up does not lock its client out',
  faults: 'primaries cut off, loss 15 %, replays 3 %, clients that begin anew',
  workload: 'four busy clients',
  property: 'every client is answered in the end',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 3 },
    { counter: 'clientCrashes', least: 3 },
    { counter: 'opsTruncated', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      clients: { ...CLIENTS_BUSY, crashProbability: 1 / 500 },
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 8_000,
        lossProbability: 0.15,
        replayProbability: 0.03,
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_MILD,
      },
      partitions: {
        modes: ['isolate_primary'],
        symmetry: 'mixed',
        beginProbability: 0.01,
        healProbability: 0.03,
        stableTicksMin: 30,
      },
    };
  },
};
