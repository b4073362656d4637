import { NETWORK_CALM } from '../../network/network.ts';
import { PARTITIONS_OFF } from '../../network/partitions.ts';
import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF, type SimulationOptions } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

export function storageFaultOptions(seed: bigint): SimulationOptions {
  return {
    ...withReplicas(drawn(seed), 3),
    network: NETWORK_CALM,
    partitions: PARTITIONS_OFF,
    atlas: { wal: true, blocks: true },
    storage: {
      ...STORAGE_CALM,
      readFaultProbability: 0.05,
      writeFaultProbability: 0.05,
      misdirectProbability: 0.05,
      crashFaultProbability: 0.9,
    },
    gray: GRAY_OFF,
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashProbability: 1 / 1_000,
      crashWhileWritingProbability: 1 / 200,
      crashDelayEventsMax: 50,
      restartProbability: 1 / 50,
    },
  };
}

/** Everything that disks do at once. */
export const storageFaults: Scenario = {
  name: 'storage_faults',
  group: 'corruption',
  purpose: 'rotten, torn and misdirected sectors, crashes; a calm network',
  faults: 'read, write and misdirected faults of 5 %, crashes with torn writes',
  workload: 'as drawn',
  property: 'corrupt is not absent: nothing acknowledged is lost or denied',
  witnesses: [
    { counter: 'corruptReads', least: 1 },
    { counter: 'crashes', least: 1 },
  ],
  options: storageFaultOptions,
};
