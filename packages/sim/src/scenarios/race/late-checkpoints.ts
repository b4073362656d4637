import { LOOKS_SHARED } from '@kimberlite/kernel';
import { CONFIG_SIMULATION } from '@kimberlite/vsr';
import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** What a checkpoint leaves out is looked at by who has not made it yet, and by nobody else. */
export const lateCheckpoints: Scenario = {
  name: 'late_checkpoints',
  group: 'race',
  purpose: 'ranges of ops that end among deleted keys, which a checkpoint has left out or not yet',
  faults: 'one disk at a time 3 to 12 times slower than 5 ms a write: its checkpoints come late',
  workload: 'four clients of the kernel; by seed ranges come by no deleted key, or history is kept',
  property: 'what an op reads is the same on every replica, however far its checkpoint is',
  witnesses: [
    { counter: 'checkpoints', least: 40 },
    { counter: 'graySlowDisk', least: 1 },
  ],
  options: (seed) => ({
    ...healthy(seed),
    config: { ...CONFIG_SIMULATION, historyRevisions: seed % 2n === 0n ? 0 : 4 },
    requestsTarget: 32 * 12,
    workload: 'kernel',
    callsMax: 2,
    namespaces: 1,
    looksShared: seed % 2n === 0n ? 0 : LOOKS_SHARED,
    introduced: true,
    storage: { ...STORAGE_CALM, writeMeanMicros: 5_000 },
    gray: { kinds: ['slow_disk'], enterProbability: 0.05, leaveProbability: 0.005, illMax: 1 },
    clients: { ...CLIENTS_BUSY, requestProbability: 0.05, queryProbability: 0.02 },
  }),
};
