import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Disks that are slower by an order of magnitude. */
export const grayFailureSlowDisk: Scenario = {
  name: 'GrayFailureSlowDisk',
  group: 'gray',
  purpose: 'a slow disk keeps the cluster live',
  faults: 'one disk at a time 3 to 12 times slower than 5 ms a write',
  workload: 'four busy clients',
  property: 'commits go on with the other disks',
  witnesses: [
    { counter: 'graySlowDisk', least: 3 },
    { counter: 'requestsAnswered', least: 96 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      storage: { ...STORAGE_CALM, writeMeanMicros: 5_000, readMeanMicros: 2_000 },
      gray: { kinds: ['slow_disk'], enterProbability: 0.02, leaveProbability: 0.01, illMax: 1 },
    };
  },
};
