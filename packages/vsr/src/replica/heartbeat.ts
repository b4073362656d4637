import type { OwnFields } from '../message/layout.ts';
import type { Message } from '../message/message.ts';
import { opMax } from '../std/numbers.ts';
import { acknowledgeAll } from './acknowledge.ts';
import { askForView } from './ask-view.ts';
import { durableHead } from './durable-head.ts';
import type { Replica } from './replica.ts';
import { drop, fatal } from './report.ts';
import { isBackup, isPrimary, primaryOfView } from './role.ts';
import { broadcast } from './send.ts';
import { isOvertaken } from './stuck.ts';
import { noteViewWorks } from './view-change-pace.ts';
import { withdrawVote } from './vote.ts';

/** Primary: tells what is committed, and that it lives. */
export function sendHeartbeat(r: Replica): void {
  if (!isPrimary(r) || r.primary.abdicated !== null) return;
  r.timers.start('heartbeat');
  r.timers.stop('commitMessage');
  broadcast(r, 'commit', heartbeatFields(r));
}

/** What a heartbeat says now. */
export function heartbeatFields(r: Replica): OwnFields<'commit'> {
  return {
    commitChecksum: r.commitChecksum,
    checkpointId: r.checkpointId,
    commit: r.commitMin,
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
  if (header.view > r.view) {
    // Its commit number is of a log that this replica does not have yet: not to be believed here.
    askForView(r, header.view);
    return;
  }
  if (header.view < r.view || !isBackup(r) || header.replica !== primaryOfView(r)) {
    drop(r, message, 'stale_view');
    return;
  }
  if (header.commit > header.op) {
    // Nobody commits what it does not have: believed, it would commit whatever comes next here.
    drop(r, message, 'invalid_metadata');
    return;
  }
  // A replayed heartbeat must neither keep a dead primary alive nor withdraw a vote.
  if (header.monotonic <= r.heartbeatStamp) return;
  r.heartbeatStamp = header.monotonic;
  noteViewWorks(r, header);
  heardPrimary(r);
  withdrawVote(r, 'primary_silent');
  withdrawVote(r, 'primary_voted');
  r.forwarded.clear();
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
  if (r.primaryCommit < r.op) acknowledgeAll(r);
}
