import { OLD_FILES_OFTEN } from '../../run/old-files.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Neither of two bad files may vouch for the other. */
export const oldAndLostFiles: Scenario = {
  name: 'old_and_lost_files',
  group: 'crash',
  purpose: 'one replica starts from an older copy of its file while another one has lost its own',
  faults: 'of two replicas, each as in old_files and in lost_disk, at once; no rot',
  workload: 'as drawn',
  property: 'an old file promises nothing, nor does a new one that only an old one has let in',
  witnesses: [
    { counter: 'oldFilesBesideLost', least: 1 },
    { counter: 'oldFilesRefused', least: 1 },
    { counter: 'disksRecovered', least: 1 },
  ],
  options: (seed) => ({
    ...withReplicas(drawn(seed), 4 + Number(seed % 3n)),
    // The bad copies that there is room for are the old file and the lost one.
    atlas: { wal: false, blocks: false },
    introduced: true,
    lostDisk: {
      probability: 1 / 50,
      recoverProbability: 1 / 50,
      returnProbability: seed % 2n === 0n ? 0 : 1 / 100,
      disksMax: 100,
    },
    oldFiles: OLD_FILES_OFTEN,
  }),
};
