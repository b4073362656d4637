import { describe, expect, it } from 'vitest';
import type { Call } from './call.ts';
import { callFault, callProblem } from './call-fault.ts';
import { EVENTS_MAX, KEY_MAX, VALUE_MAX } from './limits.ts';

const namespace = new Uint8Array(7);
const key = new Uint8Array(1);
const value = new Uint8Array(0);

describe('what is wrong with a call', () => {
  it('names the part, its size and its limits', () => {
    const put: Call = { kind: 'put', namespace, key, value, previousBytesMax: null };
    expect(callProblem(put)).toBeNull();
    expect(callFault(put)).toBeNull();
    expect(callProblem({ ...put, value: new Uint8Array(VALUE_MAX + 1) })).toEqual({
      fault: 'too_large',
      part: 'the value',
      isBytes: true,
      size: VALUE_MAX + 1,
      least: 0,
      most: VALUE_MAX,
    });
    expect(callProblem({ ...put, key: value })).toMatchObject({
      fault: 'invalid',
      part: 'the key',
      size: 0,
      least: 1,
      most: KEY_MAX,
    });
    const append: Call = {
      kind: 'streamAppend',
      namespace,
      stream: key,
      expectedOffset: null,
      events: Array.from({ length: EVENTS_MAX + 1 }, () => value),
    };
    expect(callProblem(append)).toMatchObject({
      part: 'the number of events',
      isBytes: false,
      size: EVENTS_MAX + 1,
    });
    const reads = Array.from(
      { length: 3 },
      () => ({ kind: 'get', key, bytesMax: 60_000 }) as const,
    );
    const txn: Call = { kind: 'txn', namespace, compares: [], then: reads, else: [] };
    expect(callProblem(txn)).toMatchObject({
      fault: 'too_large',
      part: 'the longest possible reply',
    });
  });
});
