import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Disks that store something else than they are given. */
export const corruptionSilentDiskFailure: Scenario = {
  name: 'CorruptionSilentDiskFailure',
  group: 'corruption',
  purpose: 'disks that silently store wrong bytes, at wrong places, or nothing',
  faults:
    'write faults of 5 %, misdirected writes of 40 %, lost writes of 10 %, read faults of 2 %; ' +
    'writes that fail',
  workload: 'four busy clients',
  property: 'what a disk lies about is found when it is read, and repaired',
  witnesses: [
    { counter: 'misdirectedWrites', least: 1 },
    { counter: 'corruptReads', least: 2 },
    { counter: 'corruptReadsHealed', least: 1 },
    { counter: 'writesDropped', least: 1 },
    { counter: 'writesFailed', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.02,
        writeFaultProbability: 0.05,
        misdirectProbability: 0.4,
        crashFaultProbability: 0,
        writeErrorProbability: 0.001,
        droppedWriteProbability: 0.1,
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
