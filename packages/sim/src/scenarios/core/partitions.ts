import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Divided clusters, whole machines. */
export const partitions: Scenario = {
  name: 'partitions',
  group: 'core',
  purpose: 'symmetric and one-way partitions; sound disks',
  faults: 'partitions of two sides, one in fifty ticks begins one',
  workload: 'as drawn',
  property: 'one history, and one primary a view',
  witnesses: [{ counter: 'partitions', least: 1 }],
  options: (seed) => ({
    ...withReplicas(drawn(seed), 3),
    storage: STORAGE_CALM,
    atlas: { wal: false, blocks: false },
    gray: GRAY_OFF,
    processes: PROCESS_FAULTS_OFF,
    partitions: {
      modes: ['uniform_size', 'uniform_partition', 'isolate_one'],
      symmetry: 'mixed',
      beginProbability: 0.02,
      healProbability: 0.01,
      stableTicksMin: 20,
    },
  }),
};
