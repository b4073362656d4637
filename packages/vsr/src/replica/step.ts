import { unreachable } from '@kimberlite/store';
import type { SuperblockStep } from '../superblock/superblock-writer.ts';
import { onBlockRead, readWantedBlocks } from './checkpoint/block-reads.ts';
import {
  checkpointHasWork,
  checkpointWork,
  onCheckpointDurable,
  sealCheckpoint,
} from './checkpoint/checkpoint.ts';
import { beginRestore } from './checkpoint/restore.ts';
import { performSuperblockStep } from './checkpoint/superblock-update.ts';
import { continueSync } from './checkpoint/sync.ts';
import type { Completion, Effect, ReplicaEvent } from './effect.ts';
import { sendWaitingReplies } from './execution/stored-reply.ts';
import { watchForStall } from './liveness/abdicate.ts';
import { noteCompletion } from './liveness/disk-pace.ts';
import { onPeerGone } from './liveness/peer-gone.ts';
import { acknowledgeAll } from './normal/acknowledge.ts';
import { drainBuffer } from './normal/append.ts';
import { commitAdvance, onCommitRead } from './normal/commit.ts';
import { prepareQueued } from './normal/prepare.ts';
import { countOwnCopies, onPrepareDurable } from './normal/prepare-ok.ts';
import { onMessage } from './on-message.ts';
import { advanceReads, readsHaveWork } from './reads/read.ts';
import { fetchMissingBlocks, writeRepairedBlocks } from './repair/block-repair.ts';
import { onScrubRead } from './repair/scrub.ts';
import { onServedPrepareRead } from './repair/serve.ts';
import type { Replica } from './replica.ts';
import { trace } from './report.ts';
import { onHeadersRead, onSlotRead, onSuperblockOpened, readLog, takePart } from './startup.ts';
import { onTick } from './tick.ts';
import { onViewDurable } from './view-change/do-view-change.ts';
import { onPipelineRead, primaryRepairStep } from './view-change/primary-start.ts';
import { leaveViewOnQuorum } from './view-change/view-change.ts';

/**
 * The whole core: one event in, effects out. Synchronous and deterministic; it reads no clock,
 * waits for nothing, and draws only from the generator it was given.
 */
export function step(r: Replica, event: ReplicaEvent, out: Effect[]): void {
  r.out = out;
  dispatch(r, event);
  if (r.status === 'recovering') return;
  settle(r);
  advanceReads(r, { timed: event.kind === 'message' || event.kind === 'tick' });
  readWantedBlocks(r);
}

/** Whether a `work` event would get anything done. The host posts one while this holds. */
export function hasWork(r: Replica): boolean {
  if (r.status === 'recovering') return false;
  return checkpointHasWork(r) || r.commitBacklog || readsHaveWork(r);
}

/** What follows from any change: the phases look for themselves whether they can go on. */
function settle(r: Replica): void {
  leaveViewOnQuorum(r);
  drainBuffer(r);
  commitAdvance(r);
  primaryRepairStep(r);
  prepareQueued(r);
  continueSync(r);
  sendWaitingReplies(r);
}

function dispatch(r: Replica, event: ReplicaEvent): void {
  switch (event.kind) {
    case 'message':
      r.monotonic = event.monotonic;
      r.wall = event.wall;
      watchForStall(r);
      onMessage(r, event.message);
      return;
    case 'tick':
      r.monotonic = event.monotonic;
      r.wall = event.wall;
      onTick(r);
      return;
    case 'work':
      if (r.status !== 'recovering') checkpointWork(r);
      return;
    case 'scrub_read':
      // No sign that the disk works: it may hang in writes and still read.
      onScrubRead(r, event.bytes);
      return;
    case 'peer_refused':
      onPeerGone(r, event.slot);
      return;
    default:
      noteCompletion(r, event);
      onCompletion(r, event);
  }
}

/** The disk has done what it was asked. */
function onCompletion(r: Replica, event: Completion): void {
  switch (event.kind) {
    case 'prepare_written':
      r.journal.onPrepareWritten(event.walSlot, event.checksum);
      return;
    case 'headers_written':
      for (const op of r.journal.onHeadersWritten(event.sector)) onPrepareDurable(r, op);
      return;
    case 'headers_read':
      onHeadersRead(r, event.bytes);
      return;
    case 'prepare_read':
      onPrepareRead(r, event);
      return;
    case 'superblock_written':
      onSuperblockStep(r, () => r.superblock.onWritten());
      return;
    case 'superblock_read':
      if (!r.opened) onSuperblockOpened(r, event.bytes);
      else onSuperblockStep(r, () => r.superblock.onReadBack(event.bytes));
      return;
    case 'blocks_written':
      r.blockWrites -= 1;
      r.repairingBlocks.delete(event.address);
      writeRepairedBlocks(r);
      fetchMissingBlocks(r);
      sealCheckpoint(r);
      return;
    case 'block_read':
      onBlockRead(r, event);
      return;
    default:
      unreachable(event);
  }
}

/** The superblock moved on; when a state became durable, everything that waited for it goes on. */
function onSuperblockStep(r: Replica, advance: () => SuperblockStep): void {
  const durable = performSuperblockStep(r, advance());
  if (durable === null) return;
  if (r.status === 'recovering') {
    readLog(r); // The copies that a crash had spoilt are whole again.
    return;
  }
  performSuperblockStep(r, r.superblock.continue());
  trace(r, { kind: 'view_durable', view: durable.view, logView: durable.logView });
  if (r.checkpointing?.sealed === true && r.checkpointing.record.op === durable.checkpoint.op) {
    onCheckpointDurable(r, durable.checkpoint);
  }
  if (r.restorePending && durable.checkpoint.op === r.checkpoint.op) beginRestore(r);
  takePart(r);
  onViewDurable(r);
  acknowledgeAll(r);
  countOwnCopies(r);
}

/** A prepare was read from the ring, for one of four purposes. */
function onPrepareRead(r: Replica, event: Extract<ReplicaEvent, { kind: 'prepare_read' }>): void {
  const { purpose } = event;
  switch (purpose.kind) {
    case 'start':
      onSlotRead(r, event);
      return;
    case 'commit':
      onCommitRead(r, event);
      return;
    case 'pipeline':
      onPipelineRead(r, event);
      return;
    case 'serve':
      onServedPrepareRead(r, event, purpose.range);
      return;
    default:
      unreachable(purpose);
  }
}
