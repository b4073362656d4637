import { mix128 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientId, View } from '../std/numbers.ts';
import { FrameDecoder, type FrameFault } from './frame-decoder.ts';
import { HEADER_SIZE, NO_REPLICA, OFFSET_SIZE } from './layout.ts';
import { type AnyMessage, encodeMessage, type Message } from './message.ts';

const SIZE_MAX = 4096;

function request(bodySize: number): Message<'request'> {
  return encodeMessage(
    'request',
    {
      cluster: 3n,
      replica: NO_REPLICA,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: ClientId(5n),
      session: 1,
      request: 1,
      operation: 16,
    },
    new Uint8Array(bodySize).fill(bodySize & 0xff),
    mix128,
  );
}

function decoder(): FrameDecoder {
  return new FrameDecoder({ messageSizeMax: SIZE_MAX, checksum: mix128 });
}

/** Pushes the stream in chunks and takes all that comes out, until a fault. */
function run(
  target: FrameDecoder,
  stream: Uint8Array,
  cuts: readonly number[],
): { messages: AnyMessage[]; fault: FrameFault | null } {
  const messages: AnyMessage[] = [];
  let at = 0;
  const ends = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length];
  ends.sort((first, other) => first - other);
  for (const end of ends) {
    target.push(stream.slice(at, end));
    at = end;
    for (;;) {
      const result = target.next();
      if (result === null) break;
      if (typeof result === 'string') return { messages, fault: result };
      messages.push(result);
      expect(target.pending).toBeLessThanOrEqual(stream.length);
    }
  }
  return { messages, fault: null };
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

describe('FrameDecoder', () => {
  it('gives the messages of a stream however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(SIZE_MAX - HEADER_SIZE), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (sizes, cuts) => {
          const sent = sizes.map(request);
          const target = decoder();
          const { messages, fault } = run(target, join(sent.map((item) => item.bytes)), cuts);
          expect(fault).toBeNull();
          expect(messages.map((item) => item.header)).toEqual(sent.map((item) => item.header));
          expect(messages.map((item) => item.bytes)).toEqual(sent.map((item) => item.bytes));
          expect(target.pending).toBe(0);
        },
      ),
    );
  });

  it('gives the messages of a stream that comes byte by byte', () => {
    const sent = [request(0), request(300)];
    const stream = join(sent.map((item) => item.bytes));
    const { messages } = run(
      decoder(),
      stream,
      stream.map((_, at) => at) as unknown as number[], // SAFETY: cut positions are numbers.
    );
    expect(messages).toHaveLength(2);
  });

  it('does not copy a message that lies whole in one chunk', () => {
    const target = decoder();
    const chunk = join([request(10).bytes, request(20).bytes]);
    target.push(chunk);
    const first = target.next();
    if (first === null || typeof first === 'string') throw new Error('a message');
    expect(first.bytes.buffer).toBe(chunk.buffer);
  });

  it('refuses a size above the limit before it has the header, and reserves nothing', () => {
    const target = decoder();
    const start = request(0).bytes.slice(0, 60);
    new DataView(start.buffer).setUint32(OFFSET_SIZE, SIZE_MAX + 1, true);
    target.push(start);
    expect(target.next()).toBe('too_large');
    expect(target.pending).toBe(0);
  });

  it('refuses a garbled size within the limit without waiting for a body that never comes', () => {
    const bytes = request(0).bytes.slice();
    new DataView(bytes.buffer).setUint32(OFFSET_SIZE, SIZE_MAX, true);
    for (const cuts of [[], [100], [60, 61]]) {
      expect(run(decoder(), bytes, cuts).fault).toBe('header_checksum');
    }
  });

  it('stays at its fault', () => {
    const target = decoder();
    target.push(new Uint8Array(300));
    expect(target.next()).toBe('size');
    target.push(request(0).bytes);
    expect(target.next()).toBe('size');
  });

  // Any bytes at all: a result or a fault, never a throw, and never more than one message held.
  it('survives spoilt streams', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }),
        fc.array(fc.record({ at: fc.nat(), value: fc.nat(255) }), { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (sizes, spoils, cuts) => {
          const sent = sizes.map(request);
          const stream = join(sent.map((item) => item.bytes));
          const clean = stream.slice();
          for (const { at, value } of spoils) stream[at % stream.length] = value;
          const target = decoder();
          const { messages, fault } = run(target, stream, cuts);
          const spoilt = stream.some((byte, at) => byte !== clean[at]);
          if (!spoilt) expect(fault).toBeNull();
          else expect(messages.length).toBeLessThan(sent.length);
          for (const [index, message] of messages.entries()) {
            expect(message.bytes).toEqual(sent[index]?.bytes);
          }
          expect(target.pending).toBeLessThanOrEqual(SIZE_MAX);
        },
      ),
      { numRuns: 300 },
    );
  });
});
