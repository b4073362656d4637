import { assert, type Walk, type Walked } from '@kimberlite/store';
import { type KeyNames, Prng, type TableEntry, type TableReader } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { type Call, KERNEL_CALLS, type KeyOperation } from './codec/call.ts';
import { callFault, callProblem } from './codec/call-fault.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import { CALLS_MAX, ROWS_READ_MAX } from './codec/limits.ts';
import { weighCalls } from './codec/request-weight.ts';
import { createKernel } from './kernel.ts';
import { combineRecords, putDelta } from './key-record.ts';
import { modelAccepts, modelFault } from './model-fault.ts';
import { KEYS_TABLE } from './tables.ts';
import { randomCalls, randomEdge, WORKLOAD_DEFAULT, WORKLOAD_LARGE } from './workload.ts';

const NAMESPACE = Uint8Array.of(97);
const KEY = Uint8Array.of(1);
const EVERYTHING = {
  namespace: NAMESPACE,
  from: new Uint8Array(0),
  to: null,
  limit: 1,
  keysOnly: true,
  bytesMax: 0,
} as const;

function times<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item);
}

function remove(keys: number): Call {
  return { kind: 'delete', namespace: NAMESPACE, keys: times(keys, KEY) };
}

/** Every range finds as many rows as it may, all of them changed since any revision. */
class FullTables implements TableReader {
  get(): null {
    return null;
  }

  range(table: number, from: Uint8Array, _to: Uint8Array | null, limit: number): TableEntry[] {
    // Keys and deleted keys are different ones, so that a range at a revision meets both.
    return Array.from({ length: limit }, (_, index) => {
      const key = Uint8Array.from([...from, table, index >>> 8, index & 0xff]);
      return { key, value: table === KEYS_TABLE ? CHANGED : DELETED };
    });
  }

  walk(table: number, { from, to, limit }: Walk): Walked {
    const rows = this.range(table, from, to, limit).map(({ key, value }) => {
      return { key, size: value.length, part: value };
    });
    return { rows, stoppedAt: null };
  }
}

const CHANGED = combineRecords(putDelta(0, KEY), putDelta(Number.MAX_SAFE_INTEGER, KEY));
const DELETED = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0);

/** Keys, and rows of ranges, that the kernel names for a valid body. */
function rowsNamed(body: Uint8Array): number {
  const kernel = createKernel();
  // Where there is a limit and a history, puts read too.
  kernel.open?.({ stateBytesMax: 1_000_000, historyRevisions: 100 });
  assert(kernel.validate(KERNEL_CALLS, body), 'a valid body');
  let rows = 0;
  const names: KeyNames = {
    key: () => {
      rows += 1;
    },
    range: (_table, _from, _to, limit) => {
      rows += limit;
    },
    walk: (_table, { limit }) => {
      rows += limit;
    },
  };
  const request = { operation: KERNEL_CALLS, body };
  for (let round = 0; kernel.prefetch(request, names, new FullTables(), round); round += 1);
  return rows;
}

/** The revision, the watermark, and what a quota counts. */
const META_ROWS = 3;

function isValid(calls: readonly Call[]): boolean {
  return createKernel().validate(KERNEL_CALLS, encodeCalls(calls));
}

/** With as many more of a call as there can be. */
function filledUp(calls: readonly Call[], call: Call): Call[] {
  let least = 0;
  let most = CALLS_MAX - calls.length;
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (isValid([...calls, ...times(middle, call)])) least = middle;
    else most = middle - 1;
  }
  return [...calls, ...times(least, call)];
}

describe('what a request makes replicas look at', () => {
  it('is bounded: ranges beside deletes, of the present or of a revision', () => {
    // A few hundred KiB of these would name 164 million rows, on every replica and at every start.
    const poison = (range: Call): Call[] => [...times(40, remove(1024)), ...times(4000, range)];
    expect(isValid(poison({ ...EVERYTHING, kind: 'rangeAt', revision: 0 }))).toBe(false);
    expect(isValid(poison({ ...EVERYTHING, kind: 'range' }))).toBe(false);
    expect(isValid([remove(64), ...times(62, { ...EVERYTHING, kind: 'range' as const })])).toBe(
      true,
    );
    expect(isValid([remove(64), ...times(63, { ...EVERYTHING, kind: 'range' as const })])).toBe(
      false,
    );
    expect(isValid(times(4, remove(1024)))).toBe(true);
    expect(isValid(times(5, remove(1024)))).toBe(false);
  });

  it('is bounded in a transaction, which is refused by itself and harms no call beside it', () => {
    const { namespace, ...range } = EVERYTHING;
    const keys = times(1024, KEY);
    const then: KeyOperation[] = [
      ...times(100, { kind: 'delete' as const, keys }),
      { kind: 'range', ...range },
    ];
    const txn: Call = { kind: 'txn', namespace, compares: [], then, else: [] };
    expect(callProblem(txn)).toMatchObject({
      fault: 'too_large',
      part: 'the number of keys and rows that it may look at',
      size: 100 * 1024 + 1 + 100 * 1024,
      most: ROWS_READ_MAX,
    });
    expect(isValid([txn, remove(1024)])).toBe(true);
  });

  it('has no range at a revision beside changes', () => {
    const rangeAt: Call = { ...EVERYTHING, kind: 'rangeAt', revision: 0 };
    const get: Call = { kind: 'get', namespace: NAMESPACE, key: KEY, bytesMax: 0 };
    expect(isValid([rangeAt, get, rangeAt])).toBe(true);
    expect(isValid([get, remove(1)])).toBe(true);
    expect(isValid([rangeAt, remove(1)])).toBe(false);
    expect(isValid([{ kind: 'compact', namespace: NAMESPACE, revision: 0 }, rangeAt])).toBe(false);
  });

  it('is named within the bound by every valid request, whatever the tables hold', () => {
    const prng = new Prng(21n);
    let most = 0;
    const count = (calls: readonly Call[]): void => {
      const rows = rowsNamed(encodeCalls(calls));
      expect(rows).toBeLessThanOrEqual(ROWS_READ_MAX + META_ROWS);
      most = Math.max(most, rows);
    };
    for (let round = 0; round < 1500; round += 1) {
      const options = round % 3 === 0 ? WORKLOAD_LARGE : WORKLOAD_DEFAULT;
      count(randomCalls(prng, { ...options, count: 40 }));
      const edge = randomEdge(prng);
      if (isValid(edge)) count(edge);
    }
    // As much as possible of one kind, and of two.
    const range: Call = { ...EVERYTHING, kind: 'range' };
    const rangeAt: Call = { ...EVERYTHING, kind: 'rangeAt', revision: 0 };
    for (const [first, other] of [
      [range, remove(1)],
      [remove(64), range],
      [{ ...range, limit: 1024, bytesMax: 16_384 } as Call, remove(7)],
      [{ ...rangeAt, limit: 128, bytesMax: 4096 } as Call, rangeAt],
      [rangeAt, { ...rangeAt, limit: 3, bytesMax: 100 } as Call],
    ] as const) {
      const calls = filledUp(filledUp([], first), other);
      if (calls.length < CALLS_MAX) expect(isValid([...calls, remove(1024)])).toBe(false);
      count(calls);
    }
    // The bound is one that requests come up to.
    expect(most).toBeGreaterThan(ROWS_READ_MAX * 0.99);
  });

  it('is what the model says, on the edge too', () => {
    const prng = new Prng(22n);
    const seen = { shared: 0, refused: 0, tooLarge: 0 };
    for (let round = 0; round < 3000; round += 1) {
      const edge = randomEdge(prng);
      const random = randomCalls(prng, { ...WORKLOAD_LARGE, count: 3 });
      const calls = round % 2 === 0 ? edge : [...random, ...edge];
      const { sharable } = weighCalls(calls);
      expect(modelAccepts(calls)).toBe(sharable);
      seen[sharable ? 'shared' : 'refused'] += 1;
      for (const call of random) {
        expect(modelFault(call)).toBe(callFault(call));
        const part = callProblem(call)?.part ?? '';
        if (part.includes('rows')) seen.tooLarge += 1;
      }
    }
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(10);
  });
});
