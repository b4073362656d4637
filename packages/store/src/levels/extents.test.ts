import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Extents } from './extents.ts';

/** Stretches of addresses as a free set writes them. */
function encode(stretches: readonly (readonly [gap: number, length: number])[]): Uint8Array {
  const numbers = [stretches.length, ...stretches.flat()];
  return new Uint8Array(new Uint32Array(numbers).buffer);
}

const stretchesArbitrary = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })))
  .chain((stretches) =>
    fc.boolean().map((fromFirst) => {
      return stretches.map(
        ([gap, length], at) => [at === 0 && fromFirst ? 0 : gap, length] as const,
      );
    }),
  );

describe('the extents of a checkpoint', () => {
  it('rank every address that is used, and no other', () => {
    fc.assert(
      fc.property(stretchesArbitrary, (stretches) => {
        const addresses: number[] = [];
        let end = 0;
        for (const [gap, length] of stretches) {
          for (let at = 1; at <= length; at += 1) addresses.push(end + gap + at);
          end += gap + length;
        }
        const extents = Extents.decode(encode(stretches));
        expect(extents?.count).toBe(addresses.length);
        expect(extents?.last).toBe(addresses.at(-1) ?? 0);
        for (let address = 0; address <= end + 2; address += 1) {
          expect(extents?.rankOf(address)).toBe(addresses.indexOf(address));
        }
        addresses.forEach((address, rank) => {
          expect(extents?.addressOf(rank)).toBe(address);
          const neighbours = extents?.neighbours(rank) ?? 0;
          expect(addresses[rank + neighbours - 1]).toBe(address + neighbours - 1);
          expect(addresses[rank + neighbours]).not.toBe(address + neighbours);
        });
      }),
    );
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a count without stretches', encode([[1, 1]]).subarray(0, 8)],
    ['an empty stretch', encode([[1, 0]])],
    [
      'two stretches that are one',
      encode([
        [1, 2],
        [0, 1],
      ]),
    ],
    ['addresses beyond the last', encode([[0xffff_fffe, 2]])],
  ])('are not read from %s', (_, bytes) => {
    expect(Extents.decode(bytes)).toBeNull();
  });
});
