import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A replica that loss alone keeps behind, until its peers have forgotten what it lacks. */
export const repairSyncTimeout: Scenario = {
  name: 'RepairSyncTimeout',
  title: 'Repair: Sync Timeout',
  group: 'repair',
  purpose: 'a gap beyond the log ends in a state transfer',
  faults: 'loss 30 %, and nothing else',
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
        lossProbability: 0.3,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
      },
    };
  },
};
