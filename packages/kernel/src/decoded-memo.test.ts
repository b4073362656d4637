import { describe, expect, it } from 'vitest';
import type { Call } from './codec/call.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import { weighCalls } from './codec/request-weight.ts';
import { DecodedMemo } from './decoded-memo.ts';

function put(key: string): Call {
  return {
    kind: 'put',
    namespace: Uint8Array.of(1),
    key: new TextEncoder().encode(key),
    value: new Uint8Array(3),
    previousBytesMax: null,
  };
}

describe('DecodedMemo', () => {
  it('decodes a body once while it is asked for again', () => {
    const memo = new DecodedMemo();
    const body = encodeCalls([put('a'), put('b')]);
    const decoded = memo.of(body);
    expect(decoded?.calls).toEqual([put('a'), put('b')]);
    expect(decoded).toMatchObject(weighCalls([put('a'), put('b')]));
    expect(memo.of(body)).toBe(decoded);
  });

  it('knows another body from the last one, equal bytes or not', () => {
    const memo = new DecodedMemo();
    const first = memo.of(encodeCalls([put('a')]));
    expect(memo.of(encodeCalls([put('b')]))?.calls).toEqual([put('b')]);
    expect(memo.of(encodeCalls([put('a')]))).toEqual(first);
    expect(memo.of(Uint8Array.of(9))).toBeNull();
    expect(memo.of(encodeCalls([put('a')]))).toEqual(first);
  });
});
