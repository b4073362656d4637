import { mix128 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Op, View } from '../std/numbers.ts';
import { chainOf, FIXTURE_CLUSTER, headersOf } from '../testing/log-fixture.ts';
import { decodeHeaderList, encodeHeaderList, logHeaderOf } from './header-list.ts';
import { HEADER_SIZE, NO_REPLICA } from './layout.ts';
import { encodeMessage } from './message.ts';

const CHAIN = chainOf(9);
const HEADERS = headersOf(CHAIN);

describe('header list', () => {
  it('comes back with its gaps where they were', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(9)), { maxLength: 12 }), (picks) => {
        const list = picks.map((op) => (op === null ? null : (HEADERS[op] ?? null)));
        const bytes = encodeHeaderList(list);
        expect(bytes).toHaveLength(list.length * HEADER_SIZE);
        expect(decodeHeaderList(bytes, mix128)).toEqual(list);
      }),
    );
  });

  it('refuses any flipped bit: a blank is all zero, a header is all right', () => {
    const bytes = encodeHeaderList([HEADERS[3] ?? null, null]);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const copy = bytes.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeHeaderList(copy, mix128)).toBeNull();
    }
  });

  it('refuses a valid header of another command', () => {
    const common = { cluster: FIXTURE_CLUSTER, view: View(0), release: 0, incarnation: 0n };
    const reserved = encodeMessage(
      'reserved',
      { ...common, replica: NO_REPLICA, op: Op(4) },
      null,
      mix128,
    );
    expect(decodeHeaderList(reserved.bytes, mix128)).toBeNull();
  });

  it('refuses a header that is cut, and never throws', () => {
    const bytes = encodeHeaderList([HEADERS[3] ?? null, HEADERS[2] ?? null]);
    for (let length = 1; length < bytes.length; length += 1) {
      if (length === HEADER_SIZE) continue;
      expect(decodeHeaderList(bytes.subarray(0, length), mix128)).toBeNull();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (foreign) => {
        decodeHeaderList(foreign, mix128);
      }),
    );
  });

  it('owns its bytes: the buffer of a message may be used again', () => {
    const message = CHAIN[5];
    if (message === undefined) throw new Error('there is an op 5');
    const entry = logHeaderOf(message);
    expect(entry.bytes.buffer).not.toBe(message.bytes.buffer);
    const list = encodeHeaderList([entry]);
    const decoded = decodeHeaderList(list, mix128);
    list.fill(0xee);
    expect(decoded).toEqual([entry]);
  });
});
