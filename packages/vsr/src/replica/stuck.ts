import type { Replica } from './replica.ts';

/** Ticks without progress after which repair by prepares is given up for a peer's checkpoint. */
const COMMIT_STUCK_TICKS = 300;
/** The same while loading a checkpoint whose blocks peers may have released meanwhile. */
const RESTORE_STUCK_TICKS = 60;

/** Commits have waited for so long that a peer's checkpoint should be taken over instead. */
export function isStuck(r: Replica): boolean {
  if (r.stuckSince === null) return false;
  return r.tick - r.stuckSince > (r.restored ? COMMIT_STUCK_TICKS : RESTORE_STUCK_TICKS);
}
