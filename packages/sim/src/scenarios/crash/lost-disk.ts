import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** The new file has forgotten what the old one promised. */
export const lostDisk: Scenario = {
  name: 'lost_disk',
  group: 'crash',
  purpose: 'a disk is lost, and somebody formats a new one in its place',
  faults: 'one disk lost in the middle of all that is drawn, and it may come back; no rot',
  workload: 'as drawn',
  property: 'a file counts only if its peers have noted it; a quorum goes on without it',
  witnesses: [{ counter: 'strangersRefused', least: 1 }],
  options: (seed) => ({
    ...withReplicas(drawn(seed), 3 + Number(seed % 4n)),
    // The one bad copy that the atlas leaves room for is the lost one.
    atlas: { wal: false, blocks: false },
    introduced: true,
    lostDisk: {
      probability: 1 / 100,
      recoverProbability: seed % 3n === 0n ? 0 : 1 / 100,
      returnProbability: seed % 2n === 0n ? 0 : 1 / 100,
      disksMax: 100,
    },
  }),
};
