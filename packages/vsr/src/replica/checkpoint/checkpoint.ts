import { assert } from '@kimberlite/store';
import { checkpointDeadline } from '../../config.ts';
import type { PrepareHeader } from '../../message/message.ts';
import type { Op } from '../../std/numbers.ts';
import { type CheckpointRecord, checkpointId } from '../../superblock/superblock.ts';
import { onCheckpointFrozen } from '../liveness/checkpoint-lag.ts';
import { acknowledgeAll } from '../normal/acknowledge.ts';
import { dropReleasedBlocks } from '../repair/block-repair.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { logSuffix } from '../view-change/chain.ts';
import { rememberCheckpoint } from './checkpoint-ids.ts';
import { paceAllows } from './checkpoint-pace.ts';
import { updateSuperblock } from './superblock-update.ts';

/** Block writes in flight: WAL and superblock must always find a free thread. */
const BLOCK_WRITES_MAX = 4;
/**
 * Bytes serialised in one slice, half a millisecond: requests wait for one, and on machines with
 * few cores those of all replicas wait for each other.
 */
const SLICE_BYTES = 32 * 1024;

/**
 * Whether op may be executed as far as checkpoints go. Above C + D only once C is durable here, and
 * a checkpoint op only when the one before is durable: two are never in the making.
 */
export function checkpointAllowsCommit(r: Replica, op: Op): boolean {
  const { checkpointInterval } = r.config;
  const nextCheckpoint = r.checkpoint.op + checkpointInterval;
  if (op > nextCheckpoint + checkpointDeadline(r.config)) return false;
  return op !== nextCheckpoint || r.checkpointing === null;
}

/** The state is exactly the one after a checkpoint op: freezes it; it is written in slices. */
export function freezeCheckpoint(r: Replica, header: PrepareHeader): void {
  assert(r.checkpointing === null, 'one checkpoint at a time');
  assertRepairsInPlace(r);
  r.forest.freeze();
  onCheckpointFrozen(r);
  r.checkpointing = {
    record: {
      op: header.op,
      prepareChecksum: header.checksum,
      timestampNext: header.timestamp + header.count,
      parentId: r.checkpointId,
    },
    sealed: false,
    slices: 0,
    sliceTick: r.tick,
  };
}

/**
 * Two writes to one place must never be in flight, and a checkpoint writes wherever the durable one
 * has nothing. So whatever is being written as it begins is a block of the durable one, repaired in
 * place: the last checkpoint was sealed when all writes had ended, and from then until it was
 * durable, with other blocks in use, no repair was begun (block-repair.ts).
 */
function assertRepairsInPlace(r: Replica): void {
  assert(r.blockWrites === r.repairingBlocks.size, 'only repairs are on their way');
  const { used } = r.forest.tree;
  for (const address of r.repairingBlocks) {
    assert(used.uses(address), 'what is repaired is a block of the durable checkpoint');
  }
}

/** Whether a `work` slice would get anything done. */
export function checkpointHasWork(r: Replica): boolean {
  const work = r.checkpointing;
  if (work === null || work.sealed || r.pendingSync !== null) return false;
  // Of the empty state there is nothing to write, only to be sealed.
  if (r.forest.checkpointSerialised) return r.blockWrites === 0;
  if (r.blockWrites >= BLOCK_WRITES_MAX || r.forest.checkpointBlocked) return false;
  return paceAllows(r, work);
}

/** One slice: the next blocks of the checkpoint. */
export function checkpointWork(r: Replica): void {
  const work = r.checkpointing;
  if (work === null || !checkpointHasWork(r)) return;
  work.slices = work.sliceTick === r.tick ? work.slices + 1 : 1;
  work.sliceTick = r.tick;
  for (const { address, bytes } of r.forest.nextWrites(SLICE_BYTES)) {
    r.blockWrites += 1;
    r.out.push({ kind: 'write_blocks', address, bytes });
  }
  sealCheckpoint(r);
}

/** Everything that the superblock will name must be durable before it is written. */
export function sealCheckpoint(r: Replica): void {
  const work = r.checkpointing;
  if (work === null || work.sealed || r.pendingSync !== null) return;
  if (!r.forest.checkpointSerialised || r.blockWrites > 0) return;
  work.sealed = true;
  // The head goes with it: a checkpoint may outlive the slots of the ops that it covers, and the
  // log must never seem to end below what is executed. While the view changes its headers stay.
  if (r.status === 'normal') r.viewChange.headers = logSuffix(r);
  updateSuperblock(r);
}

/** The superblock that names the new checkpoint is durable. */
export function onCheckpointDurable(r: Replica, checkpoint: CheckpointRecord): void {
  assert(r.checkpointing?.sealed === true, 'the checkpoint was being written');
  assert(r.checkpointing.record.op === checkpoint.op, 'it is this one');
  r.checkpointing = null;
  r.forest.checkpointDurable();
  rememberCheckpoint(r);
  r.checkpointPrevious = r.checkpoint;
  r.checkpoint = checkpoint;
  r.checkpointId = checkpointId(checkpoint, r.checksum);
  dropReleasedBlocks(r);
  trace(r, { kind: 'checkpoint_durable', op: checkpoint.op, id: r.checkpointId });
  // Acks above the deadline were held back for this.
  acknowledgeAll(r);
}

/**
 * The newest checkpoint that a replication quorum provably holds (an op above C + D is committed),
 * and whose blocks stand on this disk: what a lagging replica may take over. Until the newest is
 * proven it is the one before; its blocks are not yet overwritten then.
 */
export function provenCheckpoint(r: Replica): CheckpointRecord {
  const proven = r.commitMax > r.checkpoint.op + checkpointDeadline(r.config);
  return proven ? r.checkpoint : r.checkpointPrevious;
}
