import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Replicas lay out their files alike, so disks of one size are full at the same checkpoint. */
export const fullDisks: Scenario = {
  name: 'full_disks',
  group: 'gray',
  purpose: 'all disks are full at the same block, and have room again later',
  faults: 'no data file can grow, for seconds',
  workload: 'more clients than a pipeline holds requests, and queries',
  property: 'writes are turned away, reads go on, no view changes; with room all goes on by itself',
  witnesses: [
    { counter: 'blocksWithoutRoom', least: 1 },
    { counter: 'blocksWithRoomAgain', least: 1 },
    { counter: 'commitStalls', least: 1 },
    { counter: 'refusalsWithoutRoom', least: 1 },
    { counter: 'queriesWithoutRoom', least: 1 },
    { counter: 'refusalsWithRoom', least: 0, most: 0 },
    { counter: 'abdications', least: 0, most: 0 },
  ],
  options: (seed) => {
    return {
      ...healthy(seed, threeOrFive(seed)),
      // More than wait when commits stand still, so that somebody is turned away.
      clientCount: 12,
      requestsTarget: 32 * 4,
      safetyTicksMax: 3_000,
      clients: { ...CLIENTS_BUSY, requestProbability: 0.05, queryProbability: 0.02 },
      fullDisks: {
        fillProbability: 1 / 20,
        clearProbability: 1 / 400,
        fullMax: 6,
        together: true,
      },
    };
  },
};
