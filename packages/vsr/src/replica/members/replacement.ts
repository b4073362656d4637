import { OPERATION_RECOVER, readBatch } from '../../message/batch.ts';
import type { PrepareMessage } from '../../message/message.ts';
import { decodeRecovery } from '../../message/recover-body.ts';
import { Op, opMax } from '../../std/numbers.ts';
import { fileOf } from '../../superblock/introductions.ts';
import type { Replica } from '../replica.ts';

/*
 * Rule recover-by-op, between the op that replaces a lost file and the new file's first word. Each
 * replica takes the new file for the member's when it executes the op, so for a while some count
 * the lost file, should it come back to life, and others the new one: two voters in one slot, and
 * two quorums that need not meet. Three things keep them apart.
 *
 * - The op, and what follows it in the pipeline, is committed without the lost file's copies.
 * - The new file says nothing before a replication quorum of the others has executed the op and
 *   says so; whoever counts the lost file for a view change counts one of those too.
 * - That one's do_view_change tells that it knows of a newer file; who does not know of it leaves
 *   it out, and so has no quorum.
 */

/** Primary: remembers whose files an op of its pipeline replaces, if it does. */
export function noteReplacement(r: Replica, { header, body }: PrepareMessage): void {
  for (const entry of readBatch(body, header.count) ?? []) {
    const recovery = entry.operation === OPERATION_RECOVER ? decodeRecovery(entry.body) : null;
    if (recovery === null || isBeingReplaced(r, recovery.slot, header.op)) continue;
    r.primary.replacing.set(recovery.slot, header.op);
  }
}

/**
 * Primary: whether an op that is not executed yet, `op` or one below, replaces the file of this
 * slot. From that op on the lost file's word is worth nothing.
 */
export function isBeingReplaced(r: Replica, slot: number, op: Op): boolean {
  const replacedAt = r.primary.replacing.get(slot);
  return replacedAt !== undefined && replacedAt <= op && replacedAt > r.commitMin;
}

/**
 * The newest op by which, as this replica knows, a file took the place of a lost one. Its own it
 * knows by execution alone: a new file is told of its own op before it has any other.
 */
export function filesSince(r: Replica): Op {
  let newest = r.restored ? (r.replacedFiles.get(r.slot)?.since ?? Op(0)) : Op(0);
  for (let slot = 0; slot < r.replicaCount; slot += 1) {
    if (slot !== r.slot) newest = opMax(newest, fileOf(r.introductions, slot).since);
  }
  return newest;
}
