import { opNext } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { peersInView } from './heard.ts';

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

/**
 * Whether the next committed op waits for what a peer must give: its header, its body, or a block
 * that is lost here. What waits for this disk alone, or for a checkpoint in the making, is not
 * stuck: an op that reads much does so on every replica, and whoever led would be no further.
 */
export function waitsForPeers(r: Replica): boolean {
  if (!r.restored || r.missingBlocks.size > 0) return true;
  const next = opNext(r.commitMin);
  if (next > r.op || next < r.chainOp) return true;
  return r.journal.body(next) === null && !r.journal.isReadable(next);
}

/**
 * Primary: enough others to replicate without this replica have executed the op that it is still
 * at, so it is this replica that is slow, and not the op.
 */
export function areOthersAhead(r: Replica): boolean {
  const ahead = peersInView(r).filter((slot) => (r.pacing.executedBy[slot] ?? 0) > r.commitMin);
  return ahead.length >= r.quorums.replication;
}
