import type { Mutant } from './mutant.ts';

const SUPERBLOCK_QUORUM = 'vsr/src/superblock/superblock-quorum.ts';

/** The superblock: its copies, and how many of them must agree. */
export const SUPERBLOCK_MUTANTS: readonly Mutant[] = [
  {
    name: 'superblock_of_one_copy',
    entry: 'M25, M26',
    bug: 'one copy of the superblock is enough at open',
    harmless:
      'copies are written one after another, only the one in flight can tear, and a start ' +
      'repairs all before it writes again: the newest whole copy is never lost',
    edits: [
      {
        file: SUPERBLOCK_QUORUM,
        find: 'count >= SUPERBLOCK_READ_QUORUM',
        replace: 'count >= 1',
      },
    ],
  },
];
