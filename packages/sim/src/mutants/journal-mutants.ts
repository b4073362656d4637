import type { Mutant } from './mutant.ts';

const CLEAR_SLOTS = 'vsr/src/replica/clear-slots.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const RECOVER = 'vsr/src/journal/recover.ts';
const REPAIR = 'vsr/src/replica/repair.ts';

/** The log on disk: the order of its writes and what a start makes of it. */
export const JOURNAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'header_before_body',
    entry: 'M23',
    bug: 'the redundant header is written together with the body',
    edits: [
      {
        file: JOURNAL,
        find: 'this.out.writePrepare(slot, message);',
        replace:
          'this.out.writePrepare(slot, message);\n' +
          '        const early = this.entries[slot] ?? null;\n' +
          '        if (early !== null) this.wantHeader(slot, early);',
      },
    ],
  },
  {
    name: 'truncated_ops_come_back',
    entry: 'M42',
    bug: 'after a restart the ring is believed beyond what the durable view headers permit',
    edits: [
      {
        file: RECOVER,
        find: 'if (!normal || entry.header.view !== superblock.logView) slots[index] = keepFault(slot);',
        replace: '',
      },
    ],
  },
  {
    name: 'slot_cleared_while_head_uncertain',
    bug: 'unreadable slots above the known head are written over before the head is certain',
    scenario: 'uncertain_heads',
    edits: [
      {
        file: REPAIR,
        find: '  requestMissingBlocks(r);\n',
        replace: '  requestMissingBlocks(r);\n  clearUnusedSlots(r);\n',
      },
      {
        file: CLEAR_SLOTS,
        find: "if (r.status !== 'normal' || !r.restored || !isChainComplete(r)) return;",
        replace: 'void isChainComplete;',
      },
      {
        file: CLEAR_SLOTS,
        find: 'if (r.superblock.durable.logView !== r.view) return;',
        replace: '',
      },
    ],
  },
  {
    name: 'rot_taken_for_torn',
    bug: 'an unreadable body with an old header is always taken for an unfinished write',
    edits: [
      {
        file: RECOVER,
        find: 'const tornPossible = tornSlots <= writesMax && looksTorn(read, superblock.checkpoint.op);',
        replace: "const tornPossible = read.prepare === 'bad';",
      },
    ],
  },
  {
    name: 'head_always_certain',
    bug: 'unknown slots above the head do not make it uncertain',
    scenario: 'uncertain_heads',
    edits: [
      {
        file: RECOVER,
        find: '    return distance > reach || distance === 0;',
        replace: '    return distance > reach || distance === 0 || facts.walSlots > 0;',
      },
    ],
  },
  {
    name: 'doubtful_body_counts',
    bug: 'a body beside an unreadable header counts as what was acknowledged',
    edits: [
      {
        file: RECOVER,
        find: 'return { entry: read.prepare, dirty: true, faulty: true, fix: true };',
        replace: 'return { entry: read.prepare, dirty: false, faulty: false, fix: true };',
      },
    ],
  },
  {
    name: 'repair_by_number',
    bug: 'a repair takes any prepare of the right number',
    scenario: 'duelling_views',
    edits: [
      {
        file: REPAIR,
        find: 'if (op > r.op || !decided || !r.journal.has(op, checksum)) {',
        replace: 'if (op > r.op || !decided || r.journal.header(op) === null) {',
      },
      {
        file: JOURNAL,
        find:
          '    assert(this.has(op, checksum), ' +
          "'the header was decided before the body is written');\n" +
          "    assert(!this.isDurable(op), 'only what is missing is written');",
        replace:
          '    if (!this.has(op, checksum)) this.setHeader({ header: message.header, bytes: message.bytes.slice(0, HEADER_SIZE) });',
      },
    ],
  },
  {
    name: 'header_repair_without_chain',
    bug: 'a missing header is taken from a peer whatever the one above it says',
    scenario: 'duelling_views',
    edits: [
      {
        file: REPAIR,
        find: '    if (above === null || above.header.parent !== entry.header.checksum) continue;\n',
        replace: '    if (above === null) continue;\n',
      },
    ],
  },
  {
    name: 'fault_forgotten_at_truncation',
    bug: 'dropping an op from the log forgets that its slot is unreadable',
    scenario: 'uncertain_heads',
    edits: [
      {
        file: JOURNAL,
        find: '    this.setDirty(slot, this.faulty[slot] === 1 ? 1 : 0);',
        replace: '    this.faulty[slot] = 0;\n' + '    this.setDirty(slot, 0);',
      },
    ],
  },
];
