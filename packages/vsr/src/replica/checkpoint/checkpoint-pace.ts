import { checkpointDeadline } from '../../config.ts';
import { TICK_MICROS } from '../../std/tick.ts';
import type { CheckpointWork, Replica } from '../replica.ts';

// How fast the work of a checkpoint is done. It decides nothing about what is written where.

/** Slices in a tick while nothing is under way that could wait for them. */
const SLICES_IDLE = 8;
/** Microseconds that a prepare waits for the work, at most, and the rest of the tick. */
const PAUSE_MAX_MICROS = 2 * TICK_MICROS;

/**
 * Whether the work may go on in this tick: one slice a tick, more while nothing is under way, and
 * as many as it takes to be done as far as ops have come of those that need not wait for it. Done
 * as fast as it goes, it would delay each of them instead of none; done too late, the first one
 * above the deadline would wait, and all behind it, for as long as all the rest of the work takes.
 */
export function paceAllows(r: Replica, work: CheckpointWork): boolean {
  if (work.sliceTick !== r.tick) return true;
  if (work.slices < SLICES_IDLE && r.commitMin === r.op) return true;
  if (r.executing?.needsCheckpoint === true) return true;
  const share = shareOfOps(r, work);
  return share === 1 || r.forest.checkpointProgress < share;
}

/**
 * Primary: whether the next prepare waits a little for the work, which has not come as far as ops
 * have. Else they would go at full speed to the deadline, and all stand there for seconds, until
 * the rest is done; so each waits for its share of it. Never longer than a pause: where the work
 * stands still, ops go on up to the deadline. Nor when enough others have this checkpoint already:
 * then it is this disk alone that is late, and what waits at the deadline tells that another
 * primary would be better (checkpoint-lag.ts).
 */
export function checkpointHoldsBack(r: Replica): boolean {
  const work = r.checkpointing;
  if (work === null || r.checkpointLag.othersAt !== null) return false;
  if (r.forest.checkpointProgress >= shareOfOps(r, work)) return false;
  return r.monotonic - r.pacing.preparedAt < PAUSE_MAX_MICROS;
}

/** How far ops have come on their way to the one that waits for the checkpoint; 1 at its door. */
function shareOfOps(r: Replica, work: CheckpointWork): number {
  const { pipelineMax } = r.config;
  const left = work.record.op + checkpointDeadline(r.config) - r.op - pipelineMax;
  return left <= 0 ? 1 : 1 - left / (checkpointDeadline(r.config) - pipelineMax);
}
