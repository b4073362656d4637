import { checkpointDeadline } from '../../config.ts';
import { rootPrepare } from '../../format.ts';
import { type Checksum, Op as makeOp, type Op, ZERO_CHECKSUM } from '../../std/numbers.ts';
import type { CheckpointRecord } from '../../superblock/superblock.ts';
import type { Replica } from '../replica.ts';

/**
 * Newest checkpoint that `op` needs to be durable before it is prepared or acknowledged: the newest
 * C with C + D below op; null while there is none (rule window). So an op above C + D is committed
 * only when a replication quorum holds C, and the ring may let go what C covers.
 */
export function checkpointRequired(r: Replica, op: Op): Op | null {
  const interval = r.config.checkpointInterval;
  const below = op - 1 - checkpointDeadline(r.config);
  return below < 0 ? null : makeOp(below - (below % interval));
}

/** Whether `op` may be prepared or acknowledged as far as checkpoints go. */
export function checkpointAllows(r: Replica, op: Op): boolean {
  const required = checkpointRequired(r, op);
  if (required === null) return true;
  // A checkpoint whose blocks are still being fetched is no copy of the state: to acknowledge on
  // top of it would claim a redundancy that is not there.
  return r.checkpoint.op > required || (r.checkpoint.op === required && r.restored);
}

/**
 * The id of this replica's own checkpoint at `op`, or null when it knows of none. The one before
 * the first of a restored cluster was the old cluster's, and is compared with nobody's. Otherwise:
 * a file that is recovered there, and begins empty at what may be the same op, is told that it is
 * odd.
 */
export function ownCheckpointId(r: Replica, op: number): Checksum | null {
  const id = namedCheckpointId(r, op);
  if (id === null || op === r.checkpoint.op) return id;
  return isFirstCheckpoint(r, r.checkpoint) ? null : id;
}

/** Whether every file of the cluster was made with this checkpoint: there is no log below it. */
export function isFirstCheckpoint(r: Replica, { op, prepareChecksum }: CheckpointRecord): boolean {
  return prepareChecksum === rootPrepare(r.cluster, r.checksum, op).header.checksum;
}

/** The id by which ops name the checkpoint at `op`, or null when this replica cannot tell. */
function namedCheckpointId(r: Replica, op: number): Checksum | null {
  if (op === r.checkpoint.op) return r.checkpointId;
  if (op < 0 || op !== r.checkpoint.op - r.config.checkpointInterval) return null;
  return r.checkpoint.parentId;
}

/** The checkpoint id that a prepare of `op` must carry, or null when this replica cannot tell. */
export function expectedCheckpointId(r: Replica, op: Op): Checksum | null {
  const required = checkpointRequired(r, op);
  return required === null ? ZERO_CHECKSUM : namedCheckpointId(r, required);
}
