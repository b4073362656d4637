import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { callFault } from './codec/call-fault.ts';
import { callSize, encodeCalls } from './codec/encode-calls.ts';
import { callReplyLimit } from './codec/reply-limit.ts';
import { weighCalls } from './codec/request-weight.ts';
import {
  type KeyOrder,
  NO_HINTS,
  randomCall,
  randomCalls,
  WORKLOAD_DEFAULT,
  WORKLOAD_LARGE,
} from './workload.ts';

describe('the workload', () => {
  it('is the same for the same seed', () => {
    const draw = (): unknown => {
      const prng = new Prng(7n);
      return Array.from({ length: 200 }, () => randomCall(prng, WORKLOAD_DEFAULT));
    };
    expect(draw()).toEqual(draw());
  });

  it('keeps within the sizes that it was given', () => {
    const prng = new Prng(8n);
    const small = {
      ...WORKLOAD_DEFAULT,
      callSizeMax: 128,
      replySizeMax: 64,
      impolite: 1,
      count: 9,
    };
    for (let round = 0; round < 2000; round += 1) {
      const calls = randomCalls(prng, small);
      for (const call of calls) expect(callSize(call)).toBeLessThanOrEqual(128);
      for (const call of calls) expect(callReplyLimit(call)).toBeLessThanOrEqual(64);
      if (calls.length === 1) continue;
      expect(encodeCalls(calls).length).toBeLessThanOrEqual(128);
      expect(weighCalls(calls).replyLimit).toBeLessThanOrEqual(64);
    }
  });

  it('is polite when asked to be, and otherwise breaks limits of every kind', () => {
    const prng = new Prng(9n);
    const polite = { ...WORKLOAD_DEFAULT, impolite: 0, replySizeMax: 64 * 1024 };
    for (let round = 0; round < 2000; round += 1) {
      expect(callFault(randomCall(prng, polite))).toBeNull();
    }
    const faults = new Map<string, number>();
    for (let round = 0; round < 5000; round += 1) {
      const call = randomCall(prng, WORKLOAD_LARGE);
      const name = `${call.kind} ${callFault(call) ?? 'accepted'}`;
      faults.set(name, (faults.get(name) ?? 0) + 1);
    }
    for (const kind of ['put', 'get', 'delete', 'range', 'txn', 'streamAppend', 'streamRead']) {
      for (const fault of ['invalid', 'too_large', 'accepted']) {
        expect(faults.get(`${kind} ${fault}`) ?? 0, `${kind} ${fault}`).toBeGreaterThan(0);
      }
    }
  });

  it('names any key, a few hot ones, or one after the other', () => {
    const uniform = namedKeys('uniform');
    expect(share(uniform, 4)).toBeGreaterThan(0.15);
    expect(share(uniform, 4)).toBeLessThan(0.25);
    const hotspot = namedKeys('hotspot');
    expect(share(hotspot, 4)).toBeGreaterThan(0.79);
    expect(share(hotspot, 4)).toBeLessThan(0.89);
    expect(new Set(hotspot).size).toBe(20);
    const sequential = namedKeys('sequential');
    // Each is the newest, or one of the three after it.
    sequential.forEach((key, revision) => expect((key - revision + 2_000) % 20).toBeLessThan(4));
    expect(new Set(sequential).size).toBe(20);
  });

  it('is mostly in one namespace where that is hot', () => {
    expect(shareOfFirstNamespace('uniform')).toBeLessThan(0.25);
    expect(shareOfFirstNamespace('hot_namespace')).toBeGreaterThan(0.79);
    expect(shareOfFirstNamespace('hot_namespace')).toBeLessThan(0.89);
  });
});

/** Share of 2,000 calls that are in the first of five namespaces. */
function shareOfFirstNamespace(keyOrder: KeyOrder): number {
  const prng = new Prng(11n);
  const options = { ...WORKLOAD_DEFAULT, impolite: 0, namespaces: 5, keyOrder };
  const calls = Array.from({ length: 2_000 }, () => randomCall(prng, options));
  return calls.filter(({ namespace }) => namespace.length === 1).length / calls.length;
}

/** Keys of 2,000 puts, by number, at revisions that grow by one a call. */
function namedKeys(keyOrder: KeyOrder): number[] {
  const prng = new Prng(10n);
  const options = { ...WORKLOAD_DEFAULT, impolite: 0, keyOrder };
  const keys: number[] = [];
  while (keys.length < 2_000) {
    const call = randomCall(prng, options, { ...NO_HINTS, revision: keys.length });
    if (call.kind === 'put') keys.push(call.key[1] ?? 0);
  }
  return keys;
}

/** Share of the keys that lie below this one. */
function share(keys: readonly number[], below: number): number {
  return keys.filter((key) => key < below).length / keys.length;
}
