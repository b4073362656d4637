import { assert } from '@kimberlite/store';
import { decodeHeaderList } from '../../message/header-list.ts';
import type { Message } from '../../message/message.ts';
import { opMax } from '../../std/numbers.ts';
import {
  CHECKPOINT_RECORD_SIZE,
  type CheckpointRecord,
  checkpointId,
  decodeCheckpoint,
} from '../../superblock/superblock.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { followView } from '../view-change/follow-view.ts';

/**
 * State transfer: this replica takes over a peer's checkpoint with the log above it. Everything is
 * kept until the replacement is here, and then replaced in one superblock write (rule
 * sync-atomic): to cut the log first and ask later would lose copies that commits were counted on.
 * The checkpoint is one that a replication quorum provably holds.
 */
export function startSync(r: Replica, message: Message<'startView'>): void {
  assert(r.pendingSync === null, 'one transfer at a time');
  r.pendingSync = message;
  continueSync(r);
}

/** Whether a peer's checkpoint is to take the place of this one's and is not being loaded yet. */
export function isReplacingState(r: Replica): boolean {
  return r.restorePending || r.pendingSync !== null;
}

/** Installs the pending checkpoint as soon as no block write and no superblock is in flight. */
export function continueSync(r: Replica): void {
  const message = r.pendingSync;
  // No block of the new tree is read or written before the last write of the old one has ended. Nor
  // may a read that was begun for the old one end in the new: it may have found a block that was
  // written over since, and is to stand there once more. It would count as being on this disk, and
  // never be fetched: what is then acknowledged on top of it has a copy less than it seems.
  if (message === null || r.blockWrites > 0 || r.superblock.busy || r.blockReads > 0) return;
  r.pendingSync = null;
  const { header, body } = message;
  const overtaken = r.status === 'normal' && header.view === r.view && header.op < r.op;
  // Another view has begun meanwhile, or this one's log has grown.
  if (header.view < r.view || overtaken) return;
  const record = decodeCheckpoint(body);
  const headers = decodeHeaderList(body.subarray(CHECKPOINT_RECORD_SIZE), r.checksum);
  assert(record !== null && headers !== null, 'it was checked when it came');
  if (record.op <= r.commitMin) return;
  trace(r, { kind: 'sync_started', op: r.commitMin, target: record.op });
  replaceState(r, record);
  followView(r, { header, headers });
}

/** The checkpoint takes the place of all that was executed here; its blocks are still to come. */
function replaceState(r: Replica, record: CheckpointRecord): void {
  // The checkpoint in the making is given up; what was written of it lies in free space.
  r.checkpointing = null;
  r.executing = null;
  r.commitReading = null;
  r.commitMin = record.op;
  r.commitChecksum = record.prepareChecksum;
  r.commitMax = opMax(r.commitMax, record.op);
  r.checkpoint = record;
  // Of the one before it this disk has no blocks: it may not be given to anybody who lags (the
  // checkpoint that a restored cluster began with is proven to nobody by an op above its deadline).
  r.checkpointPrevious = record;
  r.checkpointId = checkpointId(record, r.checksum);
  r.restored = false;
  r.restorePending = true;
  r.syncTarget = record.op;
  r.missingBlocks.clear();
  r.stuckSince = null;
  r.viewChange.attempts = 0;
}
