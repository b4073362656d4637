import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { storageFaultOptions } from './storage-faults.ts';

/** Heads are doubted often, and for long: rot, crashes at every turn, and slow answers. */
export const uncertainHeads: Scenario = {
  name: 'uncertain_heads',
  group: 'corruption',
  purpose: 'replicas that doubt their heads, crash while they do, and are answered slowly',
  faults: 'read faults of 20 %, a crash each second, links of 20 to 120 ms',
  workload: 'as drawn',
  property: 'a replica that doubts its head neither denies nor votes',
  witnesses: [
    { counter: 'crashes', least: 5 },
    { counter: 'recoveringHeads', least: 3 },
    { counter: 'crashesInDoubt', least: 1 },
  ],
  options: (seed) => {
    const options = storageFaultOptions(seed);
    return {
      ...options,
      requestsTarget: options.config.walSlots * 3,
      // Where the atlas lets little rot, no head is ever in doubt.
      atlas: { wal: true, blocks: true, rotten: true },
      network: { ...NETWORK_CALM, delayMinMicros: 20_000, delayMeanMicros: 100_000 },
      storage: { ...options.storage, readFaultProbability: 0.2, misdirectProbability: 0 },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 100,
        crashDelayEventsMax: 50,
        restartProbability: 1 / 5,
      },
    };
  },
};
