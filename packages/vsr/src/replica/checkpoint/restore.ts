import { assert } from '@kimberlite/store';
import { adoptFiles } from '../members/recover-op.ts';
import { acknowledgeAll } from '../normal/acknowledge.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { updateSuperblock } from './superblock-update.ts';

/**
 * Loads the checkpoint that the superblock names: at start, and after the superblock was moved to a
 * peer's checkpoint. Both are one path: each block is read from this disk, and what is missing or
 * rotten is fetched from a peer by (address, checksum), which only the right bytes can match.
 */
export function beginRestore(r: Replica): void {
  r.restored = false;
  r.restorePending = false;
  r.executing = null;
  r.repliesWaiting.clear();
  r.missingBlocks.clear();
  // What this replica wrote itself was on the disk before the superblock named it: of that only
  // the metadata is read, so that a start does not take longer the more there is. Where rot has got
  // at it since, the scrubber finds it, or whatever needs it.
  r.forest.beginRestore(r.checkpoint.forestRoot, { whole: r.syncTarget !== null });
}

/** Ends a restore that has all it wanted, and whose blocks are on this disk. */
export function finishRestore(r: Replica): void {
  if (!r.forest.restored || r.blockWrites > 0 || r.blockReads > 0) return;
  // All of the table is needed at once, however small the cache.
  const loaded = r.forest.holding(r.loading, () => r.sessions.load() && r.replacedFiles.load());
  if (!loaded) return;
  r.forest.release(r.loading);
  assert(r.missingBlocks.size === 0, 'nothing is missing');
  r.restored = true;
  adoptFiles(r);
  if (r.syncTarget !== null) {
    r.syncTarget = null;
    trace(r, { kind: 'sync_finished', op: r.checkpoint.op });
    updateSuperblock(r);
  }
  acknowledgeAll(r);
}
