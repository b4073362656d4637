import type { Mutant } from './mutant.ts';

const STARTUP = 'vsr/src/replica/startup.ts';
const CLEAR_SLOTS = 'vsr/src/replica/view-change/clear-slots.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const RECOVER = 'vsr/src/journal/recover.ts';
const SLOT_READ = 'vsr/src/journal/slot-read.ts';
const REPAIR = 'vsr/src/replica/repair/repair.ts';

/** The log on disk: the order of its writes and what a start makes of it. */
export const JOURNAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'header_before_body',
    bug: 'the redundant header is written together with the body',
    edits: [
      {
        file: JOURNAL,
        find: 'this.startBody(slot, message);',
        replace:
          'this.startBody(slot, message);\n' +
          '        const early = this.entries[slot] ?? null;\n' +
          '        if (early !== null) this.headers.want(slot, early);',
      },
      {
        file: JOURNAL,
        find: "assert(this.writing[slot] === null, 'what is being written over is not vouched for');",
        replace: 'if (this.writing[slot] !== null) continue;',
      },
    ],
  },
  {
    name: 'truncated_ops_come_back',
    bug: 'after a restart the ring is believed beyond what the durable view headers permit',
    scenario: 'last_copies',
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
        find: "  requestMissingBlocks(r, 'urgent');\n",
        replace: "  requestMissingBlocks(r, 'urgent');\n  clearUnusedSlots(r);\n",
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
    name: 'header_repair_without_chain',
    bug: 'a missing header is taken from a peer whatever the one above it says',
    scenario: 'duelling_views',
    harmless:
      'what does not fit below the chain is dropped again as soon as it is linked: the check is a second guard',
    edits: [
      {
        file: REPAIR,
        find: '    if (above === null || above.header.parent !== entry.header.checksum) continue;\n',
        replace: '    if (above === null) continue;\n',
      },
    ],
  },
  {
    name: 'uncertain_head_believed',
    bug: 'a head that corruption may hide is taken for certain',
    scenario: 'rotten_heads',
    edits: [
      {
        file: STARTUP,
        find: '} else if (!r.headCertain) {',
        replace: '} else if (!r.headCertain && r.tick < 0) {',
      },
    ],
  },
  {
    name: 'head_always_certain',
    bug: 'unknown slots above the head do not make it uncertain',
    scenario: 'rotten_heads',
    edits: [
      {
        file: RECOVER,
        find: '    return distance > reach || distance === 0;',
        replace: '    return distance > reach || distance === 0 || facts.walSlots > 0;',
      },
    ],
  },
  {
    name: 'repair_by_number',
    bug: 'a repair takes any prepare of the right number',
    scenario: 'ghost_prepares',
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
    name: 'head_above_the_superblock_doubted',
    bug: 'a head that the superblock does not name is taken for doubtful, though no slot is',
    scenario: 'power_cuts',
    edits: [
      {
        file: RECOVER,
        find:
          'headCertain: !normal || isHeadCertain(unknown, ' +
          '{ head, writesMax, walSlots: config.walSlots }),',
        replace:
          'headCertain: !normal || (head === durableHead && isHeadCertain(unknown, ' +
          '{ head, writesMax, walSlots: config.walSlots })),',
      },
    ],
  },
  {
    name: 'late_header_vouches',
    bug: 'the header of an op that comes back counts, though another body was written over it',
    scenario: 'late_headers',
    edits: [
      {
        file: JOURNAL,
        find: "'never two writes in one slot');\n    this.headers.forget(slot);",
        replace: "'never two writes in one slot');",
      },
      {
        file: JOURNAL,
        find: "assert(this.writing[slot] === null, 'what is being written over is not vouched for');",
        replace: 'if (this.writing[slot] !== null) continue;',
      },
    ],
  },
  {
    name: 'rotten_bodies_left',
    bug: 'a body that a start finds rotten is never asked for',
    scenario: 'RecoveryCorruptLog',
    edits: [
      {
        file: REPAIR,
        find: 'if (entry === null || r.journal.isReadable(op)) return false;',
        replace:
          'if (entry === null || r.journal.isReadable(op) || r.journal.isFaulty(op)) return false;',
      },
    ],
  },
  {
    name: 'header_of_another_slot_believed',
    bug: 'a whole header counts in whatever slot it stands',
    scenario: 'CorruptionSilentDiskFailure',
    edits: [
      {
        file: SLOT_READ,
        find: "return header.op % facts.config.walSlots === walSlot ? header : 'other_slot';",
        replace: 'return header;',
      },
    ],
  },
];
