import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Rot that reads find. */
export const corruptionBitFlip: Scenario = {
  name: 'CorruptionBitFlip',
  group: 'corruption',
  purpose: 'bits of sectors flip and checksums catch it',
  faults: 'read faults of 5 %, crashes so that there is reading',
  workload: 'four busy clients',
  property: 'corrupt is not absent; what rots is repaired from peers',
  witnesses: [
    { counter: 'corruptReads', least: 3 },
    { counter: 'corruptReadsHealed', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.05,
        writeFaultProbability: 0,
        misdirectProbability: 0,
        crashFaultProbability: 0,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 500,
        crashDelayEventsMax: 50,
        restartProbability: 1 / 20,
      },
    };
  },
};
