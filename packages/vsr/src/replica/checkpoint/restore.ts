import { assert } from '@kimberlite/store';
import type { ReplicaEvent } from '../effect.ts';
import { adoptFiles } from '../members/recover-op.ts';
import { acknowledgeAll } from '../normal/acknowledge.ts';
import { fetchMissingBlocks, noteMissingBlock } from '../repair/block-repair.ts';
import { onServedBlockRead } from '../repair/serve.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import { updateSuperblock } from './superblock-update.ts';
import { isReplacingState } from './sync.ts';

/** Blocks read from this disk at once while loading. */
const READS_MAX = 8;

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

/**
 * Reads blocks that execution, a checkpoint's merges or a restore want, a few at a time, and ends a
 * restore that has all it wanted.
 */
export function readWantedBlocks(r: Replica): void {
  // Of a tree that is about to be replaced nothing more is read: the switch waits for the last one.
  if (isReplacingState(r)) return;
  if (!r.restored) finishRestore(r);
  if (r.blockReads >= READS_MAX) return;
  for (const reference of r.forest.takeWanted(READS_MAX - r.blockReads)) {
    r.blockReads += 1;
    r.out.push({ kind: 'read_block', reference, serveTo: null });
  }
}

/**
 * Whether a read that had to wait at this `demandVersion` should be tried again: when all that was
 * being read has come, or as much as is read at once. To try again for each single block would go
 * over all the others each time.
 */
export function mayHaveCome(r: Replica, demandVersion: number): boolean {
  const came = r.forest.demandVersion - demandVersion;
  return came > 0 && (r.blockReads === 0 || came >= READS_MAX);
}

function finishRestore(r: Replica): void {
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

/** A block was read from this disk: for whatever here wants it, or for a peer. */
export function onBlockRead(
  r: Replica,
  event: Extract<ReplicaEvent, { kind: 'block_read' }>,
): void {
  const { reference, bytes, serveTo } = event;
  if (serveTo !== null) {
    onServedBlockRead(r, { reference, bytes, serveTo });
    return;
  }
  r.blockReads -= 1;
  if (r.restorePending || r.forest.provide(reference, bytes) !== 'bad') return;
  if (r.replicaCount === 1) {
    fatal(r, 'checkpoint_corrupt');
    return;
  }
  // A block that is fetched for the first time is no rot.
  if (noteMissingBlock(r, reference) && r.syncTarget === null) {
    const found = r.restored ? 'read' : 'start';
    trace(r, { kind: 'corrupt', what: 'block', place: reference.address, found });
  }
  fetchMissingBlocks(r);
}
