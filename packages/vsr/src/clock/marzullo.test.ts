import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Agreement, type Interval, marzullo } from './marzullo.ts';

/** Sources whose interval contains the point, ends included. */
function countAt(intervals: readonly Interval[], point: number): number {
  return intervals.filter(({ lower, upper }) => lower <= point && point <= upper).length;
}

/**
 * By trying every pair of a beginning and an end: the narrowest interval all of whose points have
 * as many sources as any point has; of equal ones the first.
 */
function bruteForce(intervals: readonly Interval[]): Agreement | null {
  const most = Math.max(...intervals.map(({ lower }) => countAt(intervals, lower)));
  let best: Agreement | null = null;
  for (const { lower } of intervals) {
    for (const { upper } of intervals) {
      if (upper < lower) continue;
      const inside = intervals.filter((other) => other.lower <= lower && upper <= other.upper);
      if (inside.length < most) continue;
      const width = upper - lower;
      const narrower: boolean =
        best === null ||
        width < best.upper - best.lower ||
        (width === best.upper - best.lower && lower < best.lower);
      // As wide as the agreement of the sources goes, not a part of it.
      const whole =
        inside.every((other) => other.upper >= upper && other.lower <= lower) &&
        inside.some((other) => other.upper === upper) &&
        inside.some((other) => other.lower === lower);
      if (narrower && whole) best = { lower, upper, sources: most };
    }
  }
  return best;
}

const intervals = fc.array(
  fc
    .tuple(fc.integer({ min: -12, max: 12 }), fc.nat(8))
    .map(([lower, width]): Interval => ({ lower, upper: lower + width })),
  { minLength: 1, maxLength: 7 },
);

describe('marzullo', () => {
  it('is null without sources', () => {
    expect(marzullo([])).toBeNull();
  });

  it('agrees with brute force', () => {
    fc.assert(
      fc.property(intervals, (sources) => {
        expect(marzullo(sources)).toEqual(bruteForce(sources));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not depend on the order of the sources', () => {
    fc.assert(
      fc.property(intervals, (sources) => {
        expect(marzullo([...sources].reverse())).toEqual(marzullo(sources));
      }),
    );
  });

  it.each([
    [
      [
        [8, 12],
        [11, 13],
        [10, 12],
      ],
      [11, 12, 3],
    ],
    [
      [
        [8, 12],
        [11, 13],
        [14, 15],
      ],
      [11, 12, 2],
    ],
    [
      [
        [8, 9],
        [8, 12],
        [10, 12],
      ],
      [8, 9, 2],
    ],
    // Touching ends agree on their common point.
    [
      [
        [0, 5],
        [5, 9],
      ],
      [5, 5, 2],
    ],
    // No overlap: the narrowest alone.
    [
      [
        [0, 5],
        [7, 8],
        [20, 30],
      ],
      [7, 8, 1],
    ],
  ])('%j agree on %j', (sources, [lower, upper, count]) => {
    const given = sources.map(([from, to]) => ({ lower: from ?? 0, upper: to ?? 0 }));
    expect(marzullo(given)).toEqual({ lower, upper, sources: count });
  });
});
