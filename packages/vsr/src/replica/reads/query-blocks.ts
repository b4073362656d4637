import type { Replica } from '../replica.ts';
import type { WaitingQuery } from './read-state.ts';

/**
 * Blocks that queries hold while others of theirs are read. Together they claim no more than
 * `limitedSizeMax` of the forest, half of the cache. A query that would need more lets go and waits
 * until others have; so that this comes to an end, one at a time may go beyond: what a single
 * request may look at is bounded before it is taken.
 */

/** Whether another look may get further than the last one did. */
export function mayLookAgain(r: Replica, { hold, claimedThen }: WaitingQuery): boolean {
  if (hold !== null) return !hold.waits;
  return claimedThen === null || r.reads.beyond === null || r.forest.limitedSize < claimedThen;
}

/** Whether it waits for others to let go of blocks. */
export function isForRoom({ hold, claimedThen }: WaitingQuery): boolean {
  return hold === null && claimedThen !== null;
}

/** The query has looked, with this hold, and waits for blocks. */
export function waitForBlocks(
  r: Replica,
  waiting: WaitingQuery,
  hold: NonNullable<WaitingQuery['hold']>,
): void {
  const { forest, reads } = r;
  waiting.hold = hold;
  if (!forest.claimsTooMuch || hold.privileged) return;
  if (reads.beyond === null) {
    reads.beyond = waiting;
    forest.privilege(hold);
    return;
  }
  forest.release(hold);
  waiting.hold = null;
  // Only when the others hold less there may be room.
  waiting.claimedThen = forest.limitedSize;
}

/** The query is answered, or waits no longer: what was held for it may go. */
export function releaseQuery(r: Replica, waiting: WaitingQuery): void {
  if (waiting.hold !== null) r.forest.release(waiting.hold);
  waiting.hold = null;
  if (r.reads.beyond === waiting) r.reads.beyond = null;
}
