import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readU128, u128Of, writeU128 } from './u128.ts';

/** Their low bits often agree: where a number is remembered depends on those of the lowest. */
const word = fc.oneof(fc.constantFrom(0, 1, -1, 1024, 2048, -2147483648), fc.integer());

function fromWords(words: readonly number[]): bigint {
  return words.reduce((sum, each, at) => sum | (BigInt(each >>> 0) << BigInt(32 * at)), 0n);
}

describe('128-bit numbers', () => {
  it('are those of their words, whatever was made before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word, word, word), { maxLength: 50 }), (numbers) => {
        for (const words of [...numbers, ...numbers]) {
          const [w0, w1, w2, w3] = words;
          expect(u128Of(w0, w1, w2, w3)).toBe(fromWords(words));
        }
      }),
    );
  });

  it('come back as they were written, at any place', () => {
    const largest = (1n << 128n) - 1n;
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: largest }), fc.nat(9), (value, offset) => {
        const view = new DataView(new ArrayBuffer(32));
        writeU128(view, offset, value);
        expect(readU128(view, offset)).toBe(value);
        expect(view.getBigUint64(offset, true)).toBe(value & ((1n << 64n) - 1n));
      }),
    );
  });
});
