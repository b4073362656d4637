import { reservedSlot } from '../format.ts';
import { Op } from '../std/numbers.ts';
import { isChainComplete } from './chain.ts';
import type { Replica } from './replica.ts';

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
  // The slots of the next ops up to a whole ring above the checkpoint hold none of the log.
  for (let op = r.op + 1; op <= r.checkpoint.op + walSlots; op += 1) {
    const walSlot = op % walSlots;
    // A copy of the lap before, which a checkpoint covers, beside an unreadable header. (What is
    // told in a view change is left alone.)
    const old = op - walSlots;
    if (old >= 0 && old < r.op - pipelineMax && r.journal.isDoubtful(Op(old))) {
      r.journal.dropHeader(Op(old));
    }
    if (r.journal.isUnknown(walSlot)) r.journal.clear(reservedSlot(walSlot, r));
  }
}
