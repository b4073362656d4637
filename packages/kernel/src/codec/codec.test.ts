import { Prng, REPLY_BODY_MAX } from '@kimberlite/vsr';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelModel } from '../model.ts';
import { randomCall, randomCalls, WORKLOAD_DEFAULT, WORKLOAD_LARGE } from '../workload.ts';
import type { Call } from './call.ts';
import { decodeCalls } from './decode-calls.ts';
import { decodeResults } from './decode-results.ts';
import { callSize, encodeCalls } from './encode-calls.ts';
import { encodeResults, resultSize } from './encode-results.ts';
import { callReplyLimit } from './reply-limit.ts';
import { weighCalls } from './request-weight.ts';
import { type Result, refused, refusedNumber } from './result.ts';

const NAMESPACE = Uint8Array.of(110);
const KEY = Uint8Array.of(107);

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  );
}

/** Bodies of requests and replies as clusters see them. */
function samples(seed: bigint, rounds: number): { calls: Call[]; results: Result[] }[] {
  const prng = new Prng(seed);
  const model = new KernelModel();
  return Array.from({ length: rounds }, () => {
    const options = { ...(prng.chance(0.1) ? WORKLOAD_LARGE : WORKLOAD_DEFAULT), count: 5 };
    const calls = randomCalls(prng, options, model);
    return { calls, results: calls.map((call) => model.apply(call)) };
  });
}

/** Changes, inserts, drops or cuts bytes. */
function mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
  const at = prng.below(bytes.length);
  switch (prng.below(4)) {
    case 0: {
      const changed = bytes.slice();
      changed[at] = prng.below(256);
      return changed;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), prng.below(256), ...bytes.subarray(at)]);
    default:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]);
  }
}

describe('the codec of calls', () => {
  it('gives back what was encoded, in as many bytes as it said', () => {
    for (const { calls } of samples(1n, 2000)) {
      const body = encodeCalls(calls);
      expect(decodeCalls(body)).toEqual(calls);
      expect(body.length).toBe(2 + calls.reduce((size, call) => size + callSize(call), 0));
    }
  });

  it('encodes a put as documented', () => {
    const put: Call = {
      kind: 'put',
      namespace: NAMESPACE,
      key: KEY,
      value: Uint8Array.of(1, 2),
      previousBytesMax: null,
    };
    expect(encodeCalls([put])).toEqual(bytesOf('0100 01 01 6e 0100 6b 02000000 0102 00'));
    expect(encodeCalls([{ ...put, previousBytesMax: 256 }])).toEqual(
      bytesOf('0100 01 01 6e 0100 6b 02000000 0102 01 00010000'),
    );
  });

  it('encodes a transaction as documented', () => {
    const body = encodeCalls([
      {
        kind: 'txn',
        namespace: NAMESPACE,
        compares: [{ target: 'modRevision', key: KEY, relation: 'equal', operand: 7 }],
        then: [{ kind: 'delete', keys: [KEY] }],
        else: [{ kind: 'get', key: KEY, bytesMax: 16 }],
      },
    ]);
    const expected = `0100 05 01 6e
      0100 05 0100 6b 01 0700000000000000
      0100 03 0100 0100 6b
      0100 02 0100 6b 10000000`;
    expect(body).toEqual(bytesOf(expected));
  });

  it('never throws on changed bytes, and what decodes is canonical', () => {
    const prng = new Prng(2n);
    let survivors = 0;
    for (const { calls } of samples(3n, 500)) {
      const body = encodeCalls(calls);
      for (let round = 0; round < 20 && body.length < 4096; round += 1) {
        const changed = mutate(body, prng);
        const decoded = decodeCalls(changed);
        if (decoded === null) continue;
        survivors += 1;
        expect(encodeCalls(decoded)).toEqual(changed);
        expect(weighCalls(decoded).replyLimit).toBeGreaterThan(0);
      }
    }
    // Changed values and keys still decode; a test in which nothing did would show nothing.
    expect(survivors).toBeGreaterThan(100);
  });

  it('refuses every truncation and anything that follows', () => {
    for (const { calls } of samples(4n, 200)) {
      const body = encodeCalls(calls);
      if (body.length > 300) continue;
      for (let size = 0; size < body.length; size += 1) {
        expect(decodeCalls(body.subarray(0, size))).toBeNull();
      }
      expect(decodeCalls(Uint8Array.from([...body, 0]))).toBeNull();
    }
  });

  it('refuses noise, empty lists, unknown codes and flags, and numbers above 2^53 - 1', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeCalls(bytes);
        if (decoded !== null) expect(encodeCalls(decoded)).toEqual(bytes);
      }),
    );
    expect(decodeCalls(bytesOf('0000'))).toBeNull();
    expect(decodeCalls(bytesOf('0100 00 01 6e 00'))).toBeNull();
    expect(decodeCalls(bytesOf('0100 0a 01 6e 00'))).toBeNull();
    expect(decodeCalls(bytesOf('0100 01 01 6e 0100 6b 00000000 02'))).toBeNull();
    const read = (offset: string): Uint8Array =>
      bytesOf(`0100 08 01 6e 01 73 ${offset} 0100 00000000`);
    expect(decodeCalls(read('ffffffffffff1f00'))).not.toBeNull();
    expect(decodeCalls(read('0000000000002000'))).toBeNull();
  });

  it('reads views into larger buffers', () => {
    const [sample] = samples(5n, 1);
    const body = encodeCalls(sample?.calls ?? []);
    const buffer = new Uint8Array(body.length + 20).fill(0xee);
    buffer.set(body, 7);
    expect(decodeCalls(buffer.subarray(7, 7 + body.length))).toEqual(sample?.calls);
  });
});

describe('the codec of results', () => {
  it('gives back what was encoded, in as many bytes as it said', () => {
    for (const { results } of samples(6n, 2000)) {
      const body = encodeResults(results);
      expect(decodeResults(body)).toEqual(results);
      expect(body.length).toBe(2 + results.reduce((size, result) => size + resultSize(result), 0));
    }
  });

  it('never exceeds the reply limit of its call', () => {
    for (const { calls, results } of samples(7n, 2000)) {
      calls.forEach((call, index) => {
        const result = results[index];
        expect(result === undefined ? 0 : resultSize(result)).toBeLessThanOrEqual(
          callReplyLimit(call),
        );
      });
      expect(weighCalls(calls).replyLimit).toBeLessThanOrEqual(REPLY_BODY_MAX);
    }
  });

  it('has every refusal, and only some with a number', () => {
    const results = [
      refused('invalid'),
      refused('too_large'),
      refused('compare_failed'),
      refused('unknown_stream'),
      refused('stream_exists'),
      refusedNumber('wrong_offset', 3),
      refused('no_space'),
      refusedNumber('compacted', 4),
      refusedNumber('future_revision', 5),
    ];
    expect(decodeResults(encodeResults(results))).toEqual(results);
    expect(decodeResults(bytesOf('0100 00 06 0300000000000000'))).toEqual([
      refusedNumber('wrong_offset', 3),
    ]);
    expect(decodeResults(bytesOf('0100 00 01 0300000000000000'))).toBeNull();
    expect(decodeResults(bytesOf('0100 00 0a 0000000000000000'))).toBeNull();
  });

  it('never throws on changed bytes, and what decodes is canonical', () => {
    const prng = new Prng(8n);
    let survivors = 0;
    for (const { results } of samples(9n, 500)) {
      const body = encodeResults(results);
      for (let round = 0; round < 20 && body.length < 4096; round += 1) {
        const changed = mutate(body, prng);
        const decoded = decodeResults(changed);
        if (decoded === null) continue;
        survivors += 1;
        expect(encodeResults(decoded)).toEqual(changed);
      }
    }
    expect(survivors).toBeGreaterThan(100);
  });
});

describe('reply limits', () => {
  it('are small for calls that are refused, so that one never blocks a request', () => {
    const tooMuch: Call = {
      kind: 'txn',
      namespace: NAMESPACE,
      compares: [],
      then: [
        { kind: 'get', key: KEY, bytesMax: 40_000 },
        { kind: 'get', key: KEY, bytesMax: 40_000 },
      ],
      else: [],
    };
    expect(callReplyLimit(tooMuch)).toBe(10);
  });

  it('are at most the body of a reply for any single call', () => {
    const prng = new Prng(10n);
    for (let round = 0; round < 3000; round += 1) {
      expect(weighCalls([randomCall(prng, WORKLOAD_LARGE)]).replyLimit).toBeLessThanOrEqual(
        REPLY_BODY_MAX,
      );
    }
  });
});
