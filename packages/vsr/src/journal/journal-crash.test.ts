import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../std/prng.ts';
import { JournalWorld } from '../testing/journal-world.ts';

const seeds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

interface Totals {
  crashes: number;
  acknowledged: number;
  uncertain: number;
}

/** Runs a world for up to 400 events; the world itself asserts what must hold. */
function run(seed: bigint, options: { readonly solo: boolean; readonly rot: boolean }): Totals {
  const world = new JournalWorld({ prng: new Prng(seed), ...options });
  for (let event = 0; event < 400; event += 1) if (!world.step()) break;
  const { crashes, acknowledged, uncertain } = world;
  return { crashes, acknowledged, uncertain };
}

/** Runs many worlds, and says what happened in them: a test in which nothing happens is none. */
function runAll(options: { readonly solo: boolean; readonly rot: boolean }): Totals {
  const totals: Totals = { crashes: 0, acknowledged: 0, uncertain: 0 };
  fc.assert(
    fc.property(seeds, (seed) => {
      const { crashes, acknowledged, uncertain } = run(seed, options);
      totals.crashes += crashes;
      totals.acknowledged += acknowledged;
      totals.uncertain += uncertain;
    }),
    { numRuns: 150 },
  );
  expect(totals.crashes).toBeGreaterThan(100);
  expect(totals.acknowledged).toBeGreaterThan(1000);
  return totals;
}

describe('a journal that crashes anywhere', () => {
  it('never denies what it acknowledged', () => {
    const totals = runAll({ solo: false, rot: false });
    expect(totals.uncertain).toBeLessThan(totals.crashes / 4);
  });

  it('never denies what it acknowledged, though slots rot', () => {
    runAll({ solo: false, rot: true });
  });

  it('alone, always starts again with all that it acknowledged', () => {
    expect(runAll({ solo: true, rot: false }).uncertain).toBe(0);
  });
});
