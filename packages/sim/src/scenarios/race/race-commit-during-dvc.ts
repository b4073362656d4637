import { NETWORK_CALM } from '../../network/network.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Acknowledgements and heartbeats that arrive in the middle of a view change. */
export const raceCommitDuringDvc: Scenario = {
  name: 'RaceCommitDuringDvc',
  group: 'race',
  purpose: 'commits and acknowledgements race with do_view_change',
  faults: 'delays of up to seconds, replays, primaries cut off',
  workload: 'four busy clients',
  property: 'an acknowledgement of an older view is not one of this view',
  witnesses: [
    { counter: 'lateCommits', least: 20 },
    { counter: 'viewChangesCompleted', least: 3 },
  ],
  options: (seed) => {
    const base = healthy(seed, threeOrFive(seed));
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 30_000,
        lossProbability: 0.1,
        replayProbability: 0.1,
        capacity: 200,
        reorder: true,
        clogProbability: 0.001,
        clogMeanMicros: 500_000,
      },
      partitions: {
        modes: ['isolate_primary'],
        symmetry: 'mixed',
        beginProbability: 0.02,
        healProbability: 0.04,
        stableTicksMin: 20,
      },
    };
  },
};
