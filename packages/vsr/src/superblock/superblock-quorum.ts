import type { Checksum } from '../std/numbers.ts';
import type { SuperblockCopy } from './superblock.ts';

/** Copies that must be equal before a superblock is believed at open. */
export const SUPERBLOCK_READ_QUORUM = 2;
/** Copies that must be read back equal before a write counts as durable: 3 + 2 > 4. */
export const SUPERBLOCK_WRITE_QUORUM = 3;

/** Why no copy is believed. */
export type SuperblockFault =
  /** No valid copy at all: not a data file, or never formatted to the end. */
  | 'not_found'
  /** Valid copies, but no two alike that could be the newest. */
  | 'quorum_lost'
  /** Two different contents with one sequence number. */
  | 'fork'
  /** The newest does not follow the one before. */
  | 'parent_not_connected'
  | 'parent_skipped'
  | 'not_monotonic';

interface Group {
  readonly copy: SuperblockCopy;
  readonly count: number;
}

function group(copies: readonly (SuperblockCopy | null)[]): Group[] {
  const groups = new Map<Checksum, Group>();
  for (const copy of copies) {
    if (copy === null) continue;
    const known = groups.get(copy.checksum);
    groups.set(copy.checksum, { copy, count: (known?.count ?? 0) + 1 });
  }
  return [...groups.values()];
}

/**
 * Chooses the superblock at open: the highest sequence that a read quorum of copies holds. Copies
 * are written one after another, so a crash spoils at most one, and at any moment either the old or
 * the new content has a quorum. Taking a single newest copy instead would believe a write that was
 * never finished, and that nobody was told of.
 */
export function selectSuperblock(
  copies: readonly (SuperblockCopy | null)[],
): SuperblockCopy | SuperblockFault {
  const groups = group(copies);
  if (groups.length === 0) return 'not_found';
  for (const first of groups) {
    for (const other of groups) {
      if (first !== other && first.copy.state.sequence === other.copy.state.sequence) return 'fork';
    }
  }
  const believed = groups.filter(({ count }) => count >= SUPERBLOCK_READ_QUORUM);
  const newest = believed.sort((a, b) => b.copy.state.sequence - a.copy.state.sequence)[0];
  if (newest === undefined) return 'quorum_lost';
  for (const other of groups) {
    const fault = followFault(newest.copy, other.copy);
    if (fault !== null) return fault;
  }
  return newest.copy;
}

/** How another valid copy contradicts the chosen one, or null. */
function followFault(chosen: SuperblockCopy, other: SuperblockCopy): SuperblockFault | null {
  const distance = chosen.state.sequence - other.state.sequence;
  const [older, newer] = distance > 0 ? [other, chosen] : [chosen, other];
  if (distance === 0) return null;
  if (Math.abs(distance) > 1) {
    // A copy that missed more than one write was bad for a while; only a newer one is strange.
    return distance < 0 ? 'parent_skipped' : null;
  }
  if (newer.state.parent !== older.checksum) return 'parent_not_connected';
  if (
    newer.state.view < older.state.view ||
    newer.state.logView < older.state.logView ||
    newer.state.checkpoint.op < older.state.checkpoint.op
  ) {
    return 'not_monotonic';
  }
  return null;
}
