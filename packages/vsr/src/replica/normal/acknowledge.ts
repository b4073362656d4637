import { assert } from '@kimberlite/store';
import { primarySlot } from '../../membership.ts';
import { type Op, opMax, opNext } from '../../std/numbers.ts';
import { namesOtherCheckpoint } from '../checkpoint/checkpoint-ids.ts';
import { checkpointAllows } from '../checkpoint/window.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isBackup } from '../role.ts';
import { send } from '../send.ts';

/** Backup: tells the primary that `op` is on this disk, if every rule allows it (rule ack). */
export function acknowledge(r: Replica, op: Op): void {
  if (!isBackup(r) || op < r.chainOp || op > r.op || op === 0) return;
  if (!r.journal.isDurable(op) || !checkpointAllows(r, op)) return;
  // An ack says "my log of this view has it": a log_view that a crash would take back cannot say
  // so.
  if (r.superblock.durable.logView !== r.view) return;
  const entry = r.journal.header(op);
  assert(entry !== null, 'a durable op is known');
  // One of the two states is wrong: to vouch for the op would count this one as the other (rule
  // same-state-votes).
  if (namesOtherCheckpoint(r, entry.header)) return;
  const { checksum } = entry.header;
  trace(r, { kind: 'acknowledged', op, view: r.view, checksum });
  send(r, primarySlot(r.view), 'prepareOk', {
    prepareChecksum: checksum,
    checkpointId: r.checkpointId,
    op,
    commitMin: r.commitMin,
    checkpointOp: r.checkpoint.op,
    durable: 1,
  });
}

/**
 * Acks for everything that the primary may still count. Acks are per op and idempotent; those that
 * were held back (for log_view, for a checkpoint) must be sent when the reason is gone, and those
 * of ops that this replica has executed may be the very votes that a new primary lacks.
 */
export function acknowledgeAll(r: Replica): void {
  if (!isBackup(r)) return;
  // After a start nothing is known of the primary's commit number, and all ops since the first are
  // above that: those below the chain get no ack in any case.
  const first = opMax(opNext(r.primaryCommit), r.chainOp);
  for (let op = first; op <= r.op; op = opNext(op)) acknowledge(r, op);
}
