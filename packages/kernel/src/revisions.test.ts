import { describe, expect, it } from 'vitest';
import { type Call, KERNEL_CALLS } from './codec/call.ts';
import { decodeResults } from './codec/decode-results.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import type { Result } from './codec/result.ts';
import { createKernel } from './kernel.ts';
import { HISTORY_TABLE, TOMBSTONES_TABLE } from './tables.ts';
import { MemoryRunner } from './testing/memory-context.ts';
import { utf8Encode as text, utf8Decode } from './testing/utf8.ts';

const namespace = text('n');

function put(key: string, value = key): Call {
  return { kind: 'put', namespace, key: text(key), value: text(value), previousBytesMax: null };
}

function remove(...keys: string[]): Call {
  return { kind: 'delete', namespace, keys: keys.map((key) => text(key)) };
}

function getAt(key: string, revision: number): Call {
  return { kind: 'getAt', namespace, key: text(key), revision, bytesMax: 100 };
}

function keysAt(revision: number): Call {
  const range = { from: text(''), to: null, limit: 9, keysOnly: true, bytesMax: 500 };
  return { kind: 'rangeAt', namespace, ...range, revision };
}

function compact(revision: number): Call {
  return { kind: 'compact', namespace, revision };
}

interface Page {
  readonly revision: number;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly bytesMax?: number;
}

/** A kernel that keeps that many revisions behind the newest. */
class Kernel {
  readonly runner: MemoryRunner;

  constructor(kept: number) {
    const kernel = createKernel();
    kernel.open?.({ stateBytesMax: 0, historyRevisions: kept });
    this.runner = new MemoryRunner(kernel);
  }

  run(...calls: Call[]): Result[] {
    const body = encodeCalls(calls);
    return decodeResults(this.runner.run({ operation: KERNEL_CALLS, body }).reply) ?? [];
  }

  /** `value create/mod/version`, or why not. */
  at(key: string, revision: number): string {
    const [result] = this.run(getAt(key, revision));
    if (result?.kind === 'refused') return `${result.reason} ${result.actual}`;
    if (result?.kind !== 'get' || result.record === null) return 'absent';
    const { value, createRevision, modRevision, version } = result.record;
    return `${utf8Decode(value ?? text('?'))} ${createRevision}/${modRevision}/${version}`;
  }

  page({ revision, from = '', to, limit = 100, bytesMax = 4096 }: Page): string {
    const [result] = this.run({
      kind: 'rangeAt',
      namespace,
      from: text(from),
      to: to === undefined ? null : text(to),
      revision,
      limit,
      keysOnly: false,
      bytesMax,
    });
    if (result?.kind !== 'rangeAt') return result?.kind ?? '';
    const keys = result.entries.map(
      ({ key, value }) => `${utf8Decode(key)}=${value === null ? '?' : utf8Decode(value)}`,
    );
    if (result.more) keys.push('more');
    if (result.reached !== null) keys.push(`reached ${utf8Decode(result.reached)}`);
    return keys.join(' ');
  }
}

describe('reads at a revision', () => {
  it('find a key as it was, with the numbers that it had', () => {
    const kernel = new Kernel(100);
    kernel.run(put('a', 'one')); // 1
    kernel.run(put('b')); // 2
    kernel.run(put('a', 'two')); // 3
    kernel.run(remove('a')); // 4
    kernel.run(put('b')); // 5
    kernel.run(put('a', 'three')); // 6
    kernel.run(put('a', 'four')); // 7
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((revision) => kernel.at('a', revision))).toEqual([
      'absent',
      'one 1/1/1',
      'one 1/1/1',
      'two 1/3/2',
      'absent',
      'absent',
      'three 6/6/1',
      'four 6/7/2',
    ]);
    expect(kernel.at('a', 8)).toBe('future_revision 7');
    expect(kernel.at('c', 7)).toBe('absent');
  });

  it('know no moment within a transaction', () => {
    const kernel = new Kernel(100);
    kernel.run(put('a', 'old')); // 1
    const operations = [put('a', 'inner'), remove('a'), put('a', 'outer'), put('b'), remove('b')];
    const then = operations.flatMap((call) =>
      call.kind === 'put' || call.kind === 'delete' ? [call] : [],
    );
    kernel.run({ kind: 'txn', namespace, compares: [], then, else: [] }); // 2
    kernel.run(remove('a')); // 3
    expect([1, 2, 3].map((revision) => kernel.at('a', revision))).toEqual([
      'old 1/1/1',
      'outer 2/2/1',
      'absent',
    ]);
    expect([1, 2, 3].map((revision) => kernel.at('b', revision))).toEqual([
      'absent',
      'absent',
      'absent',
    ]);
    expect([1, 2, 3].map((revision) => kernel.page({ revision }))).toEqual([
      'a=old',
      'a=outer',
      '',
    ]);
  });

  it('see what earlier calls of their own request did', () => {
    const kernel = new Kernel(100);
    kernel.run(put('a', '1'), put('b', '1')); // 1, 2
    const results = kernel.run(
      put('a', '2'), // 3
      remove('b'), // 4
      put('c', '2'), // 5
      getAt('a', 2),
      getAt('a', 3),
      getAt('b', 3),
      getAt('b', 4),
      put('c', '3'), // 6
      getAt('c', 5),
      getAt('a', 7),
    );
    // A range at a revision shares a request with reads only.
    const pages = kernel.run(keysAt(5), getAt('c', 5), keysAt(2), keysAt(6));
    const shown = [...results, ...pages].map((result) => {
      if (result.kind === 'get') return result.record?.modRevision ?? null;
      if (result.kind !== 'rangeAt') return result.kind;
      return result.entries
        .map(({ key, modRevision }) => `${utf8Decode(key)}${modRevision}`)
        .join();
    });
    expect(shown.slice(3, 10)).toEqual([1, 3, 2, null, 'put', 5, 'refused']);
    expect(shown.slice(10)).toEqual(['a3,c5', 5, 'a1,b2', 'a3,c6']);
  });

  it('walk a range page by page, past keys that were not there', () => {
    const kernel = new Kernel(100_000);
    for (let n = 0; n < 300; n += 1) {
      if (n === 150) kernel.run(put('k999', 'old'));
      kernel.run(put(`k${String(n).padStart(3, '0')}`));
    }
    // At revision 151 there are k000 to k149 and k999.
    expect(kernel.page({ revision: 151, limit: 2 })).toBe('k000=k000 k001=k001 more');
    expect(kernel.page({ revision: 151, from: 'k148', limit: 2 })).toBe('k148=k148 k149=k149 more');
    expect(kernel.page({ revision: 151, from: 'k150' })).toBe('more reached k250');
    expect(kernel.page({ revision: 151, from: 'k250x' })).toBe('k999=old');
    expect(kernel.page({ revision: 151, from: 'k150', to: 'k160' })).toBe('');
    // Deleted keys are found where they were; too little room for one says so.
    for (let n = 0; n < 300; n += 1) kernel.run(remove(`k${String(n).padStart(3, '0')}`));
    expect(kernel.page({ revision: 301, from: 'k298' })).toBe('k298=k298 k299=k299 k999=old');
    expect(kernel.page({ revision: 601 })).toBe('more reached k100');
    expect(kernel.page({ revision: 601, limit: 1000 })).toBe('more reached k127');
    expect(kernel.page({ revision: 301, from: 'k298', bytesMax: 34 })).toBe('more');
    expect(kernel.page({ revision: 301, from: 'k298', bytesMax: 36 })).toBe('k298=? more');
  });
});

describe('compaction', () => {
  it('makes what lies below the watermark unreadable at once, and never goes back', () => {
    const kernel = new Kernel(100);
    for (const value of ['1', '2', '3', '4', '5']) kernel.run(put('a', value));
    expect(kernel.run(compact(3), getAt('a', 2), getAt('a', 3))).toMatchObject([
      { kind: 'compact', watermark: 3 },
      { kind: 'refused', reason: 'compacted', actual: 3 },
      { kind: 'get', record: { modRevision: 3, version: 3 } },
    ]);
    expect(kernel.run(compact(2))).toEqual([{ kind: 'compact', watermark: 3 }]);
    expect(kernel.run(compact(6))).toEqual([
      { kind: 'refused', reason: 'future_revision', actual: 5 },
    ]);
    expect(kernel.at('a', 2)).toBe('compacted 3');
    // It takes no revision.
    expect(kernel.run(put('a', '6'))).toMatchObject([{ revision: 6 }]);
  });

  it('goes on by itself, so many revisions behind the newest', () => {
    const kernel = new Kernel(3);
    for (let n = 1; n <= 50; n += 1) kernel.run(put(n % 2 === 0 ? 'a' : 'b', String(n)));
    expect(kernel.at('a', 46)).toBe('compacted 47');
    expect(kernel.at('a', 47)).toBe('46 2/46/23');
    kernel.run(remove('a', 'b'));
    expect(kernel.runner.tables.dump(HISTORY_TABLE)).toHaveLength(4);
    expect(kernel.runner.tables.dump(TOMBSTONES_TABLE)).toHaveLength(2);
    for (let n = 0; n < 9; n += 1) kernel.run(put('c'));
    expect(kernel.runner.tables.dump(HISTORY_TABLE)).toHaveLength(3);
    expect(kernel.runner.tables.dump(TOMBSTONES_TABLE)).toHaveLength(0);
  });

  it('leaves the present where no history is kept', () => {
    const kernel = new Kernel(0);
    kernel.run(put('a', '1'), put('a', '2'), put('b'));
    expect(kernel.at('a', 3)).toBe('2 1/2/2');
    expect(kernel.at('a', 2)).toBe('compacted 3');
    expect(kernel.page({ revision: 3 })).toBe('a=2 b=b');
    expect(kernel.run(compact(2))).toEqual([{ kind: 'compact', watermark: 3 }]);
    expect(kernel.runner.tables.dump(HISTORY_TABLE)).toEqual([]);
  });
});
