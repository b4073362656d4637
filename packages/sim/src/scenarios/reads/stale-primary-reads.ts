import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { readers } from './readers.ts';

/** Primaries that sleep, or lose the others, and are asked by clients that still reach them. */
export const stalePrimaryReads: Scenario = {
  name: 'stale_primary_reads',
  group: 'reads',
  purpose: 'queries to primaries that slept or were cut off while another led on',
  faults: 'pauses, partitions of one replica, links that clog for seconds, replays',
  workload: 'six clients that write a little and query a lot, at all levels',
  property: 'no answer misses a write that its level owes, whoever gives it',
  witnesses: [{ counter: 'queriesAtStalePrimary', least: 1 }],
  options: (seed) => ({
    ...readers(seed),
    partitions: {
      modes: ['isolate_one'],
      symmetry: 'mixed',
      beginProbability: 0.02,
      healProbability: 0.01,
      stableTicksMin: 50,
    },
    processes: {
      ...PROCESS_FAULTS_OFF,
      pauseProbability: 1 / 300,
      unpauseProbability: 1 / 100,
    },
  }),
};
