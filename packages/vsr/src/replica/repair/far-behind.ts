import type { ClusterConfig } from '../../config.ts';
import { type Op, opNext } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';

/** A gap of more ops than this is wide; on a small ring, of more than half of it. */
const GAP_OPS = 100;

/** Ops above which a gap in the log counts as wide. */
export function wideGap(config: ClusterConfig): number {
  return Math.min(GAP_OPS, config.walSlots / 2);
}

/**
 * Whether this replica lacks so much of the log up to `head` that a peer's checkpoint may be nearer
 * than the log. What is here and only waits to be executed is not lacking.
 */
export function isFarBehind(r: Replica, head: Op): boolean {
  const limit = wideGap(r.config);
  if (!r.restored || head - r.commitMin <= limit) return false;
  if (head - r.op > limit) return true;
  const next = opNext(r.commitMin);
  return next > r.op || next < r.chainOp || !r.journal.isReadable(next);
}
