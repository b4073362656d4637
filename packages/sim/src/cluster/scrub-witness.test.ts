import { describe, expect, it } from 'vitest';
import { emptyTotals } from '../run/totals.ts';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { ScrubWitness } from './scrub-witness.ts';

const [state] = new ScriptedCluster({ replicaCount: 3 }).cluster.snapshots();
if (state === undefined) throw new Error('it runs');
const replica = { ...state, slot: 0 };

/** Ticks held, of a scrubber with two bytes a tick that has read so much after each. */
function held(read: readonly number[], scrubProgress = 0.5): number {
  const totals = emptyTotals();
  const witness = new ScrubWitness(totals, { tourTicks: 1, bytesPerTick: 2 });
  for (const scrubBytes of read) witness.onSnapshot({ ...replica, scrubBytes, scrubProgress });
  return totals.scrubTicksHeld;
}

describe('a scrubber is held back', () => {
  it('while a tour reads nothing because the last read took more than its share', () => {
    expect(held([8, 8, 8, 8, 16])).toBe(3);
  });

  it('in no tick in which it might have read, and in none between tours', () => {
    expect(held([2, 4, 6, 6, 6])).toBe(0);
    expect(held([8, 8, 8, 8], 0)).toBe(0);
  });

  it('by what this life of it has read', () => {
    expect(held([80, 0, 0, 0])).toBe(0);
  });
});
