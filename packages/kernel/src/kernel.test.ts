import { assert } from '@kimberlite/store';
import { Prng, REPLY_BODY_MAX, type StateMachine } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { type Call, KERNEL_CALLS } from './codec/call.ts';
import { decodeResults } from './codec/decode-results.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import type { Result } from './codec/result.ts';
import { createKernel } from './kernel.ts';
import { KernelModel } from './model.ts';
import { KERNEL_TABLES } from './tables.ts';
import { MemoryRunner } from './testing/memory-context.ts';
import type { FoldOrder } from './testing/memory-tables.ts';
import { randomCalls, WORKLOAD_DEFAULT, WORKLOAD_LARGE } from './workload.ts';

/** Random requests on a kernel and on the model: the same answers, call for call. */
function compareWithModel(
  seed: bigint,
  fold: FoldOrder,
  options: typeof WORKLOAD_DEFAULT & {
    readonly count: number;
    readonly requests: number;
    readonly kept?: number;
    /** The kernel itself when left out. */
    readonly wrap?: (kernel: StateMachine) => StateMachine;
  },
): { readonly answers: Map<string, number>; readonly runner: MemoryRunner } {
  const prng = new Prng(seed);
  const kernel = options.wrap?.(createKernel()) ?? createKernel();
  const kept = options.kept ?? 0;
  kernel.open?.({ stateBytesMax: 0, historyRevisions: kept });
  const runner = new MemoryRunner(kernel, fold);
  const model = new KernelModel(0, kept);
  const answers = new Map<string, number>();
  for (let request = 0; request < options.requests; request += 1) {
    const calls = randomCalls(prng, options, model);
    const results = execute(runner, calls);
    const expected = model.answer(calls);
    expect(results, `seed ${seed}, request ${request}`).toEqual(expected);
    for (const result of results) {
      const name = result.kind === 'refused' ? result.reason : result.kind;
      answers.set(name, (answers.get(name) ?? 0) + 1);
    }
  }
  return { answers, runner };
}

/** A kernel that is handed names of somebody else, new ones in each round. */
function withOwnNames(kernel: StateMachine): StateMachine {
  return {
    ...kernel,
    prefetch: (request, names, read, round) => kernel.prefetch(request, { ...names }, read, round),
  };
}

function execute(runner: MemoryRunner, calls: readonly Call[]): Result[] {
  const { reply } = runner.run({ operation: KERNEL_CALLS, body: encodeCalls(calls) });
  const results = decodeResults(reply);
  assert(results !== null, 'a reply that decodes');
  return results;
}

const EVERY_ANSWER = [
  'compact',
  'compacted',
  'compare_failed',
  'delete',
  'future_revision',
  'get',
  'invalid',
  'put',
  'range',
  'rangeAt',
  'streamAppend',
  'streamCreate',
  'streamLength',
  'streamRead',
  'stream_exists',
  'too_large',
  'txn',
  'unknown_stream',
  'wrong_offset',
];

describe('the kernel', () => {
  it('answers as the model does, whatever is asked of it', () => {
    const { answers } = compareWithModel(1n, 'oldest_first', {
      ...WORKLOAD_DEFAULT,
      streams: 20,
      callSizeMax: 4096,
      replySizeMax: 4096,
      count: 8,
      requests: 4000,
    });
    expect([...answers.keys()].sort()).toEqual(EVERY_ANSWER);
    for (const [name, count] of answers) expect(count, name).toBeGreaterThan(10);
  });

  it('answers as the model does on few keys and at every limit', () => {
    for (const seed of [2n, 3n, 4n]) {
      compareWithModel(seed, 'newest_first', {
        ...WORKLOAD_LARGE,
        namespaces: 1,
        keys: 3,
        streams: 1,
        count: 12,
        requests: 400,
      });
    }
  });

  it('answers as the model does about older revisions', () => {
    const counts = new Map<string, number>();
    for (const [seed, kept, bytesMax] of [
      [6n, 5, 100],
      [7n, 60, 4096],
      [8n, Number.MAX_SAFE_INTEGER, 500],
    ] as const) {
      const { answers } = compareWithModel(seed, 'newest_first', {
        ...WORKLOAD_DEFAULT,
        keys: 8,
        impolite: 0.05,
        bytesMax,
        replySizeMax: 8192,
        count: 8,
        requests: 400,
        kept,
      });
      for (const [name, count] of answers) counts.set(name, (counts.get(name) ?? 0) + count);
    }
    for (const name of ['compact', 'compacted', 'future_revision', 'rangeAt']) {
      expect(counts.get(name) ?? 0, name).toBeGreaterThan(4);
    }
  });

  it('answers as the model does behind a wrapper that hands on names of its own', () => {
    const options = { ...WORKLOAD_DEFAULT, keys: 8, replySizeMax: 8192, count: 8, requests: 400 };
    const wrapped = { ...options, kept: 60, wrap: withOwnNames };
    const { answers } = compareWithModel(6n, 'at_once', wrapped);
    expect(answers.get('rangeAt') ?? 0).toBeGreaterThan(4);
  });

  it('ends with the same tables however deltas are folded', () => {
    const options = { ...WORKLOAD_DEFAULT, keys: 4, count: 6, requests: 500 };
    const [first, ...others] = (['at_once', 'oldest_first', 'newest_first'] as const).map(
      (fold) => compareWithModel(5n, fold, options).runner.tables,
    );
    for (const other of others) {
      for (const { id } of KERNEL_TABLES) expect(other.dump(id)).toEqual(first?.dump(id));
    }
    expect(first?.dump(KERNEL_TABLES[0]?.id ?? 0).length).toBeGreaterThan(0);
  });

  it('reads nothing for a put but the revision', () => {
    const runner = new MemoryRunner(createKernel());
    const put: Call = {
      kind: 'put',
      namespace: Uint8Array.of(1),
      key: Uint8Array.of(2),
      value: Uint8Array.of(3),
      previousBytesMax: null,
    };
    const body = encodeCalls([put, put]);
    const revision = '17:7265766973696f6e';
    const { names } = runner.run({ operation: KERNEL_CALLS, body });
    expect(names).toEqual({ keys: [revision], ranges: [] });
    const asking = encodeCalls([{ ...put, previousBytesMax: 0 }]);
    const asked = runner.run({ operation: KERNEL_CALLS, body: asking });
    expect(asked.names).toEqual({ keys: [revision, '16:010102'], ranges: [] });
  });

  it('names no more rows for a range than its reply has room for', () => {
    const range: Call = {
      kind: 'range',
      namespace: Uint8Array.of(1),
      from: new Uint8Array(0),
      to: null,
      limit: 1000,
      keysOnly: false,
      bytesMax: 320,
    };
    const runner = new MemoryRunner(createKernel());
    const { names } = runner.run({ operation: KERNEL_CALLS, body: encodeCalls([range]) });
    expect(names.ranges.map(({ limit }) => limit)).toEqual([11]);
  });

  it('validates bodies without judging their calls', () => {
    const kernel = createKernel();
    const get: Call = {
      kind: 'get',
      namespace: Uint8Array.of(1),
      key: Uint8Array.of(2),
      bytesMax: 30_000,
    };
    const body = encodeCalls([get, get]);
    expect(kernel.validate(KERNEL_CALLS, body)).toBe(true);
    expect(kernel.replyLimit(KERNEL_CALLS, body)).toBe(2 + 2 * (31 + 30_000));
    expect(kernel.validate(KERNEL_CALLS + 1, body)).toBe(false);
    expect(kernel.validate(KERNEL_CALLS, body.subarray(1))).toBe(false);
    expect(kernel.validate(KERNEL_CALLS, new Uint8Array(0))).toBe(false);
    const refusedCall = encodeCalls([{ ...get, key: new Uint8Array(0) }]);
    expect(kernel.validate(KERNEL_CALLS, refusedCall)).toBe(true);
    const tooMuch = encodeCalls([get, get, get]);
    expect(kernel.validate(KERNEL_CALLS, tooMuch)).toBe(false);
    expect(kernel.replyLimit(KERNEL_CALLS, body)).toBeLessThanOrEqual(REPLY_BODY_MAX);
  });
});
