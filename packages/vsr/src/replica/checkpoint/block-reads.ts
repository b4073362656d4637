import type { ReplicaEvent } from '../effect.ts';
import { fetchMissingBlocks, noteMissingBlock } from '../repair/block-repair.ts';
import { onServedBlockRead } from '../repair/serve.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import { finishRestore } from './restore.ts';
import { isReplacingState } from './sync.ts';

/** Blocks read at once from this disk, for all that wants some here. */
const READS_MAX = 8;

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
