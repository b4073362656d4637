import type { Replica } from './replica.ts';

/** Ticks without progress after which repair by prepares is given up for a peer's checkpoint. */
const COMMIT_STUCK_TICKS = 300;
/** The same while loading a checkpoint whose blocks peers may have released meanwhile. */
const RESTORE_STUCK_TICKS = 60;

/** Commits have waited for so long that a peer's checkpoint should be taken over instead. */
export function isStuck(r: Replica): boolean {
  if (isOvertaken(r)) return true;
  if (r.stuckSince === null) return false;
  return r.tick - r.stuckSince > (r.restored ? COMMIT_STUCK_TICKS : RESTORE_STUCK_TICKS);
}

/**
 * The checkpoint that is being fetched is the last but two: peers write over its blocks. What is
 * here of it is kept, and most of the rest is in the newer one too.
 */
export function isOvertaken(r: Replica): boolean {
  if (r.syncTarget === null || r.restorePending) return false;
  return r.primaryCommit >= r.syncTarget + 2 * r.config.checkpointInterval;
}
