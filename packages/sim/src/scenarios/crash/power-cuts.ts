import { PARTITIONS_OFF } from '../../network/partitions.ts';
import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** What was not durable is at stake everywhere at once. */
export const powerCuts: Scenario = {
  name: 'power_cuts',
  group: 'crash',
  purpose: 'all replicas lose power at once, with writes in flight',
  faults: 'a power cut every three seconds, torn writes',
  workload: 'as drawn',
  property: 'what was acknowledged was on disks, not in memories',
  witnesses: [{ counter: 'crashesOfAll', least: 1 }],
  options: (seed) => ({
    ...drawn(seed),
    partitions: PARTITIONS_OFF,
    atlas: { wal: false, blocks: false },
    storage: { ...STORAGE_CALM, writeMeanMicros: 5_000, crashFaultProbability: 0.9 },
    gray: GRAY_OFF,
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashAllProbability: 1 / 300,
      crashDelayEventsMax: 50,
      restartProbability: 1 / 20,
    },
  }),
};
