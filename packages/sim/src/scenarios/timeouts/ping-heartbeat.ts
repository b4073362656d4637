import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Long silences of clients. */
export const pingHeartbeat: Scenario = {
  name: 'PingHeartbeat',
  group: 'timeouts',
  purpose: 'heartbeats keep an idle cluster together',
  faults: 'loss 5 %, replays 2 %',
  workload: 'four clients with long silences',
  property: 'no view ends without a reason',
  witnesses: [
    { counter: 'heartbeats', least: 200 },
    { counter: 'ticks', least: 2000 },
    // The first one: who starts cannot know that it never led before.
    { counter: 'viewChangesCompleted', least: 1, most: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      requestsTarget: 96,
      clients: { ...CLIENTS_BUSY, idleOnProbability: 0.02, idleOffProbability: 0.005 },
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 5_000,
        lossProbability: 0.05,
        replayProbability: 0.02,
        capacity: 1000,
        reorder: true,
      },
    };
  },
};
