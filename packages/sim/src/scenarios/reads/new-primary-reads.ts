import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import type { Scenario } from '../scenario.ts';
import { readers } from './readers.ts';

/** Views that end with ops in flight, on disks so slow that the next primary waits for them. */
export const newPrimaryReads: Scenario = {
  name: 'new_primary_reads',
  group: 'reads',
  purpose: 'queries to new primaries whose inherited ops have not committed yet',
  faults: 'partitions of one replica, slow disks, links that clog for seconds',
  workload: 'six clients that write and query, at all levels',
  property: 'a new primary answers nothing before the log that it began with has committed',
  witnesses: [{ counter: 'queriesAtInheritedTail', least: 1 }],
  options: (seed) => {
    const options = readers(seed);
    return {
      ...options,
      storage: { ...STORAGE_CALM, writeMeanMicros: 100_000 },
      partitions: {
        modes: ['isolate_one'],
        symmetry: 'symmetric',
        beginProbability: 0.05,
        healProbability: 0.02,
        stableTicksMin: 20,
      },
      processes: PROCESS_FAULTS_OFF,
      clients: { ...options.clients, requestProbability: 0.3 },
    };
  },
};
