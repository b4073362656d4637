import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inRanges } from '../faults/fault-gate.ts';
import { rangesWithout } from './ordinals.ts';

describe('ordinals', () => {
  it('that are kept are exactly those that no range holds, and nothing above them is', () => {
    const kept = fc.uniqueArray(fc.nat(200), { maxLength: 30 });
    fc.assert(
      fc.property(kept, (ordinals) => {
        const sorted = [...ordinals].sort((first, other) => first - other);
        const ranges = rangesWithout(sorted);
        const left = Array.from({ length: 300 }, (_, at) => at).filter(
          (at) => !inRanges(ranges, at),
        );
        expect(left).toEqual(sorted);
        expect(inRanges(ranges, 1_000_000)).toBe(true);
      }),
    );
  });
});
