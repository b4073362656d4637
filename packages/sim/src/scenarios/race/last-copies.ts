import { NETWORK_CALM } from '../../network/network.ts';
import { PARTITIONS_OFF } from '../../network/partitions.ts';
import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Ops that everybody knows by their headers, from the log of a view, and nobody has but the one who
 * prepared them; and he stays away. Nothing but the proof that they never committed lets the others
 * go on.
 */
export const lastCopies: Scenario = {
  name: 'last_copies',
  group: 'race',
  purpose: 'ops that a log names and whose only body is with a replica that goes away for long',
  faults: 'nearly all prepares lost; replicas start again at once, or stay down for long',
  workload: 'two clients',
  property: 'an op that provably never committed is given up',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 2 },
    // Last, so that the others must go on from there without him.
    { counter: 'lastCopies', least: 1 },
  ],
  options: (seed) => ({
    ...withReplicas(drawn(seed), 3),
    clientCount: 2,
    requestsTarget: 2,
    safetyTicksMax: 6_000,
    atlas: { wal: false, blocks: false },
    storage: STORAGE_CALM,
    partitions: PARTITIONS_OFF,
    gray: GRAY_OFF,
    network: { ...NETWORK_CALM, lossByCommand: { prepare: 0.9 } },
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashProbability: 1 / 150,
      crashDelayEventsMax: 20,
      restartProbability: 1 / 20,
    },
  }),
};
