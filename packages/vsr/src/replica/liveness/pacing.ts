import { SLOT_COUNT } from '../../membership.ts';
import { setSlots } from '../../std/bitset.ts';
import type { Op } from '../../std/numbers.ts';
import { TICK_MICROS } from '../../std/tick.ts';
import type { PipelineEntry } from '../primary-state.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isPrimary } from '../role.ts';
import { isHeard } from './heard.ts';

/** The first pause, as a share of the longest; it doubles from there, and is halved down to it. */
const SHARE_MIN = 1 / 8;
/** Weight of a new sample of the time that a commit takes. */
const ALPHA = 0.2;

/**
 * How commits are slowed for a voter that can't keep up: without that, under full load for ever, a
 * replica that comes back may fetch and never arrive, and the next failure finds the cluster with
 * no copy to spare. Written here, and by prepare.ts where a field says so.
 */
export interface PacingState {
  /**
   * By slot: the op up to which a peer said last that it has executed; null before it did, and
   * while it takes part in nothing.
   */
  readonly executedBy: (Op | null)[];
  /** Share of the longest pause that is made between prepares: 0 for none, to 1. */
  share: number;
  /** Ops by which the last voter was behind when that was looked at. */
  lag: number;
  /** Tick of that look. */
  lookedAt: number;
  /** Monotonic time of the last prepare; by prepare.ts. */
  preparedAt: number;
  /** Smoothed time from a prepare to its commit, microseconds. */
  commitMicros: number;
}

export function firstPacingState(): PacingState {
  return {
    executedBy: Array.from({ length: SLOT_COUNT }, () => null),
    share: 0,
    lag: 0,
    lookedAt: 0,
    preparedAt: 0,
    commitMicros: 0,
  };
}

/** A commit that takes so many times as long as usual is overdue. */
const USUAL_TIMES = 4;

/** Ticks after which a commit takes longer than can be expected; 0 before the first. */
export function overdueCommitTicks({ pacing }: Replica): number {
  return (USUAL_TIMES * pacing.commitMicros) / TICK_MICROS;
}

/** A peer's ping says how far it has come. */
export function noteExecuted(
  r: Replica,
  peer: { readonly slot: number; readonly op: Op | null },
): void {
  r.pacing.executedBy[peer.slot] = peer.op;
}

/** Primary: an op that it prepared has its quorum. */
export function noteCommitTime(r: Replica, entry: PipelineEntry): void {
  const sample = r.monotonic - entry.preparedAt;
  if (sample < 0) return;
  const { commitMicros } = r.pacing;
  r.pacing.commitMicros = commitMicros === 0 ? sample : commitMicros * (1 - ALPHA) + sample * ALPHA;
}

/**
 * Primary: looks, as often as the limit `voterLag` says, whether a voter is behind by more than
 * half of the log and did not come nearer since the last look. Then the pause between prepares is
 * doubled, else halved. Who is not heard is not waited for, and a standby never is.
 */
export function watchLag(r: Replica): void {
  const { pacing } = r;
  if (!isPrimary(r)) {
    pacing.lookedAt = r.tick;
    pacing.lag = 0;
    setShare(r, 0, null);
    return;
  }
  if (r.tick - pacing.lookedAt < r.timers.ticks('voterLag')) return;
  pacing.lookedAt = r.tick;
  const last = lastVoter(r);
  const lag = last?.lag ?? 0;
  const limit = r.config.walSlots / 2;
  const losing = lag > limit && pacing.lag > limit && lag >= pacing.lag;
  pacing.lag = lag;
  if (losing) {
    r.timers.count('voterLag');
    setShare(r, Math.min(1, Math.max(SHARE_MIN, 2 * pacing.share)), last);
  } else {
    setShare(r, pacing.share <= SHARE_MIN ? 0 : pacing.share / 2, last);
  }
}

interface Laggard {
  readonly slot: number;
  readonly lag: number;
}

function lastVoter(r: Replica): Laggard | null {
  let last: Laggard | null = null;
  for (const slot of setSlots(r.voters)) {
    const op = r.pacing.executedBy[slot] ?? null;
    if (slot === r.slot || op === null || !isHeard(r, slot)) continue;
    const lag = r.commitMin - op;
    if (last === null || lag > last.lag) last = { slot, lag };
  }
  return last;
}

function setShare(r: Replica, share: number, voter: Laggard | null): void {
  const before = r.pacing.share;
  r.pacing.share = share;
  if (before === 0 && share > 0 && voter !== null) {
    trace(r, { kind: 'commits_slowed', view: r.view, voter: voter.slot, lag: voter.lag });
  }
  if (before > 0 && share === 0) trace(r, { kind: 'commits_unslowed', view: r.view });
}

/**
 * The pause between two prepares, in microseconds, 0 for none. The longest one is what a commit
 * takes: a request that waits that long waits twice as long in all, and not longer. Where more
 * waits than one prepare holds, a full pipeline would become a single op in that time; there it is
 * so much shorter that half of the throughput remains.
 */
export function pauseMicros(r: Replica): number {
  const { share, commitMicros } = r.pacing;
  const overfull = r.primary.queueBytes > r.config.messageSizeMax;
  return share * commitMicros * (overfull ? Math.min(1, 2 / r.config.pipelineMax) : 1);
}

/** Whether the next prepare has to wait; never when nothing is under way. */
export function isPausing(r: Replica): boolean {
  if (r.pacing.share === 0 || r.primary.pipeline.length === 0) return false;
  return r.monotonic - r.pacing.preparedAt < pauseMicros(r);
}
