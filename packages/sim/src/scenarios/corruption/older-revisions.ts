import type { SimulationOptions } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { storageFaultOptions } from './storage-faults.ts';

function options(seed: bigint): SimulationOptions {
  const faults = storageFaultOptions(seed);
  const kept = [4, 40, 400][Number(seed % 3n)] ?? 0;
  return {
    ...faults,
    workload: 'kernel',
    config: { ...faults.config, stateBytesMax: 0, historyRevisions: kept },
  };
}

/** What was replaced is read, and forgotten, among crashes and rotten sectors. */
export const olderRevisions: Scenario = {
  name: 'older_revisions',
  group: 'corruption',
  purpose: 'reads of older revisions while they are compacted by command and by themselves',
  faults: 'as storage_faults; 4, 40 or 400 revisions are kept',
  workload: 'kernel',
  property: 'what can be read is as it was, what cannot is refused; checkpoints stay identical',
  witnesses: [
    { counter: 'revisionReads', least: 20 },
    { counter: 'compactedRefusals', least: 1 },
    { counter: 'crashes', least: 1 },
  ],
  options,
};
