import { compareBytes } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyAfter, prefixEnd } from './bytes.ts';

// Few values, so that prefixes and equal strings happen.
const bytes = fc
  .array(fc.constantFrom(0, 1, 254, 255), { maxLength: 4 })
  .map((list) => Uint8Array.from(list));

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => key[index] === byte);
}

describe('byte strings', () => {
  it('have nothing between a key and the key after it', () => {
    fc.assert(
      fc.property(bytes, bytes, (key, other) => {
        const below = compareBytes(other, keyAfter(key)) < 0;
        expect(below).toBe(compareBytes(other, key) <= 0);
      }),
    );
  });

  it('begin with a prefix exactly when they lie between it and its end', () => {
    fc.assert(
      fc.property(bytes, bytes, (prefix, key) => {
        const end = prefixEnd(prefix);
        const inside =
          compareBytes(key, prefix) >= 0 && (end === null || compareBytes(key, end) < 0);
        expect(inside).toBe(startsWith(key, prefix));
      }),
    );
  });
});
