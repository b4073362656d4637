import { CONGESTION_OFF } from '../../network/congestion.ts';
import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import type { Scenario } from '../scenario.ts';
import { duellingViews } from './duelling-views.ts';

/**
 * Prepares of ops that were given up come again, seconds later, while another op of the same number
 * is known by its header alone and waits for its body.
 */
export const ghostPrepares: Scenario = {
  name: 'ghost_prepares',
  group: 'race',
  purpose: 'prepares of dropped ops that come back where another op of their number is missing',
  faults: 'views of a few ops; half of the prepares lost, the others delivered again for seconds',
  workload: 'four slow clients',
  property: 'a body is repaired by checksum, never by number',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 5 },
    { counter: 'packetsEchoed', least: 50 },
    { counter: 'opsTruncated', least: 1 },
  ],
  options: (seed) => {
    const options = duellingViews.options(seed);
    return {
      ...options,
      requestsTarget: options.config.walSlots * 2,
      safetyTicksMax: 5_000,
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9 },
      gray: GRAY_OFF,
      network: {
        ...options.network,
        lossProbability: 0.05,
        lossByCommand: { prepare: 0.5 },
        replayProbability: 0,
        congestion: CONGESTION_OFF,
        echoProbability: 0.9,
        echoMeanMicros: 2_000_000,
        echoCommands: ['prepare'],
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 200,
        crashDelayEventsMax: 20,
        restartProbability: 1 / 5,
      },
    };
  },
};
