import type { Mutant } from './mutant.ts';

const ACKNOWLEDGE = 'vsr/src/replica/acknowledge.ts';
const CLEAR_SLOTS = 'vsr/src/replica/clear-slots.ts';
const COMMIT = 'vsr/src/replica/commit.ts';
const EXECUTE = 'vsr/src/replica/execute.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const PREPARE = 'vsr/src/replica/prepare.ts';
const RECOVER = 'vsr/src/journal/recover.ts';
const REPAIR = 'vsr/src/replica/repair.ts';
const SELECT_LOG = 'vsr/src/replica/select-log.ts';
const SEND = 'vsr/src/replica/send.ts';
const SESSIONS = 'vsr/src/replica/sessions.ts';
const STEP = 'vsr/src/replica/step.ts';
const SUPERBLOCK_QUORUM = 'vsr/src/superblock/superblock-quorum.ts';
const CHAIN = 'vsr/src/replica/chain.ts';
const DO_VIEW_CHANGE = 'vsr/src/replica/do-view-change.ts';
const VIEW_CHANGE = 'vsr/src/replica/view-change.ts';
const WINDOW = 'vsr/src/replica/window.ts';

/**
 * The planted bugs (docs/vopr.md has the table of what catches them). Each must be caught; a test
 * keeps their texts fitting the sources.
 */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'double_counted_votes',
    bug: 'a repeated prepare_ok of one replica counts as a second vote',
    edits: [
      {
        file: PREPARE,
        find: 'entry.acks = setAdd(entry.acks, slot);',
        replace: 'entry.acks = setAdd(entry.acks, setHas(entry.acks, slot) ? 15 : slot);',
      },
    ],
  },
  {
    name: 'replication_quorum_less_one',
    bug: 'an op commits with one acknowledgement too few',
    edits: [
      {
        file: PREPARE,
        find: 'setCount(first.acks) < r.quorums.replication',
        replace: 'setCount(first.acks) < r.quorums.replication - 1',
      },
    ],
  },
  {
    name: 'view_change_quorum_less_one',
    bug: 'a log is chosen from one do_view_change too few',
    edits: [
      {
        file: SELECT_LOG,
        find: 'ballots.length < quorums.viewChange',
        replace: 'ballots.length < quorums.viewChange - 1',
      },
    ],
  },
  {
    name: 'own_vote_before_own_disk',
    bug: 'the primary counts its own copy before it is on its disk',
    edits: [
      {
        file: PREPARE,
        find: 'primary.pipeline.push({ message, acks: 0, since: r.tick });',
        replace: 'primary.pipeline.push({ message, acks: 1 << r.slot, since: r.tick });',
      },
    ],
  },
  {
    name: 'prepare_ok_before_log_view',
    bug: 'prepare_ok goes out, and new ops reach the ring, before log_view is durable',
    edits: [
      {
        file: ACKNOWLEDGE,
        find: 'if (r.superblock.durable.logView !== r.view) return;',
        replace: '',
      },
      {
        file: SEND,
        find: "    case 'prepareOk':\n    case 'startView':",
        replace: "    case 'startView':",
      },
      { file: JOURNAL, find: 'this.paused = true;', replace: 'this.paused = false;' },
    ],
  },
  {
    name: 'ack_before_flush',
    bug: 'an op is acknowledged when its body is written and its header is not',
    edits: [
      {
        file: STEP,
        find: 'r.journal.onPrepareWritten(event.walSlot, event.checksum);',
        replace:
          'r.journal.onPrepareWritten(event.walSlot, event.checksum);\n' +
          '      r.journal.believeDurable(event.walSlot);\n' +
          '      onPrepareDurable(r, r.journal.opIn(event.walSlot));',
      },
      {
        file: JOURNAL,
        find: '  private wantHeader(',
        replace:
          '  believeDurable(slot: number): void {\n    this.setDirty(slot, 0);\n  }\n\n' +
          '  opIn(slot: number): Op {\n' +
          '    return this.entries[slot]?.header.op ?? (0 as Op);\n  }\n\n' +
          '  private wantHeader(',
      },
    ],
  },
  {
    name: 'log_chosen_by_op_only',
    bug: 'the longest log wins, whatever its log_view',
    scenario: 'duelling_views',
    edits: [
      {
        file: SELECT_LOG,
        find: 'ballots.filter((ballot) => ballot.logView === logViewMax)',
        replace:
          'ballots.filter((one) => one.op === Math.max(...ballots.map(({ op }) => op))).slice(0, 1)',
      },
    ],
  },
  {
    name: 'checksum_failure_as_nack',
    bug: 'an unreadable slot is taken for one that never held the op',
    edits: [
      {
        file: JOURNAL,
        find: 'if (this.faulty[slot] === 1) return false;',
        replace: 'if (this.faulty[slot] === 1) return true;',
      },
      {
        file: DO_VIEW_CHANGE,
        find: ': !r.journal.isFaulty(at)) nackBits',
        replace: ': true) nackBits',
      },
    ],
  },
  {
    name: 'hole_acknowledged',
    bug: 'an acknowledgement of an op counts for all before it',
    edits: [
      {
        file: PREPARE,
        find: 'countAck(r, entry, header.replica);',
        replace:
          'for (const earlier of [...r.primary.pipeline]) {\n' +
          '    if (earlier.message.header.op <= header.op) countAck(r, earlier, header.replica);\n  }',
      },
    ],
  },
  {
    name: 'reply_before_commit',
    bug: 'ops execute, and are answered, as soon as they are in the log',
    edits: [
      {
        file: COMMIT,
        find: 'next <= opMin(r.commitMax, r.op)',
        replace: 'next <= opMin(opMax(r.commitMax, r.op), r.op)',
      },
      { file: COMMIT, find: 'opMin, opNext }', replace: 'opMax, opMin, opNext }' },
    ],
  },
  {
    name: 'uncheckpointed_slot_overwritten',
    bug: 'the log goes on over slots that no durable checkpoint covers',
    edits: [
      {
        file: WINDOW,
        find: 'if (required === null) return true;',
        replace: 'if (required === null || op > 0) return true;',
      },
      {
        file: PREPARE,
        find: 'r.op + 1 <= r.checkpoint.op + r.config.walSlots &&',
        replace: '',
      },
    ],
  },
  {
    name: 'client_table_at_prepare',
    bug: 'the client table moves when a request is prepared, not when it executes',
    edits: [
      {
        file: PREPARE,
        find: '  const op = opNext(r.op);\n  const head',
        replace:
          '  for (const { header } of batch) {\n' +
          '    const session = r.sessions.get(header.client);\n' +
          '    if (session === null || header.request === 0) continue;\n' +
          '    const { request, checksum: requestChecksum } = header;\n' +
          '    const none = new Uint8Array(0);\n' +
          '    r.sessions.put({ ...session, request, requestChecksum }, none);\n  }\n' +
          '  const op = opNext(r.op);\n  const head',
      },
    ],
  },
  {
    name: 'at_most_once_only_at_primary',
    bug: 'only what the primary remembers keeps a request from executing twice',
    edits: [
      {
        file: EXECUTE,
        find: "return entry.requestChecksum === session.requestChecksum ? 'duplicate' : 'collision';",
        replace: "return 'executed';",
      },
      {
        file: PREPARE,
        find: 'r.primary.inFlight.set(entry.client,',
        replace: 'void (entry.client,',
      },
    ],
  },
  {
    name: 'eviction_ties_by_map_order',
    bug: 'of sessions last used in one op, the first in the map is evicted',
    edits: [
      {
        file: SESSIONS,
        find: 'session.index < oldest.index',
        replace: 'session.index < 0',
      },
    ],
  },
  {
    name: 'nack_quorum_less_one',
    bug: 'an op is dropped with one proof of absence too few',
    edits: [{ file: SELECT_LOG, find: '>= quorums.nack)', replace: '>= quorums.nack - 1)' }],
  },
  {
    name: 'do_view_change_before_view',
    bug: 'do_view_change goes out before the view is durable',
    edits: [
      {
        file: DO_VIEW_CHANGE,
        find: 'if (durable.view !== r.view || durable.logView !== r.logView) return;',
        replace: '',
      },
      {
        file: SEND,
        find: "if (durable.view < header.view) return 'view_not_durable';\n",
        replace: '',
      },
      {
        file: VIEW_CHANGE,
        find: '  updateSuperblock(r);\n  startViewChangeTimer(r);\n}',
        replace: '  updateSuperblock(r);\n  startViewChangeTimer(r);\n  sendDoViewChange(r);\n}',
      },
      {
        file: VIEW_CHANGE,
        find: "import { voteToLeave } from './vote.ts';",
        replace:
          "import { sendDoViewChange } from './do-view-change.ts';\n" +
          "import { voteToLeave } from './vote.ts';",
      },
    ],
  },
  {
    name: 'suffix_kept_after_start_view',
    bug: 'ops above the head of a new view stay in the log',
    scenario: 'duelling_views',
    edits: [{ file: CHAIN, find: 'r.journal.truncate(log.op);', replace: '' }],
  },
  {
    name: 'parent_not_checked',
    bug: 'a prepare is appended whatever its parent',
    harmless:
      'a backup appends only the next op of the primary of its own view, whose log it installed: ' +
      'the parent always fits; the check is a second guard',
    edits: [
      {
        file: PREPARE,
        find: 'if (header.parent !== head.header.checksum) {',
        replace: 'if (header.parent === 0n) {',
      },
    ],
  },
  {
    name: 'header_before_body',
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
    name: 'commit_without_chain',
    bug: 'ops execute by number, before their headers are chained to the view',
    edits: [{ file: COMMIT, find: 'next >= r.chainOp', replace: 'next >= 0' }],
  },
];
