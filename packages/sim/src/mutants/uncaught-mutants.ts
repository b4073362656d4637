import type { Mutant } from './mutant.ts';

/**
 * Planted bugs that no run has caught yet: each is a gap in the simulator, with what it takes in
 * docs/vopr.md. They are planted by name only, so that a build tells new gaps from these.
 */
export const UNCAUGHT_MUTANTS: readonly Mutant[] = [
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
