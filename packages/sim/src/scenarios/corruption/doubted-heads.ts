import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import type { Scenario } from '../scenario.ts';
import { storageFaultOptions } from './storage-faults.ts';

/**
 * Replicas that doubt their heads and find nobody to end it: the answers to what they ask are
 * mostly lost, while views change around them, and the log with which their own view began, from
 * before what they acknowledged in it, is delivered again and again.
 */
export const doubtedHeads: Scenario = {
  name: 'doubted_heads',
  group: 'corruption',
  purpose: 'heads in doubt for long, while views change and old logs of the view come again',
  faults: 'the end of the log rots at each crash; most start_views lost, others echoed for seconds',
  workload: 'eight clients',
  property: 'a replica that doubts its head neither votes nor believes an old log of its view',
  witnesses: [
    { counter: 'recoveringHeads', least: 2 },
    { counter: 'viewChangesCompleted', least: 2 },
  ],
  options: (seed) => {
    const options = storageFaultOptions(seed);
    return {
      ...options,
      clientCount: 8,
      requestsTarget: options.config.walSlots * 2,
      safetyTicksMax: 4_000,
      atlas: { wal: true, blocks: false, rotten: true },
      network: {
        ...NETWORK_CALM,
        delayMeanMicros: 10_000,
        lossByCommand: { startView: 0.8, requestStartView: 0.7 },
        echoProbability: 0.95,
        echoMeanMicros: 1_500_000,
        echoCommands: ['startView'],
      },
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9, headFaultProbability: 1 },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 150,
        crashDelayEventsMax: 20,
        restartProbability: 1 / 5,
      },
      clients: { ...options.clients, requestProbability: 0.2, idleOnProbability: 0 },
    };
  },
};
