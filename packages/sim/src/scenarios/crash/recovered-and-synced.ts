import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/**
 * A replica misses the op that names the new file of another, and fetches a checkpoint from beyond
 * it: the two are a quorum only if the state that it fetched told it of that file.
 */
export const recoveredAndSynced: Scenario = {
  name: 'recovered_and_synced',
  group: 'crash',
  purpose:
    'a new file in place of a lost one, and a peer that learns of it from a checkpoint alone',
  faults:
    'disks lost and recovered, one at a time; one replica at a time cut off for many checkpoints',
  workload: 'six busy clients',
  property: 'who takes over a checkpoint takes over the files that it names',
  witnesses: [
    { counter: 'disksRecovered', least: 1 },
    { counter: 'filesFromCheckpoints', least: 1 },
  ],
  options: (seed) => ({
    ...withReplicas(drawn(seed), 5),
    clientCount: 6,
    requestsTarget: 32 * 8,
    safetyTicksMax: 4_000,
    clients: { ...CLIENTS_BUSY, requestProbability: 0.1, queryProbability: 0.02 },
    introduced: true,
    atlas: { wal: false, blocks: false },
    network: NETWORK_CALM,
    storage: STORAGE_CALM,
    gray: GRAY_OFF,
    processes: PROCESS_FAULTS_OFF,
    lostDisk: {
      probability: 1 / 100,
      recoverProbability: 1 / 100,
      returnProbability: 0,
      disksMax: 20,
    },
    partitions: {
      modes: ['isolate_one'],
      symmetry: 'symmetric',
      beginProbability: 0.5,
      healProbability: 0.004,
      stableTicksMin: 30,
    },
  }),
};
