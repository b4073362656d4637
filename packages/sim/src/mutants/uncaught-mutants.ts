import type { Mutant } from './mutant.ts';

/**
 * Planted bugs that no run has caught yet: each is a gap in the simulator, with what it takes in
 * docs/vopr.md. They are planted by name only, so that a build tells new gaps from these.
 */
export const UNCAUGHT_MUTANTS: readonly Mutant[] = [
  {
    name: 'replaced_file_still_counted',
    bug: 'a lost file that comes back commits the very op that replaces it, and what follows',
    edits: [
      {
        file: 'vsr/src/replica/replacement.ts',
        find: 'return replacedAt !== undefined && replacedAt <= op && replacedAt > r.commitMin;',
        replace: 'return replacedAt !== undefined && replacedAt < 0;',
      },
    ],
    scenario: 'lost_disk',
  },
  {
    name: 'recovered_file_counts_at_once',
    bug: 'a new file takes part before the others know that it took the place of a lost one',
    edits: [
      {
        file: 'vsr/src/superblock/introductions.ts',
        find: 'return known >= (recovered ? Math.min(replication, all) : all);',
        replace: 'return known >= (recovered && replication > 0 ? 0 : all);',
      },
    ],
    scenario: 'lost_disk',
  },
  {
    name: 'late_header_vouches',
    bug: 'the header of an op that comes back counts, though another body was written over it',
    edits: [
      {
        file: 'vsr/src/journal/journal.ts',
        find: "'never two writes in one slot');\n    this.voidHeader(slot);",
        replace: "'never two writes in one slot');",
      },
      {
        file: 'vsr/src/journal/journal.ts',
        find: "assert(this.writing[slot] === null, 'what is being written over is not vouched for');",
        replace: 'if (this.writing[slot] !== null) continue;',
      },
    ],
  },
];
