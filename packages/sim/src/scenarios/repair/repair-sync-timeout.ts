import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A replica cut off until its peers have forgotten what it lacks. */
export const repairSyncTimeout: Scenario = {
  name: 'RepairSyncTimeout',
  group: 'repair',
  purpose: 'a gap beyond the log ends in a state transfer',
  faults: 'one replica cut off for many checkpoints; loss 10 %',
  workload: 'four busy clients',
  property: 'it takes over a checkpoint that a quorum holds, and goes on from there',
  witnesses: [{ counter: 'syncsFinished', least: 1 }],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 2_000,
        lossProbability: 0.1,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
      },
      partitions: {
        modes: ['isolate_one'],
        symmetry: 'symmetric',
        beginProbability: 0.02,
        healProbability: 0.004,
        stableTicksMin: 200,
      },
    };
  },
};
