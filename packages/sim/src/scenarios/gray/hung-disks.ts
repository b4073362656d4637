import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** The others' votes commit without the primary's disk, but only until a checkpoint falls due. */
export const hungDisks: Scenario = {
  name: 'hung_disks',
  group: 'gray',
  purpose: 'disks that take nothing new any more, under replicas that are heard all the same',
  faults: 'one disk at a time hangs, for seconds',
  workload: 'seven busy clients',
  property: 'a primary whose disk hangs gives way before requests wait for long',
  witnesses: [
    { counter: 'diskHangs', least: 1 },
    { counter: 'abdications', least: 1 },
    { counter: 'hungPrimaries', least: 0, most: 0 },
  ],
  options: (seed) => ({
    ...healthy(seed, threeOrFive(seed)),
    clientCount: 7,
    requestsTarget: 32 * 8,
    safetyTicksMax: 3_000,
    clients: { ...CLIENTS_BUSY, requestProbability: 0.1, queryProbability: 0.02 },
    hungDisks: { hangProbability: 1 / 100, resumeProbability: 1 / 600, hungMax: 1 },
  }),
};
