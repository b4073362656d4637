import type { OrdinalRange } from '../faults/fault-gate.ts';

/**
 * The ranges that hold everything but these ordinals, which ascend. What lies above the last one is
 * left out too: a run that goes another way may draw more than it did.
 */
export function rangesWithout(kept: readonly number[]): OrdinalRange[] {
  const ranges: OrdinalRange[] = [];
  let next = 0;
  for (const ordinal of kept) {
    if (ordinal > next) ranges.push([next, ordinal - 1]);
    next = ordinal + 1;
  }
  ranges.push([next, null]);
  return ranges;
}
