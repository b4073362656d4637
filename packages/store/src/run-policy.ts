import { blocksOfStream } from './block.ts';
import type { Run, RunKind } from './manifest.ts';
import { assert } from './std/assert.ts';

/** Delta runs of a table, at most. */
export const DELTA_RUNS_MAX = 16;

/**
 * Which run a checkpoint adds to a table that changed: a delta, until the deltas together would
 * take as many blocks as the full run; then a full one takes the place of all. So a byte is
 * rewritten about twice in the long run, and a restore reads at most twice the state. It looks only
 * at what the manifest and the frozen layer say, which is the same on every replica, however it
 * came by its state.
 */
export function runKindToAdd(runs: readonly Run[], frozenSize: number, blockSize: number): RunKind {
  assert(frozenSize > 0, 'a run is added for changes only');
  const [full, ...deltas] = runs;
  if (full === undefined) return 'full';
  assert(full.kind === 'full', 'the oldest run is full');
  if (deltas.length + 1 > DELTA_RUNS_MAX) return 'full';
  let blocks = blocksOfStream(frozenSize, blockSize);
  for (const delta of deltas) blocks += delta.blocks.length;
  return blocks >= full.blocks.length ? 'full' : 'delta';
}
