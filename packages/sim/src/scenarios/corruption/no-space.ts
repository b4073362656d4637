import type { SimulationOptions } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { storageFaultOptions } from './storage-faults.ts';

function options(seed: bigint): SimulationOptions {
  const faults = storageFaultOptions(seed);
  return {
    ...faults,
    workload: 'kernel',
    config: { ...faults.config, stateBytesMax: seed % 2n === 0n ? 1_500 : 6_000 },
  };
}

/** The limit of the state is met again and again, among crashes and rotten sectors. */
export const noSpace: Scenario = {
  name: 'no_space',
  group: 'corruption',
  purpose: 'a state that is full: growth is refused, reads and deletes go on',
  faults: 'as storage_faults; a limit of a few kilobytes for keys and streams',
  workload: 'kernel',
  property: 'all replicas refuse the same calls, before and after crashes, as the model does',
  witnesses: [
    { counter: 'noSpaceRefusals', least: 5 },
    { counter: 'crashes', least: 3 },
  ],
  options,
};
