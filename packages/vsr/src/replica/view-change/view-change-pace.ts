import type { Op } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';

/** How often its time in the table a view change may last, stretched and backed off. */
const LONGER_MAX = 16;
/** The same where this disk needs that long for its writes, which is believed step by step only. */
const LONGER_MAX_SLOW = 64;

/** By how much a view change may last longer: the more of them in a row came to nothing. */
export function backOff(r: Replica): number {
  const doublings = Math.max(0, r.viewChange.attempts - 1);
  return Math.min(2 ** doublings, viewChangeTicksMax(r) / r.timers.ticks('viewChange'));
}

/** Ticks that this view change may last, before jitter. */
export function viewChangeTicks(r: Replica): number {
  return r.timers.ticks('viewChange') * backOff(r);
}

/** The longest that any may last. */
export function viewChangeTicksMax(r: Replica): number {
  const floor = r.timers.floor('viewChange');
  const writes = Math.min(LONGER_MAX_SLOW * floor, r.timers.diskTicks('viewChange'));
  return Math.max(LONGER_MAX * floor, writes);
}

/** The view is normal here from now on. */
export function noteViewBegun(r: Replica, commit: Op): void {
  r.viewChange.begunAt = r.tick;
  r.viewChange.begunCommit = commit;
}

/**
 * Ends the back-off once the view is seen to work: something has committed in it, or it has stood
 * for a view change's time with nothing to commit. That there is a primary, and that it is heard,
 * proves nothing yet: with slow disks each view has one, and none lasts until its first commit.
 */
export function noteViewWorks(r: Replica, primary: { readonly commit: Op; readonly op: Op }): void {
  const { viewChange } = r;
  if (viewChange.attempts === 0) return;
  const idle = primary.commit >= primary.op;
  const stood = r.tick - viewChange.begunAt > r.timers.ticks('viewChange');
  if (primary.commit > viewChange.begunCommit || (idle && stood)) viewChange.attempts = 0;
}
