import { CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy, thousandth } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Heartbeats that are lost. */
export const commitMessageFallback: Scenario = {
  name: 'CommitMessageFallback',
  group: 'timeouts',
  purpose: 'commit numbers in prepares make up for lost heartbeats',
  faults: '80 % of heartbeats are lost, loss and mild congestion',
  workload: 'four busy clients',
  property: 'backups execute all the same, and views that end lose nothing',
  witnesses: [
    { counter: 'packetsLostByCommand', least: 50 },
    { counter: 'requestsAnswered', least: 96 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 10_000,
        lossProbability: thousandth(seed, 150),
        replayProbability: 0.01,
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_MILD,
        lossByCommand: { commit: 0.8 },
      },
    };
  },
};
