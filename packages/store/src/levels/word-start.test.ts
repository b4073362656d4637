import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADDRESS_MAX } from '../block.ts';
import { wordStart } from './word-start.ts';

describe('the word of a bit', () => {
  it('begins at the multiple of 32 below, for every address', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: ADDRESS_MAX }), (bit) => {
        expect(wordStart(bit)).toBe(Math.floor(bit / 32) * 32);
      }),
    );
    for (const bit of [0, 31, 32, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 33, 2 ** 32 - 1]) {
      expect(wordStart(bit)).toBe(Math.floor(bit / 32) * 32);
    }
  });
});
