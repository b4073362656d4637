import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** The others go on as long as they have a quorum. */
export const loneFullDisks: Scenario = {
  name: 'lone_full_disks',
  group: 'gray',
  purpose: 'one disk is full while the others have room',
  faults: 'one data file at a time cannot grow, for seconds',
  workload: 'rows, which nothing is deleted of',
  property: 'a primary that alone has no room gives way before requests wait for long',
  witnesses: [
    { counter: 'blocksWithoutRoom', least: 1 },
    { counter: 'blocksWithRoomAgain', least: 1 },
    { counter: 'abdications', least: 1 },
    { counter: 'fullDiskPrimaries', least: 0, most: 0 },
  ],
  options: (seed) => ({
    ...healthy(seed, threeOrFive(seed)),
    clientCount: 7,
    requestsTarget: 32 * 4,
    safetyTicksMax: 3_000,
    workload: 'rows',
    clients: { ...CLIENTS_BUSY, requestProbability: 0.1, queryProbability: 0 },
    fullDisks: {
      fillProbability: 1 / 50,
      clearProbability: 1 / 600,
      fullMax: 1,
      together: false,
    },
  }),
};
