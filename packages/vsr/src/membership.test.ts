import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nextView,
  primarySlot,
  quorumsOf,
  SLOT_COUNT,
  VOTERS_MAX,
  votersOf,
} from './membership.ts';
import { setCount, setHas, setSlots } from './std/bitset.ts';
import { View } from './std/numbers.ts';

/** Every subset of `voters` replicas with exactly `size` members, as bit sets. */
function subsetsOf(voters: number, size: number): number[] {
  const found: number[] = [];
  for (let set = 0; set < 1 << voters; set += 1) if (setCount(set) === size) found.push(set);
  return found;
}

describe('quorumsOf', () => {
  // The table (rule quorum-table), written out: a formula tested by a formula proves nothing.
  it.each([
    [1, 1, 1, 1, 1],
    [2, 2, 2, 1, 2],
    [3, 2, 2, 2, 2],
    [4, 2, 3, 3, 3],
    [5, 3, 3, 3, 3],
    [6, 3, 4, 4, 4],
  ])('%i voters: replication %i, view change %i, nack %i, majority %i', (voters, ...row) => {
    const [replication, viewChange, nack, majority] = row;
    expect(quorumsOf(voters)).toEqual({ replication, viewChange, nack, majority });
  });

  it.each([1, 2, 3, 4, 5, 6])('%i voters: quorums meet, by all subsets', (voters) => {
    const { replication, viewChange, nack, majority } = quorumsOf(voters);
    const meets = (size: number, other: number): boolean =>
      subsetsOf(voters, size).every((first) =>
        subsetsOf(voters, other).every((second) => (first & second) !== 0),
      );
    // A new view hears of every commit.
    expect(meets(replication, viewChange)).toBe(true);
    // A replica that acknowledged does not nack: an op that has its quorum can't be dropped.
    expect(meets(replication, nack)).toBe(true);
    // Two primaries of one view change can't both be chosen.
    expect(meets(viewChange, viewChange)).toBe(true);
    expect(meets(majority, majority)).toBe(true);
    expect(viewChange).toBeGreaterThanOrEqual(majority);
    // No quorum is larger than it must be, but for two voters, where both must have every op.
    if (voters !== 2) expect(meets(replication, viewChange - 1)).toBe(false);
    expect(meets(replication, nack - 1)).toBe(false);
  });

  it('refuses a membership that has no row', () => {
    for (const voters of [0, -1, VOTERS_MAX + 1, Number.NaN]) {
      expect(() => quorumsOf(voters)).toThrow('one to six voters');
    }
  });
});

describe('votersOf', () => {
  it('names the slots from zero', () => {
    expect(setSlots(votersOf(1))).toEqual([0]);
    expect(setSlots(votersOf(6))).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('primarySlot', () => {
  it('is a function of the view alone: view mod 16', () => {
    expect([0, 1, 2, 15, 16, 17, 33].map((view) => primarySlot(View(view)))).toEqual([
      0, 1, 2, 15, 0, 1, 1,
    ]);
  });

  it('works for views above 2^32', () => {
    expect(primarySlot(View(2 ** 40 + 3))).toBe(3);
  });
});

describe('nextView', () => {
  it('skips the slots without a voter', () => {
    const voters = votersOf(3);
    const views = [View(0)];
    for (let step = 0; step < 6; step += 1) views.push(nextView(views.at(-1) ?? View(0), voters));
    expect(views).toEqual([0, 1, 2, 16, 17, 18, 32]);
  });

  it('comes back to a lone voter after one whole round', () => {
    expect(nextView(View(0), votersOf(1))).toBe(16);
    expect(nextView(View(5), 1 << 5)).toBe(21);
  });

  it('is the smallest view above whose slot holds a voter', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.integer({ min: 1, max: 0xffff }),
        (view, voters) => {
          const next = nextView(View(view), voters);
          expect(next).toBeGreaterThan(view);
          expect(setHas(voters, primarySlot(next))).toBe(true);
          expect(next - view).toBeLessThanOrEqual(SLOT_COUNT);
          for (let skipped = view + 1; skipped < next; skipped += 1) {
            expect(setHas(voters, skipped % SLOT_COUNT)).toBe(false);
          }
        },
      ),
    );
  });

  it('has no answer without voters', () => {
    expect(() => nextView(View(0), 0)).toThrow('there are voters');
  });
});
