import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from './checksum.ts';

describe('sha256-128', () => {
  it('is the first half of SHA-256, read little-endian', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const digest = createHash('sha256').update(bytes).digest().subarray(0, 16);
        const expected = BigInt(`0x${Buffer.from(digest).reverse().toString('hex')}`);
        expect(sha256.hash(bytes)).toBe(expected);
      }),
    );
  });

  it('hashes a view by its own bytes only', () => {
    const all = new Uint8Array([9, 9, 1, 2, 3, 9]);
    expect(sha256.hash(all.subarray(2, 5))).toBe(sha256.hash(new Uint8Array([1, 2, 3])));
  });
});
