import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Crashes at votes, new views and what makes them durable. */
export const crashDuringViewChange: Scenario = {
  name: 'CrashDuringViewChange',
  group: 'crash',
  purpose: 'crashes in the middle of view changes stay safe',
  faults: 'primaries cut off; a tenth of the steps of a view change end in a crash; loss 10 %',
  workload: 'four busy clients',
  property: 'views and log views survive, the chosen log is the right one',
  witnesses: [
    { counter: 'crashesAtEvents', least: 3 },
    { counter: 'viewChangesCompleted', least: 3 },
  ],
  options: (seed) => {
    const base = healthy(seed, threeOrFive(seed));
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 100,
        delayMeanMicros: 3_000,
        lossProbability: 0.1,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
      },
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9 },
      partitions: {
        modes: ['isolate_primary'],
        symmetry: 'mixed',
        beginProbability: 0.01,
        healProbability: 0.03,
        stableTicksMin: 30,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashAt: { events: ['status', 'vote', 'view_durable', 'primary'], probability: 0.1 },
        crashDelayEventsMax: 10,
        restartProbability: 1 / 20,
      },
    };
  },
};
