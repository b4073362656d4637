import type { Mutant } from './mutant.ts';

const SUPERBLOCK_QUORUM = 'vsr/src/superblock/superblock-quorum.ts';
const SUPERBLOCK_WRITER = 'vsr/src/superblock/superblock-writer.ts';
const SUPERBLOCK_UPDATE = 'vsr/src/replica/checkpoint/superblock-update.ts';

/** The superblock: its copies, and how many of them must agree. */
export const SUPERBLOCK_MUTANTS: readonly Mutant[] = [
  {
    name: 'superblock_of_one_copy',
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
  {
    name: 'superblock_copies_at_once',
    bug: 'all copies of the superblock are written at the same time',
    edits: [
      {
        file: SUPERBLOCK_WRITER,
        find: '  /** A copy is on disk. */\n' + '  onWritten(): SuperblockStep {\n',
        replace:
          '  private outstanding = 1;\n' +
          '\n' +
          '  /** One more copy, while there are any. */\n' +
          '  another(): { readonly copy: number; readonly bytes: Uint8Array } | null {\n' +
          '    const copy = this.copiesToWrite.shift();\n' +
          '    if (copy === undefined) return null;\n' +
          '    this.outstanding += 1;\n' +
          '    const bytes = this.bytes.slice();\n' +
          '    stampCopy(bytes, copy);\n' +
          '    return { copy, bytes };\n' +
          '  }\n' +
          '\n' +
          '  /** A copy is on disk. */\n' +
          '  onWritten(): SuperblockStep {\n' +
          '    this.outstanding -= 1;\n' +
          "    if (this.outstanding > 0) return { kind: 'idle' };\n" +
          '    this.outstanding = 1;\n',
      },
      {
        file: SUPERBLOCK_UPDATE,
        find: "      r.out.push({ kind: 'write_superblock', copy: step.copy, bytes: step.bytes });\n",
        replace:
          "      r.out.push({ kind: 'write_superblock', copy: step.copy, bytes: step.bytes });\n" +
          '      for (;;) {\n' +
          '        const more = r.superblock.another();\n' +
          '        if (more === null) break;\n' +
          "        r.out.push({ kind: 'write_superblock', ...more });\n" +
          '      }\n',
      },
    ],
  },
  {
    name: 'superblock_not_read_back',
    bug: 'a superblock counts as durable without being read back',
    edits: [
      {
        file: SUPERBLOCK_WRITER,
        find: '    if (SUPERBLOCK_COPIES - bad.length < SUPERBLOCK_WRITE_QUORUM) {',
        replace: '    if (SUPERBLOCK_COPIES - bad.length < 0) {',
      },
    ],
  },
];
