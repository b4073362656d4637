import { ADDRESS_MAX, writeU64 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checksum } from '../std/numbers.ts';
import { BLOCK_REFERENCE_SIZE, decodeBlockList, encodeBlockList } from './block-list.ts';

const references = fc.array(
  fc.record({
    address: fc.integer({ min: 1, max: ADDRESS_MAX }),
    checksum: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(Checksum),
  }),
  { maxLength: 20 },
);

describe('a list of blocks', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(references, (list) => {
        const body = encodeBlockList(list);
        expect(body.length).toBe(list.length * BLOCK_REFERENCE_SIZE);
        expect(decodeBlockList(body)).toEqual(list);
      }),
    );
  });

  it('leaves out addresses that no disk can have, and never throws', () => {
    const body = encodeBlockList([1, 2, 3].map((address) => ({ address, checksum: Checksum(7n) })));
    body.fill(0, 0, 8);
    body.fill(0xff, BLOCK_REFERENCE_SIZE, BLOCK_REFERENCE_SIZE + 8);
    expect(decodeBlockList(body)).toEqual([{ address: 3, checksum: 7n }]);
    // A number that can be counted with, but is beyond what a block's name has room for.
    writeU64(new DataView(body.buffer), BLOCK_REFERENCE_SIZE, ADDRESS_MAX + 1);
    expect(decodeBlockList(body)).toEqual([{ address: 3, checksum: 7n }]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const { address } of decodeBlockList(bytes)) {
          expect(address).toBeGreaterThan(0);
          expect(address).toBeLessThanOrEqual(ADDRESS_MAX);
        }
      }),
    );
  });
});
