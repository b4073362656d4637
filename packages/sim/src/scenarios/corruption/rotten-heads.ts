import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import type { Scenario } from '../scenario.ts';
import { storageFaultOptions } from './storage-faults.ts';

/**
 * Each crash hides the end of the log where the atlas allows it: the last op that was acknowledged,
 * its redundant header and all. Views last, so the superblock knows nothing of it but what the last
 * checkpoint told; and crashes come right after checkpoints, whose own op then is the head.
 */
export const rottenHeads: Scenario = {
  name: 'rotten_heads',
  group: 'corruption',
  purpose: 'logs whose last ops and their redundant headers are both unreadable at a start',
  faults: 'the end of the log rots at each crash; crashes, mostly after a checkpoint',
  workload: 'four slow clients',
  property: 'what was acknowledged is neither forgotten nor denied',
  witnesses: [
    { counter: 'crashes', least: 5 },
    { counter: 'hiddenHeads', least: 1 },
  ],
  options: (seed) => {
    const options = storageFaultOptions(seed);
    return {
      ...options,
      clientCount: 4,
      requestsTarget: options.config.walSlots * 3,
      safetyTicksMax: 5_000,
      atlas: { wal: true, blocks: false, rotten: true },
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9, headFaultProbability: 1 },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 500,
        crashDelayEventsMax: 5,
        restartProbability: 1 / 20,
        crashAt: { events: ['checkpoint_durable'], probability: 0.3 },
      },
      clients: { ...options.clients, requestProbability: 0.02, idleOnProbability: 0 },
    };
  },
};
