import { assert } from '@kimberlite/store';
import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { type Call, KERNEL_CALLS } from './codec/call.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import { isReadCall } from './codec/read-call.ts';
import { createKernel } from './kernel.ts';
import { MemoryRunner } from './testing/memory-context.ts';
import { utf8Encode } from './testing/utf8.ts';
import {
  randomCall,
  randomCalls,
  randomReads,
  WORKLOAD_DEFAULT,
  WORKLOAD_LARGE,
} from './workload.ts';

const NAMESPACE = utf8Encode('shop');
const STREAM = { namespace: NAMESPACE, stream: utf8Encode('orders') };
const KEY = utf8Encode('k');

function isQuery(calls: readonly Call[]): boolean {
  const kernel = createKernel();
  const body = encodeCalls(calls);
  assert(kernel.validate(KERNEL_CALLS, body) && kernel.isQuery !== undefined, 'a valid body');
  return kernel.isQuery(KERNEL_CALLS, body);
}

const READS: readonly Call[] = [
  { kind: 'get', namespace: NAMESPACE, key: KEY, bytesMax: 10 },
  {
    kind: 'range',
    namespace: NAMESPACE,
    from: KEY,
    to: null,
    limit: 1,
    keysOnly: false,
    bytesMax: 9,
  },
  { kind: 'streamRead', ...STREAM, offset: 0, limit: 1, bytesMax: 10 },
  { kind: 'streamLength', ...STREAM },
  { kind: 'getAt', namespace: NAMESPACE, key: KEY, revision: 0, bytesMax: 10 },
  {
    kind: 'rangeAt',
    namespace: NAMESPACE,
    from: KEY,
    to: null,
    revision: 0,
    limit: 1,
    keysOnly: false,
    bytesMax: 9,
  },
];
const WRITES: readonly Call[] = [
  { kind: 'put', namespace: NAMESPACE, key: KEY, value: KEY, previousBytesMax: null },
  { kind: 'delete', namespace: NAMESPACE, keys: [KEY] },
  { kind: 'txn', namespace: NAMESPACE, compares: [], then: [], else: [] },
  { kind: 'streamCreate', ...STREAM },
  { kind: 'streamAppend', ...STREAM, expectedOffset: null, events: [KEY] },
  { kind: 'compact', namespace: NAMESPACE, revision: 0 },
];

describe('a query of the kernel', () => {
  it('is a list of calls that all only read', () => {
    expect(isQuery(READS)).toBe(true);
    for (const write of WRITES) {
      expect(isQuery([write])).toBe(false);
      const beside = READS.filter(({ kind }) => kind !== 'rangeAt');
      expect(isQuery([...beside, write])).toBe(false);
    }
  });

  it.each([
    ['polite', { ...WORKLOAD_DEFAULT, callSizeMax: 4096, replySizeMax: 4096 }],
    ['at every limit', WORKLOAD_LARGE],
  ])('is answered as a logged request in the same state: %s calls', (_, options) => {
    const prng = new Prng(7n);
    const runner = new MemoryRunner(createKernel());
    const kinds = new Map<string, number>();
    for (let round = 0; round < 300; round += 1) {
      const calls = randomCalls(prng, { ...options, count: 4 });
      runner.run({ operation: KERNEL_CALLS, body: encodeCalls(calls) });
      const reads = randomReads(prng, { ...options, count: 4 });
      expect(reads.every(isReadCall)).toBe(true);
      for (const { kind } of reads) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const request = { operation: KERNEL_CALLS, body: encodeCalls(reads) };
      // First without a place in the log: it would show if that changed anything.
      const answer = runner.query(request);
      expect(runner.run(request).reply).toEqual(answer);
    }
    expect(kinds.size).toBe(6);
  });

  it('tells reads from the rest for every call there is', () => {
    const prng = new Prng(3n);
    for (let round = 0; round < 500; round += 1) {
      const call = randomCall(prng, WORKLOAD_DEFAULT);
      expect(isReadCall(call)).toBe(READS.some(({ kind }) => kind === call.kind));
    }
  });
});
