import { reservedSlot } from '../../format.ts';
import { Op } from '../../std/numbers.ts';
import { provenCheckpoint } from '../checkpoint/checkpoint.ts';
import type { Replica } from '../replica.ts';
import { isChainComplete } from './chain.ts';

/**
 * Mends unreadable slots that hold no op of the log (rule head-certain): whatever stood there is
 * covered by a checkpoint, was given up, or never was. Only in normal status with the log of its
 * view durable and chained: then the head is certain, and this replica has acknowledged nothing
 * above it. Earlier it might wipe out the last trace of what it acknowledged, and deny it next.
 */
export function clearUnusedSlots(r: Replica): void {
  if (r.journal.dirtyCount === 0 || r.replicaCount === 1) return;
  if (r.status !== 'normal' || !r.restored || !isChainComplete(r)) return;
  if (r.superblock.durable.logView !== r.view) return;
  const { walSlots, pipelineMax } = r.config;
  const covered = Math.min(provenCheckpoint(r).op, r.op - pipelineMax - 1);
  // The slots of the next ops up to a whole ring above the checkpoint hold none of the log.
  for (let op = r.op + 1; op <= r.checkpoint.op + walSlots; op += 1) {
    const walSlot = op % walSlots;
    // An op of the lap before that rotted, or stands beside an unreadable header, goes too, once
    // nobody can need it any more: who lacks it is given the checkpoint, and no view change tells
    // of it.
    const old = op - walSlots;
    if (old >= 0 && old <= covered && isUnsound(r, Op(old))) r.journal.dropHeader(Op(old));
    if (r.journal.isUnknown(walSlot)) r.journal.clear(reservedSlot(walSlot, r));
  }
}

function isUnsound(r: Replica, op: Op): boolean {
  const entry = r.journal.header(op);
  if (entry === null || !r.journal.isFaulty(op)) return false;
  return !r.journal.isWriting(op, entry.header.checksum);
}
