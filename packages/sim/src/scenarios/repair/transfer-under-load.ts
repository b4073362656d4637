import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/**
 * A replica that was cut off fetches a state that changes faster than its disk reads it: by the
 * time it has looked at all of one checkpoint, peers write over that.
 */
export const transferUnderLoad: Scenario = {
  name: 'transfer_under_load',
  group: 'repair',
  purpose: 'a checkpoint is fetched whole though each one is overtaken by the next',
  faults: 'one replica at a time cut off for many checkpoints; disks that read slowly',
  workload: 'six busy clients that write large rows',
  property: 'what was seen of one checkpoint counts for the next, and nothing else does',
  witnesses: [
    { counter: 'syncsOvertaken', least: 1 },
    { counter: 'syncsFinished', least: 1 },
  ],
  options: (seed) => ({
    ...healthy(seed),
    workload: 'rows',
    clientCount: 6,
    requestsTarget: 1_000_000,
    safetyTicksMax: 700,
    storage: { ...STORAGE_CALM, readMinMicros: 10_000, readMeanMicros: 1_000 },
    partitions: {
      modes: ['isolate_one'],
      symmetry: 'symmetric',
      beginProbability: 0.02,
      healProbability: 0.03,
      stableTicksMin: 150,
    },
  }),
};
