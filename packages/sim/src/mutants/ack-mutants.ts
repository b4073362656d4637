import type { Mutant } from './mutant.ts';

const PREPARE_OK = 'vsr/src/replica/normal/prepare-ok.ts';
const ACKNOWLEDGE = 'vsr/src/replica/normal/acknowledge.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const PREPARE = 'vsr/src/replica/normal/prepare.ts';
const SEND = 'vsr/src/replica/send.ts';
const STEP = 'vsr/src/replica/step.ts';
const PRIMARY_START = 'vsr/src/replica/view-change/primary-start.ts';

/** Acknowledgements: who counts for what, and when it may be said. */
export const ACK_MUTANTS: readonly Mutant[] = [
  {
    name: 'double_counted_votes',
    bug: 'a repeated prepare_ok of one replica counts as a second vote',
    edits: [
      {
        file: PREPARE_OK,
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
        file: PREPARE_OK,
        find: 'setCount(first.acks) < r.quorums.replication',
        replace: 'setCount(first.acks) < r.quorums.replication - 1',
      },
    ],
  },
  {
    name: 'own_vote_before_own_disk',
    bug: 'the primary counts its own copy before it is on its disk',
    edits: [
      {
        file: PREPARE,
        find: 'primary.pipeline.push({ message, acks: 0, sentAt: r.tick, preparedAt: r.monotonic });',
        replace:
          'primary.pipeline.push({ message, acks: 1 << r.slot, sentAt: r.tick, preparedAt: r.monotonic });',
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
        find: '  private drop(slot: number): void {',
        replace:
          '  believeDurable(slot: number): void {\n    this.setDirty(slot, 0);\n  }\n\n' +
          '  opIn(slot: number): Op {\n' +
          '    return this.entries[slot]?.header.op ?? (0 as Op);\n  }\n\n' +
          '  private drop(slot: number): void {',
      },
    ],
  },
  {
    name: 'hole_acknowledged',
    bug: 'an acknowledgement of an op counts for all before it',
    edits: [
      {
        file: PREPARE_OK,
        find: 'countAck(r, entry, header.replica);',
        replace:
          'for (const earlier of [...r.primary.pipeline]) {\n' +
          '    if (earlier.message.header.op <= header.op) countAck(r, earlier, header.replica);\n  }',
      },
    ],
  },
  {
    name: 'stale_prepare_ok_counted',
    bug: 'a prepare_ok of an older view counts',
    scenario: 'late_acknowledgements',
    edits: [
      {
        file: PREPARE_OK,
        find:
          'if (!isPrimary(r) || header.view !== r.view) {\n' +
          "    drop(r, message, 'stale_view');",
        replace:
          'if (!isPrimary(r) || header.view > r.view) {\n' + "    drop(r, message, 'stale_view');",
      },
    ],
  },
  {
    name: 'acks_kept_across_views',
    bug: 'the acknowledgements of a pipeline entry outlive its view',
    scenario: 'late_acknowledgements',
    edits: [
      {
        file: PREPARE_OK,
        find: '/** Counts who has it on disk and commits, in order, what has its quorum. */\n',
        replace:
          'const KEPT = new WeakMap<Replica, Map<bigint, number>>();\n' +
          '\n' +
          'export function keptAcks(r: Replica): Map<bigint, number> {\n' +
          '  const kept = KEPT.get(r) ?? new Map<bigint, number>();\n' +
          '  KEPT.set(r, kept);\n' +
          '  return kept;\n' +
          '}\n' +
          '\n',
      },
      {
        file: PREPARE_OK,
        find: '  entry.acks = setAdd(entry.acks, slot);\n',
        replace:
          '  entry.acks = setAdd(entry.acks, slot);\n' +
          '  keptAcks(r).set(entry.message.header.checksum, entry.acks);\n',
      },
      {
        file: PRIMARY_START,
        find:
          'else pipeline.push({ message, acks: 0, sentAt: r.tick, ' + 'preparedAt: r.monotonic });',
        replace:
          'else {\n' +
          '      const kept = keptAcks(r).get(message.header.checksum) ?? 0;\n' +
          '      const since = { sentAt: r.tick, preparedAt: r.monotonic };\n' +
          '      pipeline.push({ message, acks: kept, ...since });\n' +
          '    }',
      },
      {
        file: PRIMARY_START,
        find: "import { indexInFlight, sendPipeline } from '../normal/prepare.ts';\n",
        replace:
          "import { indexInFlight, sendPipeline } from '../normal/prepare.ts';\n" +
          "import { keptAcks } from '../normal/prepare-ok.ts';\n",
      },
    ],
  },
  {
    name: 'ack_of_another_prepare_counted',
    bug: 'a prepare_ok counts by its op alone, whatever prepare it names',
    scenario: 'late_acknowledgements',
    edits: [
      {
        file: PREPARE_OK,
        find: 'if (entry.message.header.checksum !== header.prepareChecksum) {',
        replace: 'if (header.prepareChecksum === 0n) {',
      },
      {
        file: PREPARE_OK,
        find:
          'if (!isPrimary(r) || header.view !== r.view) {\n' +
          "    drop(r, message, 'stale_view');",
        replace:
          'if (!isPrimary(r) || header.view > r.view) {\n' + "    drop(r, message, 'stale_view');",
      },
    ],
  },
  {
    name: 'ack_without_checkpoint',
    bug: 'ops above the deadline are acknowledged before the checkpoint is durable',
    edits: [
      {
        file: ACKNOWLEDGE,
        find: 'if (!r.journal.isDurable(op) || !checkpointAllows(r, op)) return;',
        replace: 'if (!r.journal.isDurable(op)) return;',
      },
      {
        file: ACKNOWLEDGE,
        find: "import { checkpointAllows } from '../checkpoint/window.ts';\n",
        replace: '',
      },
    ],
  },
  {
    name: 'ack_below_the_chain',
    bug: 'ops below a gap in the chain of headers are acknowledged',
    scenario: 'duelling_views',
    edits: [
      {
        file: ACKNOWLEDGE,
        find: 'if (!isBackup(r) || op < r.chainOp || op > r.op || op === 0) return;',
        replace: 'if (!isBackup(r) || op > r.op || op === 0) return;',
      },
      {
        file: ACKNOWLEDGE,
        find: 'const first = opMax(opNext(r.primaryCommit), r.chainOp);',
        replace: 'const first = opMax(opNext(r.primaryCommit), 0 as Op);',
      },
    ],
  },
  {
    name: 'own_copy_counted_at_view_start',
    bug: 'a new primary counts its own copy of what it has not on its disk',
    edits: [
      { file: PRIMARY_START, find: '    if (!r.journal.isDurable(op)) return;\n', replace: '' },
      {
        file: PRIMARY_START,
        find: 'else pipeline.push({ message, acks: 0, sentAt: r.tick, preparedAt: r.monotonic });',
        replace:
          'else pipeline.push({ message, acks: 1 << r.slot, sentAt: r.tick, preparedAt: r.monotonic });',
      },
    ],
  },
];
