import type { Mutant } from './mutant.ts';

const APPEND = 'vsr/src/replica/normal/append.ts';
const PREPARE = 'vsr/src/replica/normal/prepare.ts';
const WINDOW = 'vsr/src/replica/checkpoint/window.ts';
const SERVE = 'vsr/src/replica/repair/serve.ts';
const SYNC = 'vsr/src/replica/checkpoint/sync.ts';
const CHECKPOINT = 'vsr/src/replica/checkpoint/checkpoint.ts';
const START_VIEW = 'vsr/src/replica/view-change/start-view.ts';
const BLOCK_REPAIR = 'vsr/src/replica/repair/block-repair.ts';
const CHECKPOINT_IDS = 'vsr/src/replica/checkpoint/checkpoint-ids.ts';
const RESTORE = 'vsr/src/replica/checkpoint/restore.ts';
const CHECKPOINT_JOB = 'store/src/levels/checkpoint-job.ts';
const VERIFIED_BLOCKS = 'store/src/levels/verified-blocks.ts';

/** Checkpoints and state transfer. */
export const CHECKPOINT_MUTANTS: readonly Mutant[] = [
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
    name: 'log_cut_before_the_transfer',
    bug: 'a state transfer gives up the own log before the new state is there',
    edits: [
      {
        file: SYNC,
        find: '  r.pendingSync = message;\n' + '  continueSync(r);',
        replace:
          '  r.pendingSync = message;\n' +
          '  r.journal.truncate(r.commitMin);\n' +
          '  continueSync(r);',
      },
    ],
  },
  {
    name: 'unproven_checkpoint_given',
    bug: 'a checkpoint is given to others before a quorum provably holds it',
    edits: [
      {
        file: CHECKPOINT,
        find: 'return proven ? r.checkpoint : r.checkpointPrevious;',
        replace: 'return proven || r.tick > 0 ? r.checkpoint : r.checkpointPrevious;',
      },
      {
        file: START_VIEW,
        find: '  if (commit > record.op + checkpointDeadline(r.config)) return true;',
        replace: '  if (commit > record.op - checkpointDeadline(r.config)) return true;',
      },
    ],
  },
  {
    name: 'verified_by_address',
    bug: 'a block that was seen while one checkpoint was fetched stands for any later one there',
    edits: [
      {
        file: VERIFIED_BLOCKS,
        find: 'if (chunk[entry + byte] !== holder[at + CHECKSUM_OFFSET + byte]) return false;',
        replace: 'if (byte < 0) return false;',
      },
    ],
    scenario: 'transfer_under_load',
  },
  {
    name: 'blocks_not_verified',
    bug: 'blocks are given and taken without a look at their checksums',
    edits: [
      {
        file: SERVE,
        find: '  if (bytes === null || r.checksum.hash(bytes) !== checksum) return;',
        replace: '  if (bytes === null) return;',
      },
      {
        file: BLOCK_REPAIR,
        find: '  if (body.length !== r.config.blockSize || r.checksum.hash(body) !== header.blockChecksum) return;\n',
        replace: '  if (body.length !== r.config.blockSize) return;\n',
      },
    ],
  },
  {
    name: 'checkpoint_before_its_blocks',
    bug: 'the superblock names a checkpoint whose blocks are not all written',
    edits: [
      {
        file: CHECKPOINT,
        find:
          '  if (!r.forest.checkpointSerialised || r.blockWrites > 0) return;\n' + '  work.sealed',
        replace: '  if (!r.forest.checkpointSerialised) return;\n' + '  work.sealed',
      },
    ],
  },
  {
    name: 'execution_past_the_deadline',
    bug: 'ops above the deadline execute before the checkpoint is durable',
    edits: [
      {
        file: CHECKPOINT,
        find: '  if (op > nextCheckpoint + checkpointDeadline(r.config)) return false;\n',
        replace: '',
      },
      {
        file: WINDOW,
        find: '  if (required === null) return true;',
        replace: '  if (required === null || required > 0) return true;',
      },
    ],
  },
  {
    name: 'ops_taken_without_room',
    bug: 'ops above the deadline are prepared and acknowledged while a full disk lacks the checkpoint',
    scenario: 'full_disks',
    edits: [
      {
        file: 'vsr/src/replica/checkpoint/window.ts',
        find: 'return r.checkpoint.op > required || (r.checkpoint.op === required && r.restored);',
        replace: 'return r.checkpoint.op >= 0;',
      },
    ],
  },
  {
    name: 'ack_on_unfinished_transfer',
    bug: 'a replica acknowledges on top of a checkpoint whose blocks it is still fetching',
    edits: [{ file: WINDOW, find: ' && r.restored', replace: '' }],
    scenario: 'transfer_under_load',
  },
  {
    name: 'freed_blocks_reused_at_once',
    bug: 'a checkpoint writes over blocks that it gave up and the durable one still names',
    edits: [
      {
        file: CHECKPOINT_JOB,
        find: '    this.released.push(address);\n',
        replace: '    this.taken.release(address);\n',
      },
      {
        file: CHECKPOINT_JOB,
        find: "    assert(!this.durable.used.uses(address), 'the durable tree is never overwritten');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'released_blocks_still_wanted',
    bug: 'who waits for a block that the next checkpoint has released waits on, and has it fetched',
    scenario: 'ScrubTriggersRepair',
    edits: [
      {
        file: 'store/src/levels/forest.ts',
        find: 'in the new tree.\n    this.demand.clear();\n',
        replace: 'in the new tree.\n',
      },
    ],
  },
  {
    name: 'unfinished_sync_forgotten',
    bug: 'a replica that starts in the middle of a transfer takes what it has for the whole',
    edits: [
      {
        file: 'vsr/src/replica/checkpoint/superblock-update.ts',
        find: 'syncing: r.syncTarget !== null,',
        replace: 'syncing: false,',
      },
    ],
  },
  {
    name: 'sessions_left_out_of_a_restore',
    bug: 'after a restart or a transfer the client table is empty',
    edits: [{ file: RESTORE, find: 'r.sessions.load() && ', replace: '' }],
  },
  {
    name: 'checkpoint_ids_not_compared',
    bug: 'a replica whose state is the odd one never hears of it',
    scenario: 'stray_state',
    edits: [
      {
        file: CHECKPOINT_IDS,
        find: "if (count >= enough) fatal(r, 'diverged');",
        replace: "if (count > SLOT_COUNT) fatal(r, 'diverged');",
      },
      {
        file: CHECKPOINT_IDS,
        find: 'import type { Header }',
        replace: "import { SLOT_COUNT } from '../../membership.ts';\nimport type { Header }",
      },
      {
        file: 'vsr/src/replica/normal/commit.ts',
        find: 'if (header.checkpointId !== expectedCheckpointId(r, header.op)) {',
        replace:
          'if (r.commitMin < 0 && header.checkpointId !== expectedCheckpointId(r, header.op)) {',
      },
    ],
  },
  {
    name: 'primary_decides_whose_state_is_right',
    bug: 'a backup stops when one prepare names another checkpoint than its own',
    scenario: 'stray_state',
    edits: [
      {
        file: APPEND,
        find: "    drop(r, message, 'wrong_checkpoint');\n    askAboutCheckpoint(r);\n",
        replace: "    askAboutCheckpoint(r);\n    fatal(r, 'diverged');\n",
      },
    ],
  },
  {
    name: 'one_peer_decides_whose_state_is_right',
    bug: 'a replica stops when one peer has another checkpoint than its own',
    scenario: 'ByzantineForgedCheckpoint',
    edits: [
      {
        file: CHECKPOINT_IDS,
        find: 'r.replicaCount === 2 ? 1 : r.quorums.majority',
        replace: 'r.replicaCount > 1 ? 1 : r.quorums.majority',
      },
    ],
  },
  {
    name: 'head_not_in_the_superblock',
    bug: 'a checkpoint is made durable with the view headers of long ago',
    scenario: 'rotten_heads',
    edits: [
      {
        file: CHECKPOINT,
        find: "  if (r.status === 'normal') r.viewChange.headers = logSuffix(r);\n",
        replace: '  void logSuffix;\n',
      },
    ],
  },
];
