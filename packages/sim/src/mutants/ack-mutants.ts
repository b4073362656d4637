import type { Mutant } from './mutant.ts';

const ACKNOWLEDGE = 'vsr/src/replica/acknowledge.ts';
const JOURNAL = 'vsr/src/journal/journal.ts';
const PREPARE = 'vsr/src/replica/prepare.ts';
const SEND = 'vsr/src/replica/send.ts';
const STEP = 'vsr/src/replica/step.ts';

/** Acknowledgements: who counts for what, and when it may be said. */
export const ACK_MUTANTS: readonly Mutant[] = [
  {
    name: 'double_counted_votes',
    entry: 'M1',
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
    entry: 'M3',
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
    name: 'own_vote_before_own_disk',
    entry: 'M5',
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
    entry: 'M8',
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
    entry: 'M11',
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
    name: 'hole_acknowledged',
    entry: 'M18',
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
];
