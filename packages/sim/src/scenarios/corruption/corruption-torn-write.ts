import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Writes cut off in the middle. */
export const corruptionTornWrite: Scenario = {
  name: 'CorruptionTornWrite',
  group: 'corruption',
  purpose: 'writes in flight are torn when the power goes',
  faults: 'crashes while writing, power cuts, writes that fail; torn writes of 90 %',
  workload: 'four busy clients',
  property: 'a torn write is told from a rotten one, and nothing acknowledged is lost',
  witnesses: [
    { counter: 'tornSectors', least: 2 },
    { counter: 'crashesWithWritesInFlight', least: 3 },
    { counter: 'writesFailed', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      storage: {
        ...STORAGE_CALM,
        writeMeanMicros: 5_000,
        crashFaultProbability: 0.9,
        writeErrorProbability: 0.001,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 1_000,
        crashWhileWritingProbability: 1 / 100,
        crashAllProbability: 1 / 1_500,
        crashDelayEventsMax: 20,
        restartProbability: 1 / 20,
      },
    };
  },
};
