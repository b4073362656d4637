import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { Call } from './codec/call.ts';
import { KERNEL_CALLS } from './codec/call.ts';
import { decodeResults } from './codec/decode-results.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import type { Result } from './codec/result.ts';
import { createKernel } from './kernel.ts';
import { KernelModel } from './model.ts';
import { MemoryRunner } from './testing/memory-context.ts';
import { utf8Encode as text } from './testing/utf8.ts';
import { randomCalls, WORKLOAD_DEFAULT } from './workload.ts';

const namespace = text('n');

/** A kernel with a limit, and the model beside it: they must agree on every answer. */
class Pair {
  private readonly runner: MemoryRunner;
  private readonly model: KernelModel;

  constructor(bytesMax: number) {
    const kernel = createKernel();
    kernel.open?.({ stateBytesMax: bytesMax, historyRevisions: 0 });
    this.runner = new MemoryRunner(kernel, 'oldest_first');
    this.model = new KernelModel(bytesMax);
  }

  run(...calls: Call[]): Result[] {
    const body = encodeCalls(calls);
    const results = decodeResults(this.runner.run({ operation: KERNEL_CALLS, body }).reply);
    expect(results).toEqual(this.model.answer(calls));
    return [...(results ?? [])];
  }

  /** What became of one call: its kind, or why it was refused. */
  outcome(call: Call): string {
    const [result] = this.run(call);
    return result?.kind === 'refused' ? result.reason : (result?.kind ?? 'nothing');
  }
}

function put(key: string, size: number): Call {
  const value = new Uint8Array(size);
  return { kind: 'put', namespace, key: text(key), value, previousBytesMax: null };
}

function remove(...keys: string[]): Call {
  return { kind: 'delete', namespace, keys: keys.map((key) => text(key)) };
}

describe('what a kernel tells operators', () => {
  it('is how much of the limit is taken, and how many calls found no room', () => {
    const kernel = createKernel();
    kernel.open?.({ stateBytesMax: 400, historyRevisions: 0 });
    expect(kernel.measure?.()).toEqual({ bytes: null, refusals: 0 });
    const runner = new MemoryRunner(kernel, 'oldest_first');
    const run = (...calls: Call[]): void => {
      runner.run({ operation: KERNEL_CALLS, body: encodeCalls(calls) });
    };
    // A namespace and a key of one byte each, and 64 more.
    run(put('a', 134));
    expect(kernel.measure?.()).toEqual({ bytes: 200, refusals: 0 });
    run(put('b', 135), put('b', 34), put('c', 500));
    expect(kernel.measure?.()).toEqual({ bytes: 300, refusals: 2 });
    run(remove('a'));
    expect(kernel.measure?.()).toEqual({ bytes: 100, refusals: 2 });
  });

  it('is nothing without a limit, for then nothing is counted', () => {
    const kernel = createKernel();
    kernel.open?.({ stateBytesMax: 0, historyRevisions: 0 });
    new MemoryRunner(kernel, 'oldest_first').run({
      operation: KERNEL_CALLS,
      body: encodeCalls([put('a', 134)]),
    });
    expect(kernel.measure?.()).toEqual({ bytes: null, refusals: 0 });
  });
});

describe('a limit of the state', () => {
  it('refuses what would pass it, to the byte, and nothing else', () => {
    const pair = new Pair(400);
    // A namespace and a key of one byte each, and 64 more.
    expect(pair.outcome(put('a', 134))).toBe('put');
    expect(pair.outcome(put('b', 135))).toBe('no_space');
    expect(pair.outcome(put('b', 134))).toBe('put');
    expect(pair.outcome(put('c', 0))).toBe('no_space');
    expect(pair.outcome(put('b', 134))).toBe('put');
    expect(pair.outcome(put('b', 135))).toBe('no_space');
    const get: Call = { kind: 'get', namespace, key: text('a'), bytesMax: 1000 };
    expect(pair.outcome(get)).toBe('get');
  });

  it('gives the room of what is deleted or made smaller, at once and within a request', () => {
    const pair = new Pair(400);
    pair.run(put('a', 134), put('b', 134));
    expect(pair.outcome(put('c', 1))).toBe('no_space');
    const [removed, added] = pair.run(remove('a', 'absent'), put('c', 134));
    expect([removed?.kind, added?.kind]).toEqual(['delete', 'put']);
    expect(pair.outcome(put('a', 1))).toBe('no_space');
    pair.run(put('b', 20));
    expect(pair.outcome(put('a', 1))).toBe('put');
  });

  it('takes a transaction as a whole, and a compare that fails before it', () => {
    const pair = new Pair(200);
    const txn = (then: Call[], compares: string[] = []): Call => ({
      kind: 'txn',
      namespace,
      compares: compares.map((key) => ({ target: 'exists', key: text(key) })),
      // SAFETY: the operations of this file are those of keys.
      then: then as Extract<Call, { kind: 'txn' }>['then'],
      else: [],
    });
    expect(pair.outcome(txn([put('a', 100), put('b', 100)]))).toBe('no_space');
    expect(pair.outcome(txn([put('a', 100), put('a', 10), put('b', 10)]))).toBe('txn');
    expect(pair.outcome(txn([remove('a'), put('c', 10)]))).toBe('txn');
    expect(pair.outcome(txn([put('d', 100)], ['absent']))).toBe('compare_failed');
    expect(pair.outcome(txn([put('d', 100)], ['b']))).toBe('no_space');
  });

  it('counts long values and events as the blocks that they take', () => {
    const overhead = 66; // A namespace and a key of one byte each, and 64 more.
    for (const [size, counted] of [
      [4_060, 4_060],
      [4_061, 16_416],
      [16_352, 16_416],
      [16_353, 2 * 16_416],
      [60 * 1024, 4 * 16_416],
    ] as const) {
      expect(new Pair(counted + overhead).outcome(put('a', size)), `${size}`).toBe('put');
      expect(new Pair(counted + overhead - 1).outcome(put('a', size)), `${size}`).toBe('no_space');
      const pair = new Pair(counted + 130 + 98);
      const stream = text('s');
      pair.run({ kind: 'streamCreate', namespace, stream });
      const event = { kind: 'streamAppend', namespace, stream, expectedOffset: null } as const;
      expect(pair.outcome({ ...event, events: [new Uint8Array(size)] })).toBe('streamAppend');
      expect(pair.outcome({ ...event, events: [new Uint8Array(0)] })).toBe('no_space');
    }
    // A long value that becomes a short one gives its blocks back.
    const pair = new Pair(17_000);
    expect(pair.outcome(put('a', 5_000))).toBe('put');
    expect(pair.outcome(put('b', 1_000))).toBe('no_space');
    expect(pair.outcome(put('a', 4_000))).toBe('put');
    expect(pair.outcome(put('b', 1_000))).toBe('put');
  });

  it('counts streams and their events, which never go', () => {
    const pair = new Pair(400);
    const stream = text('s');
    const append: Call = {
      kind: 'streamAppend',
      namespace,
      stream,
      expectedOffset: null,
      events: [new Uint8Array(37)],
    };
    expect(pair.outcome(append)).toBe('unknown_stream');
    expect(pair.outcome({ kind: 'streamCreate', namespace, stream })).toBe('streamCreate');
    expect(pair.outcome(append)).toBe('streamAppend');
    expect(pair.outcome(append)).toBe('streamAppend');
    expect(pair.outcome(append)).toBe('no_space');
    expect(pair.outcome({ ...append, expectedOffset: 0 })).toBe('wrong_offset');
  });

  it('is kept as the model keeps it, whatever is asked', () => {
    for (const bytesMax of [0, 500, 3_000, 20_000]) {
      const pair = new Pair(bytesMax);
      const prng = new Prng(BigInt(bytesMax) + 5n);
      const hints = { revision: 0, watermark: 0, streamLength: (): number | null => 2 };
      let refusals = 0;
      for (let request = 0; request < 300; request += 1) {
        const calls = randomCalls(prng, { ...WORKLOAD_DEFAULT, count: 3 }, hints);
        for (const result of pair.run(...calls)) {
          if (result.kind === 'refused' && result.reason === 'no_space') refusals += 1;
        }
      }
      expect(refusals > 0).toBe(bytesMax > 0 && bytesMax < 20_000);
    }
  });
});
