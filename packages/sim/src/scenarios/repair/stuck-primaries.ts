import { NETWORK_CALM } from '../../network/network.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Who leads first: the primary of view 1, as nobody goes on in view 0. */
const FIRST_PRIMARY = 1;

/** Blocks rot everywhere, and one replica is given none by its peers. */
export const stuckPrimaries: Scenario = {
  name: 'stuck_primaries',
  group: 'repair',
  purpose: 'a primary whose next op needs a block that rotted, and that no peer gives, gives way',
  faults: 'blocks rot as they are read and written; no block of a peer reaches the first primary',
  workload: 'four busy clients',
  property: 'ops wait for no repair that does not come: another replica leads on',
  witnesses: [
    { counter: 'corruptReads', least: 1 },
    { counter: 'abdicationsRepairStuck', least: 1 },
    { counter: 'viewChangesCompleted', least: 2 },
  ],
  options: (seed) => ({
    ...healthy(seed, threeOrFive(seed)),
    introduced: true,
    safetyTicksMax: 3_000,
    workload: 'kernel',
    atlas: { wal: false, blocks: true },
    storage: { ...STORAGE_CALM, readFaultProbability: 0.2, writeFaultProbability: 0.2 },
    network: {
      ...NETWORK_CALM,
      lossByCommand: { block: 1 },
      lossByCommandTo: FIRST_PRIMARY,
    },
  }),
};
