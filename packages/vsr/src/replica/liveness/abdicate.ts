import { nextView, primarySlot } from '../../membership.ts';
import { setHas } from '../../std/bitset.ts';
import { TICK_MICROS } from '../../std/tick.ts';
import { checkpointRequired } from '../checkpoint/window.ts';
import { sendHeartbeat } from '../normal/heartbeat.ts';
import type { VoteReason } from '../reasons.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isPrimary } from '../role.ts';
import {
  noteViewWorks,
  viewChangeTicks,
  viewChangeTicksMax,
} from '../view-change/view-change-pace.ts';
import { voteToLeave, withdrawVote } from '../view-change/vote.ts';
import {
  holdsUpRequests,
  noteGaveWayForDisk,
  peersWithCheckpoint,
  watchCheckpointLag,
} from './checkpoint-lag.ts';
import { watchDiskHang } from './disk-hang.ts';
import { diskLimit, watchDisk } from './disk-pace.ts';
import { heardInView, isHeardInView } from './heard.ts';
import { overdueCommitTicks } from './pacing.ts';
import { areOthersAhead, waitsForPeers } from './stuck.ts';

/**
 * Giving way (rule abdication). A primary that can send but not hear keeps its backups quiet for
 * ever, so it watches itself: without enough voters heard in its own view to replicate anything, or
 * with prepares waiting and no new ack, or with a disk or an event loop that hangs, or a disk that
 * holds up what the others' disks would not, it stops its heartbeats, takes no requests, and votes
 * to leave its own view. When the reason goes before the view has moved, it withdraws the vote and
 * leads on. A single dead voter is no reason: it can still commit.
 */
export function watchSelf(r: Replica, { loopStalled }: { readonly loopStalled: boolean }): void {
  watchDisk(r);
  watchDiskHang(r);
  if (!isPrimary(r) || r.replicaCount === 1) return;
  if (loopStalled) {
    // What the others did meanwhile is unknown: only what is heard from now on counts.
    r.primary.heardInViewAt.fill(Number.NEGATIVE_INFINITY);
  }
  if (!isAckOwed(r)) r.primary.lastNewAck = r.tick;
  watchCheckpointLag(r);
  noteViewWorks(r, { commit: r.commitMax, op: r.op });
  const reason = loopStalled ? 'loop_stall' : reasonToGiveWay(r);
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
  if (hasStalled(r) && r.status !== 'recovering') watchSelf(r, { loopStalled: true });
}

function reasonToGiveWay(r: Replica): VoteReason | null {
  const limit = r.timers.ticks('abdicate');
  const { primary } = r;
  if (heardInView(r, limit) < r.quorums.replication) return 'unheard';
  if (r.tick - primary.lastNewAck > ackLimit(r)) return 'no_new_ack';
  if (isDiskStalled(r)) return 'disk_stall';
  if (holdsUpRequests(r)) return 'slow_disk';
  if (r.stuckSince !== null && r.tick - r.stuckSince > limit) {
    if (waitsForPeers(r)) return 'repair_stuck';
    if (areOthersAhead(r)) return 'slow_disk';
  }
  return hasLostClock(r) ? 'clock_lost' : null;
}

/**
 * Whether an acknowledgement is owed. None is while too few have the checkpoint that the oldest
 * prepare needs: whoever led would wait for the same disks (rule window).
 */
function isAckOwed(r: Replica): boolean {
  const [first] = r.primary.pipeline;
  if (first === undefined) return false;
  const required = checkpointRequired(r, first.message.header.op);
  if (required === null) return true;
  const own = r.restored && r.checkpoint.op >= required ? 1 : 0;
  return own + peersWithCheckpoint(r, required) >= r.quorums.replication;
}

/** Writes in a row that an acknowledgement may wait for: a superblock, or two, and the prepare. */
const ACK_WRITES = 10;

/**
 * How long to wait for a new acknowledgement. A backup may give none before its log_view is on its
 * disk, so a view that nothing has committed in gets the time of a view change, which doubles with
 * each in a row: where the disks are slow, everyone would otherwise give way before it can have
 * been acknowledged anything, for ever.
 */
function ackLimit(r: Replica): number {
  const { disk, viewChange } = r;
  const slow = Math.max(ACK_WRITES * disk.writeTicks, overdueCommitTicks(r));
  const first = viewChange.attempts > 0 ? viewChangeTicks(r) : 0;
  const least = r.timers.ticks('abdicate');
  return Math.max(least, first, Math.min(slow, viewChangeTicksMax(r)));
}

/**
 * Whether something waits for a disk that does nothing. Backups' votes commit without this disk,
 * but only until the next checkpoint falls due: then requests wait, with no prepare in the pipeline
 * that could tell.
 */
function isDiskStalled(r: Replica): boolean {
  const { disk, primary } = r;
  const writeLimit = diskLimit(r, disk.writeTicks);
  const isOverdue = primary.queue.length > 0 && r.tick - disk.writeProgress > writeLimit;
  if (isOverdue && !isCheckpointLateEverywhere(r)) return true;
  const readLimit = diskLimit(r, disk.readTicks);
  if (r.commitReading !== null && r.tick - r.commitReadingSince > readLimit) return true;
  return r.commitMin < r.commitMax && r.tick - disk.readProgress > readLimit;
}

/**
 * Whether all that the disk owes are blocks of a checkpoint that too few others have to go on
 * without this disk: file systems of one size are full at the same block. Another primary would
 * wait for the same, and the views would never come to rest.
 */
function isCheckpointLateEverywhere(r: Replica): boolean {
  const { checkpointing, journal, superblock } = r;
  if (checkpointing === null || journal.busy || superblock.busy) return false;
  return peersWithCheckpoint(r, checkpointing.record.op) < r.quorums.replication;
}

/**
 * Its timestamps are its own guess, and the next primary knows better. Only then: to give way to
 * one without an agreed clock would help nobody, and the views would never come to rest.
 */
function hasLostClock(r: Replica): boolean {
  if (r.clockLostSince === null) return false;
  if (r.tick - r.clockLostSince <= r.timers.ticks('clockLoss')) return false;
  const next = primarySlot(nextView(r.view, r.voters));
  return isHeardInView(r, next, r.timers.ticks('silence')) && setHas(r.clockAgreed, next);
}

function abdicate(r: Replica, reason: VoteReason): void {
  r.primary.abdicated = reason;
  r.timers.stop('heartbeat');
  r.timers.stop('commitMessage');
  r.timers.count(reason === 'clock_lost' ? 'clockLoss' : 'abdicate');
  if (reason === 'slow_disk') noteGaveWayForDisk(r);
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
