import { assert, sha256 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { keyAfter } from './codec/bytes.ts';
import { type Call, type Compare, KERNEL_CALLS, type KeyOperation } from './codec/call.ts';
import { decodeResults } from './codec/decode-results.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import type { KeyRecord, Result } from './codec/result.ts';
import { createKernel } from './kernel.ts';
import { chainNext } from './stream-record.ts';
import { MemoryRunner } from './testing/memory-context.ts';
import { utf8Decode, utf8Encode } from './testing/utf8.ts';

// The rules of docs/kernel.md, one example each, in words that a reader can check by hand.

const NAMESPACE = utf8Encode('shop');

function put(key: string, value = '', previousBytesMax: number | null = null): KeyOperation {
  return { kind: 'put', key: utf8Encode(key), value: utf8Encode(value), previousBytesMax };
}

function get(key: string, bytesMax = 100): KeyOperation {
  return { kind: 'get', key: utf8Encode(key), bytesMax };
}

function remove(...keys: string[]): KeyOperation {
  return { kind: 'delete', keys: keys.map(utf8Encode) };
}

function within(operation: KeyOperation, namespace: Uint8Array = NAMESPACE): Call {
  return { ...operation, namespace };
}

function txn(compares: Compare[], then: KeyOperation[], otherwise: KeyOperation[] = []): Call {
  return { kind: 'txn', namespace: NAMESPACE, compares, then, else: otherwise };
}

function append(text: string[], expectedOffset: number | null): Call {
  const events = text.map(utf8Encode);
  return { kind: 'streamAppend', ...orders(), expectedOffset, events };
}

function orders(): { namespace: Uint8Array; stream: Uint8Array } {
  return { namespace: NAMESPACE, stream: utf8Encode('orders') };
}

class Kernel {
  private readonly runner: MemoryRunner = new MemoryRunner(createKernel(), 'oldest_first');

  /** One request. */
  all(...calls: Call[]): Result[] {
    const { reply } = this.runner.run({ operation: KERNEL_CALLS, body: encodeCalls(calls) });
    const results = decodeResults(reply);
    assert(results !== null, 'a reply that decodes');
    return results;
  }

  call(call: Call): Result {
    const [result] = this.all(call);
    assert(result !== undefined, 'one result');
    return result;
  }

  do(operation: KeyOperation): Result {
    return this.call(within(operation));
  }

  /** [createRevision, modRevision, version, value], or null. */
  look(key: string): readonly unknown[] | null {
    const result = this.do(get(key));
    assert(result.kind === 'get', 'a get');
    return result.record === null ? null : summary(result.record);
  }
}

function summary(record: KeyRecord): readonly unknown[] {
  const value = record.value === null ? null : utf8Decode(record.value);
  return [record.createRevision, record.modRevision, record.version, value];
}

describe('revisions', () => {
  it('are taken by changes only, each the next one, in the order of the calls', () => {
    const kernel = new Kernel();
    const results = kernel.all(
      within(put('a')),
      within(remove('gone')),
      within(get('a')),
      within(put('b')),
      within(put('')),
      within(remove('a', 'gone')),
    );
    expect(results.map((result) => ('revision' in result ? result.revision : '-'))).toEqual([
      1,
      null,
      '-',
      2,
      '-',
      3,
    ]);
    expect(kernel.do(put('c'))).toMatchObject({ revision: 4 });
  });

  it('of a key tell when it was made and last put, and its version how often', () => {
    const kernel = new Kernel();
    kernel.all(within(put('a', 'x')), within(put('other')), within(put('a', 'y')));
    expect(kernel.look('a')).toEqual([1, 3, 2, 'y']);
  });

  it('of a key begin again after a delete, in the same request too', () => {
    const kernel = new Kernel();
    kernel.all(within(put('a', 'x')), within(put('a', 'y')), within(remove('a')));
    expect(kernel.look('a')).toBeNull();
    kernel.do(put('a', 'z'));
    expect(kernel.look('a')).toEqual([4, 4, 1, 'z']);
    kernel.all(within(remove('a')), within(put('a', 'q')));
    expect(kernel.look('a')).toEqual([6, 6, 1, 'q']);
  });

  it('are shared by all namespaces and by streams', () => {
    const kernel = new Kernel();
    expect(kernel.call(within(put('a'), utf8Encode('one')))).toMatchObject({ revision: 1 });
    expect(kernel.call(within(put('a'), utf8Encode('two')))).toMatchObject({ revision: 2 });
    expect(kernel.call({ kind: 'streamCreate', ...orders() })).toMatchObject({ revision: 3 });
    expect(kernel.call(append(['x', 'y'], 0))).toMatchObject({ revision: 4 });
  });
});

describe('a put', () => {
  it('answers with what was there before when asked', () => {
    const kernel = new Kernel();
    expect(kernel.do(put('a', 'x', 100))).toEqual({ kind: 'put', revision: 1, previous: null });
    const result = kernel.do(put('a', 'yy', 100));
    expect(result).toMatchObject({ previous: { createRevision: 1, version: 1, valueSize: 1 } });
    expect(kernel.do(put('a', 'z', 1))).toMatchObject({ previous: { value: null, valueSize: 2 } });
    expect(kernel.do(put('a', 'z'))).toMatchObject({ previous: null });
  });

  it('is refused for its sizes without harm to the calls beside it', () => {
    const kernel = new Kernel();
    const long = { ...put('a'), value: new Uint8Array(60 * 1024 + 1) };
    const results = kernel.all(within(put('a', 'x')), within(long), within(put('b', 'y')));
    expect(results.map(({ kind }) => kind)).toEqual(['put', 'refused', 'put']);
    expect(results[1]).toEqual({ kind: 'refused', reason: 'too_large', actual: null });
    expect(kernel.look('a')).toEqual([1, 1, 1, 'x']);
  });
});

describe('a range', () => {
  function walk(kernel: Kernel, limit: number, bytesMax: number): string[] {
    const found: string[] = [];
    let from: Uint8Array = new Uint8Array(0);
    for (;;) {
      const range = { kind: 'range', from, to: null, limit, keysOnly: false, bytesMax } as const;
      const result = kernel.do(range);
      assert(result.kind === 'range', 'a range');
      for (const { key, value } of result.entries) {
        found.push(`${utf8Decode(key)}=${value === null ? '?' : utf8Decode(value)}`);
      }
      const last = result.entries.at(-1);
      if (!result.more || last === undefined) return found;
      from = keyAfter(last.key);
    }
  }

  it('is walked page by page, by count or by bytes, and a long value does not stop it', () => {
    const kernel = new Kernel();
    const keys = ['a', 'ab', 'b', 'c', 'd'];
    kernel.all(...keys.map((key) => within(put(key, key === 'b' ? 'long'.repeat(9) : key))));
    expect(walk(kernel, 2, 1000)).toEqual(['a=a', 'ab=ab', `b=${'long'.repeat(9)}`, 'c=c', 'd=d']);
    expect(walk(kernel, 9, 40)).toEqual(['a=a', 'ab=ab', 'b=?', 'c=c', 'd=d']);
    expect(walk(kernel, 9, 31)).toEqual([]);
  });

  it('says no more when exactly the last entry fitted', () => {
    const kernel = new Kernel();
    kernel.all(within(put('a')), within(put('b')));
    const range = { kind: 'range', from: utf8Encode('a'), keysOnly: true, bytesMax: 64 } as const;
    expect(kernel.do({ ...range, to: null, limit: 2 })).toMatchObject({ more: false });
    expect(kernel.do({ ...range, to: null, limit: 1 })).toMatchObject({ more: true });
    expect(kernel.do({ ...range, to: utf8Encode('b'), limit: 1 })).toMatchObject({ more: false });
    const nothing = { kind: 'range', entries: [], more: false, reached: null };
    expect(kernel.do({ ...range, to: utf8Encode('a'), limit: 1 })).toEqual(nothing);
  });

  it('sees past keys that the same request deleted', () => {
    const kernel = new Kernel();
    kernel.all(...['a', 'b', 'c', 'd', 'e'].map((key) => within(put(key))));
    const range = { kind: 'range', from: utf8Encode('a'), to: null, keysOnly: true } as const;
    const results = kernel.all(
      within(remove('a', 'b')),
      within({ ...range, limit: 2, bytesMax: 500 }),
    );
    expect(results[1]).toMatchObject({ entries: [{ key: utf8Encode('c') }, {}], more: true });
  });
});

describe('a transaction', () => {
  it('is one revision, and its operations see those before them', () => {
    const kernel = new Kernel();
    const result = kernel.call(
      txn([], [put('a', '1'), put('a', '2'), get('a'), remove('a'), put('b'), get('a')]),
    );
    expect(result).toMatchObject({ kind: 'txn', succeeded: true, revision: 1 });
    assert(result.kind === 'txn', 'a transaction');
    expect(result.results[2]).toMatchObject({ record: { version: 2, modRevision: 1 } });
    expect(result.results[5]).toMatchObject({ record: null });
    expect(kernel.do(put('c'))).toMatchObject({ revision: 2 });
  });

  it('takes no revision when it changes nothing', () => {
    const kernel = new Kernel();
    expect(kernel.call(txn([], [get('a'), remove('a')]))).toMatchObject({ revision: null });
    expect(kernel.call(txn([], []))).toMatchObject({ succeeded: true, results: [] });
    expect(kernel.do(put('a'))).toMatchObject({ revision: 1 });
  });

  it('runs the other branch when a compare fails, or is refused when there is none', () => {
    const kernel = new Kernel();
    const exists: Compare = { target: 'exists', key: utf8Encode('a') };
    const absent: Compare = { target: 'absent', key: utf8Encode('a') };
    const failed = { kind: 'refused', reason: 'compare_failed', actual: null };
    expect(kernel.call(txn([exists], [put('a')]))).toEqual(failed);
    expect(kernel.call(txn([absent, exists], [put('a')]))).toEqual(failed);
    expect(kernel.call(txn([exists], [], [put('a', 'made')]))).toMatchObject({
      succeeded: false,
      revision: 1,
    });
    expect(kernel.look('a')).toEqual([1, 1, 1, 'made']);
    expect(kernel.call(txn([exists], [put('a')]))).toMatchObject({ succeeded: true, revision: 2 });
  });

  it('changes nothing at all when one of its operations is too large', () => {
    const kernel = new Kernel();
    const long = { ...put('b'), value: new Uint8Array(60 * 1024 + 1) };
    expect(kernel.call(txn([], [put('a'), long]))).toMatchObject({ reason: 'too_large' });
    expect(kernel.look('a')).toBeNull();
  });

  it('compares an absent key as zeros, and its value never', () => {
    const kernel = new Kernel();
    const key = utf8Encode('a');
    const holds = (compare: Compare): boolean => kernel.call(txn([compare], [])).kind === 'txn';
    expect(holds({ target: 'version', key, relation: 'equal', operand: 0 })).toBe(true);
    expect(holds({ target: 'modRevision', key, relation: 'less', operand: 1 })).toBe(true);
    const value = utf8Encode('x');
    for (const relation of ['equal', 'notEqual', 'greater', 'less'] as const) {
      expect(holds({ target: 'value', key, relation, value })).toBe(false);
    }
    kernel.do(put('a', 'm'));
    expect(holds({ target: 'value', key, relation: 'less', value })).toBe(true);
    expect(holds({ target: 'value', key, relation: 'greater', value })).toBe(false);
    expect(holds({ target: 'value', key, relation: 'notEqual', value })).toBe(true);
    expect(holds({ target: 'createRevision', key, relation: 'greater', operand: 0 })).toBe(true);
  });
});

describe('namespaces', () => {
  it('do not see each other, whatever their names and keys', () => {
    const kernel = new Kernel();
    const names = ['a', 'ab', 'b', '\u0001a', '\u007f'].map(utf8Encode);
    names.push(new Uint8Array(64).fill(0xff), Uint8Array.of(0xff), Uint8Array.of(0));
    for (const [index, namespace] of names.entries()) {
      const put1 = { ...put('b'), value: Uint8Array.of(index) };
      kernel.all(within(put1, namespace), within(put('ab'), namespace));
    }
    for (const [index, namespace] of names.entries()) {
      const from = new Uint8Array(0);
      const all = { kind: 'range', from, to: null, limit: 9, keysOnly: false } as const;
      const result = kernel.call(within({ ...all, bytesMax: 1000 }, namespace));
      assert(result.kind === 'range', 'a range');
      expect(result.entries.map(({ key }) => utf8Decode(key))).toEqual(['ab', 'b']);
      expect(result.entries[1]?.value).toEqual(Uint8Array.of(index));
    }
    expect(kernel.call(within(remove('b'), utf8Encode('none')))).toMatchObject({ deleted: 0 });
  });

  it('keep streams of one name apart', () => {
    const kernel = new Kernel();
    kernel.all({ kind: 'streamCreate', ...orders() }, append(['x'], 0));
    const other = { ...orders(), namespace: utf8Encode('other') };
    expect(kernel.call({ kind: 'streamLength', ...other })).toMatchObject({
      reason: 'unknown_stream',
    });
  });
});

describe('a stream', () => {
  it('is made once, and refuses an append at another offset with its length', () => {
    const kernel = new Kernel();
    expect(kernel.call(append(['x'], null))).toMatchObject({ reason: 'unknown_stream' });
    expect(kernel.call({ kind: 'streamCreate', ...orders() })).toMatchObject({ revision: 1 });
    const again = kernel.call({ kind: 'streamCreate', ...orders() });
    expect(again).toMatchObject({ reason: 'stream_exists' });
    expect(kernel.call(append(['x', 'y'], 0))).toMatchObject({ offset: 0, length: 2 });
    const refused = { kind: 'refused', reason: 'wrong_offset', actual: 2 };
    expect(kernel.call(append(['z'], 0))).toEqual(refused);
    expect(kernel.call(append(['z'], null))).toMatchObject({ offset: 2, length: 3, revision: 3 });
  });

  it('is chained: each hash covers the one before, the offset and the event', () => {
    const kernel = new Kernel();
    kernel.all({ kind: 'streamCreate', ...orders() }, append(['x', 'yz'], 0));
    const zeros = new Uint8Array(32);
    const first = sha256(Uint8Array.from([...zeros, 0, 0, 0, 0, 0, 0, 0, 0, 120]));
    const second = sha256(Uint8Array.from([...first, 1, 0, 0, 0, 0, 0, 0, 0, 121, 122]));
    expect(kernel.call({ kind: 'streamLength', ...orders() })).toEqual({
      kind: 'streamLength',
      length: 2,
      chain: second,
    });
    expect(chainNext(zeros, 0, utf8Encode('x'))).toEqual(first);
  });

  it('is read page by page, each page provable with the chain before it', () => {
    const kernel = new Kernel();
    const texts = ['a', 'bb', '', 'dddd', 'e'];
    kernel.all({ kind: 'streamCreate', ...orders() }, append(texts, 0));
    const read: string[] = [];
    let chain: Uint8Array = new Uint8Array(32);
    for (let more = true; more; ) {
      const offset = read.length;
      const page = { ...orders(), offset, limit: 4, bytesMax: 12 };
      const result = kernel.call({ kind: 'streamRead', ...page });
      assert(result.kind === 'streamRead' && result.events.length > 0, 'a page');
      expect(result.chain).toEqual(chain);
      for (const event of result.events) {
        chain = chainNext(chain, read.length, event);
        read.push(utf8Decode(event) ?? '');
      }
      more = result.more;
    }
    expect(read).toEqual(texts);
    expect(kernel.call({ kind: 'streamLength', ...orders() })).toMatchObject({ chain });
  });

  it('has nothing at its end, and refuses to be read beyond', () => {
    const kernel = new Kernel();
    kernel.all({ kind: 'streamCreate', ...orders() }, append(['a'], 0));
    const page = { kind: 'streamRead', ...orders(), limit: 4, bytesMax: 100 } as const;
    expect(kernel.call({ ...page, offset: 1 })).toMatchObject({ events: [], more: false });
    const refused = { kind: 'refused', reason: 'wrong_offset', actual: 1 };
    expect(kernel.call({ ...page, offset: 2 })).toEqual(refused);
    const tight = kernel.call({ ...page, offset: 0, bytesMax: 4 });
    expect(tight).toMatchObject({ events: [], more: true });
  });
});
