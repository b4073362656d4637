import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreeSet } from './free-set.ts';

describe('free set', () => {
  it('finds the lowest free address and comes back from its bytes', () => {
    const step = fc.record({ take: fc.boolean(), address: fc.integer({ min: 1, max: 1100 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.nat({ max: 1200 }), (steps, after) => {
        const set = new FreeSet();
        const model = new Set<number>();
        for (const { take, address } of steps) {
          if (take) {
            expect(set.take(address)).toBe(!model.has(address));
            model.add(address);
          } else if (model.delete(address)) set.release(address);
        }
        expect(set.used).toBe(model.size);
        let lowest = after + 1;
        while (model.has(lowest)) lowest += 1;
        expect(set.lowestFree(after)).toBe(lowest);
        const other = FreeSet.decode(set.encode());
        for (let address = 1; address <= 1200; address += 1) {
          expect(other?.uses(address)).toBe(model.has(address));
        }
        expect(other?.encode()).toEqual(set.encode());
      }),
    );
  });

  it('keeps a copy apart', () => {
    const set = new FreeSet();
    set.take(1);
    const copy = set.copy();
    copy.take(2);
    set.release(1);
    expect([set.used, copy.used, copy.lowestFree(0)]).toEqual([0, 2, 3]);
  });

  it('refuses to give a block up twice', () => {
    const set = new FreeSet();
    set.take(40);
    set.release(40);
    expect(() => set.release(40)).toThrow('given up once');
  });

  it('refuses bytes that are no set', () => {
    const set = new FreeSet();
    for (const address of [1, 2, 5, 70]) set.take(address);
    const bytes = set.encode();
    expect(bytes.length).toBe(4 + 3 * 8);
    expect(FreeSet.decode(bytes.subarray(1))).toBe(null);
    expect(FreeSet.decode(bytes.subarray(0, 12))).toBe(null);
    for (const [at, value] of [
      [8, 0], // An extent of nothing.
      [12, 0], // Two extents that are one.
      [15, 0xff], // Beyond the last address.
      [19, 0xff],
    ] as const) {
      const spoilt = bytes.slice();
      spoilt[at] = value;
      if (at === 8 || at === 12) spoilt.fill(0, at, at + 4);
      if (value === 0xff) spoilt.fill(0xff, at - 3, at + 1);
      expect(FreeSet.decode(spoilt)).toBe(null);
    }
  });
});
