import type { Mutant } from './mutant.ts';

/** Bugs that were here once (docs/bugs-found.md), each brought back by its cause. */
export const BYGONE_MUTANTS: readonly Mutant[] = [
  {
    name: 'own_copy_above_the_deadline_counted',
    bug: 'a new primary counts its copies of ops above C + D while its checkpoint C is in the making',
    edits: [
      {
        file: 'vsr/src/replica/normal/prepare-ok.ts',
        find: '!r.journal.isDurable(header.op) || !checkpointAllows(r, header.op)',
        replace: '!r.journal.isDurable(header.op)',
      },
    ],
  },
  {
    name: 'block_written_twice_at_once',
    bug: 'a block that is missed again is written a second time before its first write has ended',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: 'vsr/src/replica/repair/block-repair.ts',
        find: 'if (!r.repairingBlocks.has(reference.address)) {',
        replace: 'if (r.repairingBlocks.size >= 0) {',
      },
    ],
  },
  {
    name: 'blocks_of_whole_replicas_only',
    bug: 'a replica that lacks a block gives none to others',
    scenario: 'ScrubDetectsCorruption',
    edits: [
      {
        file: 'vsr/src/replica/repair/serve.ts',
        find: '  const { header, body } = message;\n  let waiting = 0;\n',
        replace:
          '  const { header, body } = message;\n' +
          '  if (!r.restored || r.missingBlocks.size > 0) return;\n  let waiting = 0;\n',
      },
    ],
  },
];
