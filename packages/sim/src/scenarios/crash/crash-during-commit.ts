import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Crashes in the very step that executes. */
export const crashDuringCommit: Scenario = {
  name: 'CrashDuringCommit',
  group: 'crash',
  purpose: 'crashes in the middle of executing stay consistent',
  faults: 'one commit in a hundred is a crash, or soon ends in one',
  workload: 'four busy clients',
  property: 'a commit that was cut short is done again, the same',
  witnesses: [{ counter: 'crashesAtEvents', least: 5 }],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9 },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashAt: { events: ['committed'], probability: 0.01 },
        crashDelayEventsMax: 3,
        restartProbability: 1 / 20,
      },
    };
  },
};
