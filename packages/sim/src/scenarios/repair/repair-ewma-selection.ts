import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Peers of very different speed. */
export const repairEwmaSelection: Scenario = {
  name: 'RepairEwmaSelection',
  title: 'Repair: EWMA Selection',
  group: 'repair',
  purpose: 'fast peers are asked, slow ones tried now and then',
  faults: 'two of five replicas slow for good, delays of up to 50 ms, bodies that rot one by one',
  workload: 'four clients that ask now and then',
  property: 'repair ends although some peers are slow',
  witnesses: [
    { counter: 'graySlow', least: 2 },
    { counter: 'preparesRepaired', least: 5 },
    { counter: 'repairChoices', least: 100 },
    { counter: 'repairsOfSlow', least: 1 },
    // By chance it would be half of them.
    { counter: 'repairsOfSlowPermille', least: 0, most: 350 },
  ],
  options: (seed) => ({
    ...healthy(seed, 5),
    clients: { ...CLIENTS_BUSY, requestProbability: 0.02 },
    network: {
      ...NETWORK_CALM,
      delayMinMicros: 1_000,
      delayMeanMicros: 20_000,
      capacity: 1000,
      reorder: true,
    },
    atlas: { wal: true, blocks: false },
    storage: { ...STORAGE_CALM, latentFaultProbability: 0.5 },
    scrub: { tourTicks: 100, bytesPerTick: 1_000_000 },
    gray: { kinds: ['slow'], enterProbability: 0.05, leaveProbability: 1 / 1e6, illMax: 2 },
  }),
};
