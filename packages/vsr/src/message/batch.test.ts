import { mix128, writeU64 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientId, View } from '../std/numbers.ts';
import { BATCH_ENTRY_SIZE, batchEntrySize, readBatch, writeBatch } from './batch.ts';
import { NO_REPLICA } from './layout.ts';
import { encodeMessage, type Message } from './message.ts';

const requests: fc.Arbitrary<Message<'request'>> = fc
  .record({
    client: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    session: fc.maxSafeNat(),
    request: fc.nat(0xffffffff),
    operation: fc.nat(0xffff),
    body: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ client, session, request, operation, body }) =>
    encodeMessage(
      'request',
      {
        cluster: 1n,
        replica: NO_REPLICA,
        view: View(0),
        release: 1,
        incarnation: 0n,
        client: ClientId(client),
        session,
        request,
        operation,
      },
      body,
      mix128,
    ),
  );

function bodyOf(batch: readonly Message<'request'>[]): Uint8Array {
  const size = batch.reduce((sum, { body }) => sum + batchEntrySize(body.length), 0);
  const bytes = new Uint8Array(size);
  expect(writeBatch(bytes, 0, batch)).toBe(size);
  return bytes;
}

describe('batch', () => {
  it('comes back as it was written, at any offset', () => {
    fc.assert(
      fc.property(fc.array(requests, { maxLength: 6 }), fc.nat(9), (batch, offset) => {
        const body = bodyOf(batch);
        const buffer = new Uint8Array(offset + body.length);
        expect(writeBatch(buffer, offset, batch)).toBe(buffer.length);
        const entries = readBatch(buffer.subarray(offset), batch.length);
        expect(entries).toEqual(
          batch.map(({ header, body: requestBody }) => ({
            client: header.client,
            session: header.session,
            request: header.request,
            operation: header.operation,
            requestChecksum: header.checksum,
            body: requestBody,
          })),
        );
      }),
    );
  });

  it('is refused with any other count, with its end cut or something after it', () => {
    fc.assert(
      fc.property(fc.array(requests, { minLength: 1, maxLength: 4 }), (batch) => {
        const body = bodyOf(batch);
        expect(readBatch(body, batch.length - 1)).toBeNull();
        expect(readBatch(body, batch.length + 1)).toBeNull();
        expect(readBatch(body.subarray(0, body.length - 1), batch.length)).toBeNull();
        const longer = new Uint8Array(body.length + 8);
        longer.set(body);
        expect(readBatch(longer, batch.length)).toBeNull();
      }),
    );
  });

  it('takes no more room than it needs: entries start at multiples of eight', () => {
    expect([0, 1, 7, 8, 9].map(batchEntrySize)).toEqual([64, 72, 72, 72, 80]);
  });

  it('does not write over what follows', () => {
    const batch = fc.sample(requests, { numRuns: 2, seed: 1 });
    const size = batch.reduce((sum, { body }) => sum + batchEntrySize(body.length), 0);
    expect(() => writeBatch(new Uint8Array(size - 1), 0, batch)).toThrow();
  });
});

describe('readBatch of foreign bytes', () => {
  /** Every entry lies inside the body, after the one before. */
  function expectInside(body: Uint8Array, count: number): void {
    const entries = readBatch(body, count);
    if (entries === null) return;
    expect(entries).toHaveLength(count);
    let at = 0;
    for (const entry of entries) {
      expect(entry.body.byteOffset - body.byteOffset).toBe(at + BATCH_ENTRY_SIZE);
      at += batchEntrySize(entry.body.length);
      expect(at).toBeLessThanOrEqual(body.length);
    }
    expect(at).toBe(body.length);
  }

  it('never throws and never reads outside', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(6), (body, count) => {
        expectInside(body, count);
      }),
      { numRuns: 300 },
    );
  });

  // Sizes near 2^31 and 2^32: rounding up to eight must not wrap around in 32 bits.
  it.each([0x7ffffff8, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffff8, 0xfffffff9, 0xffffffff])(
    'refuses an entry that claims %i bytes',
    (size) => {
      for (const count of [1, 2, 3]) {
        const body = new Uint8Array(BATCH_ENTRY_SIZE * 3);
        const view = new DataView(body.buffer);
        for (let at = 0; at < body.length; at += BATCH_ENTRY_SIZE) {
          view.setUint32(at + 32, size, true);
          expect(readBatch(body, count)).toBeNull();
        }
        for (let end = BATCH_ENTRY_SIZE; end <= body.length; end += BATCH_ENTRY_SIZE) {
          expect(readBatch(body.subarray(0, end), count)).toBeNull();
        }
      }
    },
  );

  it('never throws when sizes are drawn near the edges', () => {
    const sizes = fc.oneof(
      fc.nat(200),
      fc.integer({ min: 0x7fffff00, max: 0x80000100 }),
      fc.integer({ min: 0xffffff00, max: 0xffffffff }),
    );
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 1, maxLength: 5 }), fc.nat(5), (claims, count) => {
        const body = new Uint8Array(BATCH_ENTRY_SIZE * claims.length);
        const view = new DataView(body.buffer);
        claims.forEach((size, index) => view.setUint32(index * BATCH_ENTRY_SIZE + 32, size, true));
        expectInside(body, count);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a session above 2^53 - 1', () => {
    const body = new Uint8Array(BATCH_ENTRY_SIZE);
    const view = new DataView(body.buffer);
    writeU64(view, 16, Number.MAX_SAFE_INTEGER);
    expect(readBatch(body, 1)?.[0]?.session).toBe(Number.MAX_SAFE_INTEGER);
    view.setUint32(20, 0x200000, true);
    expect(readBatch(body, 1)).toBeNull();
  });
});
