import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Elections that overlap. */
export const raceConcurrentViewChanges: Scenario = {
  name: 'RaceConcurrentViewChanges',
  group: 'race',
  purpose: 'several view changes at once end in one primary a view',
  faults:
    'primaries cut off again and again, loss 15 %, and about half of the votes and logs besides; ' +
    'long delays, and view changes that are given up after 0.6 s',
  workload: 'four busy clients',
  property: 'one primary a view, one history',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 5 },
    { counter: 'partitionsIsolatePrimary', least: 3 },
    { counter: 'viewChangesOverlapping', least: 5 },
  ],
  options: (seed) => {
    const base = healthy(seed, 5);
    return {
      ...base,
      // Replicas that miss how a view begins leave it alone, each at a time of its own.
      timeouts: { ...base.timeouts, viewChange: 60 },
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 20_000,
        lossProbability: 0.15,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
        lossByCommand: { startViewChange: 0.4, doViewChange: 0.5, startView: 0.5 },
      },
      partitions: {
        modes: ['isolate_primary', 'uniform_partition'],
        symmetry: 'mixed',
        beginProbability: 0.03,
        healProbability: 0.03,
        stableTicksMin: 20,
      },
    };
  },
};
