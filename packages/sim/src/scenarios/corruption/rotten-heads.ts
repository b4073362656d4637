import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { storageFaultOptions } from './storage-faults.ts';

/**
 * Backups that start again and again over a log whose end cannot be read, while the primary goes
 * on: in a long view the superblock knows nothing of the head, and what hides it is rot alone.
 */
export const rottenHeads: Scenario = {
  name: 'rotten_heads',
  group: 'corruption',
  purpose: 'logs whose last ops and their redundant headers are both unreadable at a start',
  faults: 'read faults of 30 %, crashes, the logs of views delivered again',
  workload: 'as drawn, from eight clients',
  property: 'what was acknowledged is neither forgotten nor denied',
  witnesses: [
    { counter: 'crashes', least: 5 },
    { counter: 'corruptReads', least: 10 },
  ],
  options: (seed) => {
    const options = storageFaultOptions(seed);
    return {
      ...options,
      clientCount: 8,
      requestsTarget: options.config.walSlots * 6,
      network: {
        ...NETWORK_CALM,
        delayMeanMicros: 10_000,
        echoProbability: 0.9,
        echoMeanMicros: 1_000_000,
        echoCommands: ['startView'],
      },
      storage: { ...options.storage, readFaultProbability: 0.3, misdirectProbability: 0 },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 150,
        crashDelayEventsMax: 50,
        restartProbability: 1 / 5,
      },
      clients: { ...options.clients, requestProbability: 0.5, idleOnProbability: 0 },
    };
  },
};
