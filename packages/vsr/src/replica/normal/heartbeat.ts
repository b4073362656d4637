import type { OwnFields } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { opMax } from '../../std/numbers.ts';
import { isOvertaken } from '../liveness/stuck.ts';
import type { Replica } from '../replica.ts';
import { drop, fatal } from '../report.ts';
import { isPrimary } from '../role.ts';
import { broadcast } from '../send.ts';
import { durableHead } from '../view-change/durable-head.ts';
import { isOfOwnPrimary } from '../view-change/own-primary.ts';
import { noteViewWorks } from '../view-change/view-change-pace.ts';
import { withdrawVote } from '../view-change/vote.ts';
import { acknowledgeAll } from './acknowledge.ts';

/** Primary: tells what is committed, and that it lives. */
export function sendHeartbeat(r: Replica): void {
  if (!isPrimary(r) || r.primary.abdicated !== null) return;
  r.timers.start('heartbeat');
  r.timers.stop('commitMessage');
  broadcast(r, 'commit', heartbeatFields(r));
}

/**
 * What a heartbeat says now. All that is committed, and not only what is executed here: the others
 * need not wait for a primary whose disk reads slowly, and whoever leads next is as far already.
 */
export function heartbeatFields(r: Replica): OwnFields<'commit'> {
  const last = r.journal.header(r.commitMax);
  // While this view's log is not whole here, what the last one is may be unknown.
  const known = last !== null && r.commitMax >= r.chainOp && r.commitMax <= r.op;
  return {
    commitChecksum: known ? last.header.checksum : r.commitChecksum,
    checkpointId: r.checkpointId,
    commit: known ? r.commitMax : r.commitMin,
    op: r.op,
    checkpointOp: r.checkpoint.op,
    durableOp: durableHead(r),
    monotonic: r.monotonic,
  };
}

/** Backup: the primary of this view lives. */
export function heardPrimary(r: Replica): void {
  if (r.timers.isRunning('silence')) r.timers.start('silence');
}

/** Backup: the primary's heartbeat, with what is committed. */
export function onCommit(r: Replica, message: Message<'commit'>): void {
  const { header } = message;
  // The commit number of a later view is of a log that is not here yet: not to be believed.
  if (!isOfOwnPrimary(r, message)) return;
  if (header.commit > header.op) {
    // Nobody commits what it does not have: believed, it would commit whatever comes next here.
    drop(r, message, 'invalid_metadata');
    return;
  }
  // A replayed heartbeat must neither keep a dead primary alive nor withdraw a vote. What it tells
  // of the log is as true as it was: who once heard of too late a time still learns of commits.
  const fresh = header.monotonic > r.heartbeatStamp;
  if (fresh) primaryLives(r, header);
  const known = r.journal.header(header.commit);
  if (
    known !== null &&
    header.commit >= r.chainOp &&
    known.header.checksum !== header.commitChecksum
  ) {
    fatal(r, 'diverged');
    return;
  }
  r.primaryOp = opMax(r.primaryOp, header.op);
  r.primaryCommit = opMax(r.primaryCommit, header.commit);
  r.commitMax = opMax(r.commitMax, header.commit);
  if (header.op > r.op || r.commitMin < r.commitMax) r.timers.ensure('repair');
  // Peers are writing over what is being fetched: at once for the next checkpoint.
  if (isOvertaken(r)) r.timers.hurry('repair');
  // The primary still waits for what may be here: an ack of ours was lost.
  if (fresh && r.primaryCommit < r.op) acknowledgeAll(r);
}

function primaryLives(r: Replica, header: Message<'commit'>['header']): void {
  r.heartbeatStamp = header.monotonic;
  noteViewWorks(r, header);
  heardPrimary(r);
  withdrawVote(r, 'primary_silent');
  withdrawVote(r, 'primary_voted');
  r.forwarded.clear();
}
