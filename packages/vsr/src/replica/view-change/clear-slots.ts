import { reservedSlot } from '../../format.ts';
import type { LogHeader } from '../../message/header-list.ts';
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
    // An op of a lap before that rotted, stands beside an unreadable header, or never came, goes
    // too, once nobody can need it any more: who lacks it is given the checkpoint, and no view
    // change tells of it. A state transfer leaves such ops of any lap: nothing brings their bodies,
    // and while one is awaited, rot in its slot would be passed over.
    const old = r.journal.occupant(Op(op));
    if (old !== null && old.header.op <= covered && isUnsound(r, old)) {
      r.journal.dropHeader(old.header.op);
    }
    if (r.journal.isUnknown(walSlot)) r.journal.clear(reservedSlot(walSlot, r));
  }
}

function isUnsound({ journal }: Replica, { header }: LogHeader): boolean {
  const { op, checksum } = header;
  return (journal.isFaulty(op) || !journal.isReadable(op)) && !journal.isWriting(op, checksum);
}
