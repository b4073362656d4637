import { nextView, primarySlot } from '../membership.ts';
import { setHas } from '../std/bitset.ts';
import { TICK_MICROS } from '../std/tick.ts';
import { heardInView } from './heard.ts';
import { sendHeartbeat } from './heartbeat.ts';
import type { VoteReason } from './reasons.ts';
import type { Replica } from './replica.ts';
import { trace } from './report.ts';
import { isPrimary } from './role.ts';
import { isUnfollowed } from './unfollowed.ts';
import { voteToLeave, withdrawVote } from './vote.ts';

/**
 * Giving way (rule abdication). A primary that can send but not hear keeps its backups quiet for
 * ever, so it watches itself: without enough voters heard in its own view to replicate anything, or
 * with prepares waiting and no new ack, or with a disk or an event loop that hangs, it stops its
 * heartbeats, takes no requests, and votes to leave its own view. When the reason goes before the
 * view has moved, it withdraws the vote and leads on. A single dead voter is no reason: it can
 * still commit.
 */
export function watchSelf(r: Replica, stalled: boolean): void {
  if (!isDiskBusy(r)) r.diskProgress = r.tick;
  if (!isPrimary(r) || r.replicaCount === 1) return;
  if (stalled) {
    // What the others did meanwhile is unknown: only what is heard from now on counts.
    r.primary.heard.fill(Number.NEGATIVE_INFINITY);
  }
  const reason = stalled ? 'loop_stall' : reasonToGiveWay(r);
  if (r.primary.abdicated === null) {
    if (reason !== null) abdicate(r, reason);
  } else if (reason === null) {
    withdraw(r);
  }
}

/**
 * Before a message is taken: after a long stall messages may come before the next tick does, and
 * what this replica would say to them belongs to a view that it may have lost meanwhile.
 */
export function watchForStall(r: Replica): void {
  if (hasStalled(r) && r.status !== 'recovering') watchSelf(r, true);
}

/** Something was asked of the disk that it has not done yet. */
function isDiskBusy(r: Replica): boolean {
  if (r.journal.busy || r.superblock.busy || r.blockWrites > 0) return true;
  return r.blockReads + r.serving + r.pipelineReading.size > 0 || r.commitReading !== null;
}

function reasonToGiveWay(r: Replica): VoteReason | null {
  const limit = r.timers.ticks('abdicate');
  const { primary } = r;
  if (heardInView(r, limit) < r.quorums.replication) return 'unheard';
  if (primary.pipeline.length > 0 && r.tick - primary.lastNewAck > limit) return 'no_new_ack';
  if (r.commitReading !== null && r.tick - r.commitReadingSince > limit) return 'disk_stall';
  // Backups' votes commit without this disk, but only until the next checkpoint falls due: then
  // requests wait, with no prepare in the pipeline that could tell.
  if (primary.queue.length > 0 && r.tick - r.diskProgress > limit) return 'disk_stall';
  if (r.stuckSince !== null && r.tick - r.stuckSince > limit) return 'repair_stuck';
  if (isUnfollowed(r)) return 'unfollowed';
  return hasLostClock(r) ? 'clock_lost' : null;
}

/**
 * Its timestamps are its own guess, and the next primary knows better. Only then: to give way to
 * one without an agreed clock would help nobody, and the views would never come to rest.
 */
function hasLostClock(r: Replica): boolean {
  if (r.clockLostSince === null) return false;
  if (r.tick - r.clockLostSince <= r.timers.ticks('clockLoss')) return false;
  const next = primarySlot(nextView(r.view, r.voters));
  const heardAt = r.primary.heard[next] ?? Number.NEGATIVE_INFINITY;
  const heard = r.tick - heardAt <= r.timers.ticks('silence');
  return heard && setHas(r.clockAgreed, next);
}

function abdicate(r: Replica, reason: VoteReason): void {
  r.primary.abdicated = reason;
  if (reason === 'unfollowed') r.primary.gaveWayAt ??= r.tick;
  r.timers.stop('heartbeat');
  r.timers.stop('commitMessage');
  r.timers.count(reason === 'clock_lost' ? 'clockLoss' : 'abdicate');
  trace(r, { kind: 'abdicated', view: r.view, reason });
  voteToLeave(r, reason);
}

function withdraw(r: Replica): void {
  const reason = r.primary.abdicated;
  if (reason === null) return;
  r.primary.abdicated = null;
  withdrawVote(r, reason);
  trace(r, { kind: 'abdication_withdrawn', view: r.view });
  sendHeartbeat(r);
}

/** Whether this process was held up for longer than the backups wait. */
export function hasStalled(r: Replica): boolean {
  return r.monotonic - r.lastTickAt > r.timers.ticks('silence') * TICK_MICROS;
}
