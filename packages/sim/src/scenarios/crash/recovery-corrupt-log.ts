import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Restarts that find a rotten log. */
export const recoveryCorruptLog: Scenario = {
  name: 'RecoveryCorruptLog',
  group: 'crash',
  purpose: 'a restart with a bad log repairs it from peers',
  faults: 'crashes, and read faults of 20 % when the log is read back',
  workload: 'four busy clients',
  property: 'a start never takes rot for an end of the log',
  witnesses: [
    { counter: 'corruptReads', least: 3 },
    { counter: 'rotAtStart', least: 2 },
    { counter: 'corruptReadsHealed', least: 1 },
    { counter: 'restarts', least: 3 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.2,
        writeFaultProbability: 0.05,
        misdirectProbability: 0,
        crashFaultProbability: 0.5,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 300,
        crashDelayEventsMax: 50,
        restartProbability: 1 / 20,
      },
    };
  },
};
