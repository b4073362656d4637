import { type Op, opNext } from '../../std/numbers.ts';
import { checkpointAllows } from '../checkpoint/window.ts';
import type { Replica } from '../replica.ts';
import { peersInView } from './heard.ts';

/** Whether requests wait for this replica's checkpoint while others have theirs. */
export interface CheckpointLag {
  /** Tick at which the newest checkpoint froze here. */
  frozenAt: number;
  /** Tick at which enough others were known to have it; null before. */
  othersAt: number | null;
  /** Ticks that requests have waited for the newest, and for all since one that held up none. */
  heldNow: number;
  held: number;
  /** Tick at which this replica last gave way for it. */
  gaveWayAt: number;
  /** By how much it bears more than the limit: doubles when it gives way again soon. */
  patience: number;
}

/** Times that the others take for a checkpoint, from which on this replica's counts as late. */
const LATE_TIMES = 2;
/** Ten minutes: who gives way again within them bears twice as much the next time, */
const AGAIN_TICKS = 60_000;
/** up to so many times. */
const PATIENCE_MAX = 16;

export function firstCheckpointLag(): CheckpointLag {
  return {
    frozenAt: 0,
    othersAt: null,
    heldNow: 0,
    held: 0,
    gaveWayAt: Number.NEGATIVE_INFINITY,
    patience: 1,
  };
}

/** A checkpoint froze here; the one before was durable. */
export function onCheckpointFrozen(r: Replica): void {
  const lag = r.checkpointLag;
  // Only what happens at one checkpoint after the other is the disk, and no accident.
  if (lag.heldNow === 0) lag.held = 0;
  lag.heldNow = 0;
  lag.frozenAt = r.tick;
  lag.othersAt = null;
}

/** This replica begins to lead: what it held up in other views is over. */
export function forgetHeldRequests(r: Replica): void {
  r.checkpointLag.held = 0;
  r.checkpointLag.heldNow = 0;
}

/**
 * Primary, once a tick. No op above C + D is prepared before its own checkpoint C is durable (rule
 * window), so a slow disk that no commit needs holds up everybody's requests all the same. It
 * counts only while enough others to replicate without this disk have had C for as long as they
 * took for it: where all disks are slow, or the others' are needed as well, another primary would
 * be no better, and the views would never come to rest.
 */
export function watchCheckpointLag(r: Replica): void {
  const lag = r.checkpointLag;
  if (r.checkpointing === null) return;
  const { op } = r.checkpointing.record;
  if (lag.othersAt === null) {
    if (peersWithCheckpoint(r, op) < r.quorums.replication) return;
    lag.othersAt = r.tick;
  }
  if (!isHeldUp(r)) return;
  const others = Math.max(1, lag.othersAt - lag.frozenAt);
  if (r.tick - lag.frozenAt < LATE_TIMES * others) return;
  lag.heldNow += 1;
  lag.held += 1;
}

/** Requests have waited for this disk for as long as is borne, and do so now. */
export function holdsUpRequests(r: Replica): boolean {
  const { held, patience } = r.checkpointLag;
  if (held <= patience * r.timers.ticks('abdicate')) return false;
  return (
    isHeldUp(r) &&
    peersWithCheckpoint(r, r.checkpointing?.record.op ?? r.op) >= r.quorums.replication
  );
}

/** It gives way for that: not again so soon, should it be no better elsewhere. */
export function noteGaveWayForDisk(r: Replica): void {
  const lag = r.checkpointLag;
  const again = r.tick - lag.gaveWayAt <= AGAIN_TICKS;
  lag.patience = again ? Math.min(PATIENCE_MAX, 2 * lag.patience) : 2;
  lag.gaveWayAt = r.tick;
}

function isHeldUp(r: Replica): boolean {
  const { checkpointing, primary } = r;
  if (checkpointing === null || primary.queue.length === 0) return false;
  return !checkpointAllows(r, opNext(r.op));
}

/** Other voters that are heard in this view and have the checkpoint of this op. */
export function peersWithCheckpoint(r: Replica, checkpoint: Op): number {
  return peersInView(r).filter((slot) =>
    r.checkpointsTold[slot]?.some(({ op }) => op >= checkpoint),
  ).length;
}
