import { type Call, KernelModel, type Result, revisionTaken } from '@kimberlite/kernel';
import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import { type KernelOperation, kernelHistoryModel } from './kernel-history.ts';

const utf8 = new TextEncoder();

const namespace = utf8.encode('n');
const ledger = utf8.encode('ledger');
const unread = [ledger];

function randomCall(prng: Prng, turn: number): Call {
  const key = utf8.encode(`k${prng.below(3)}`);
  const value = utf8.encode(`v${turn}`);
  switch (prng.below(6)) {
    case 0:
      return { kind: 'put', namespace, key, value, previousBytesMax: null };
    case 1:
      return { kind: 'delete', namespace, keys: [key] };
    case 2:
      return {
        kind: 'range',
        namespace,
        from: key,
        to: null,
        limit: 9,
        keysOnly: false,
        bytesMax: 999,
      };
    case 3:
      return { kind: 'put', namespace: ledger, key: value, value, previousBytesMax: null };
    case 4: {
      const other = utf8.encode(`k${prng.below(3)}`);
      const puts = [key, other].map((target) => {
        return { kind: 'put' as const, key: target, value, previousBytesMax: null };
      });
      const compares = [{ target: 'exists' as const, key }];
      return { kind: 'txn', namespace, compares, then: puts, else: [] };
    }
    default:
      return { kind: 'get', namespace, key, bytesMax: 99 };
  }
}

/** Eight clients; some calls get no answer, and of those some never happen. */
function executed(seed: bigint, count: number): KernelOperation[] {
  const prng = new Prng(seed);
  const model = new KernelModel();
  const history: KernelOperation[] = [];
  const open: { readonly call: Call; readonly start: number; result: Result | null }[] = [];
  for (let time = 0; history.length < count; time += 1) {
    const client = prng.below(8);
    const busy = open[client];
    if (busy === undefined) {
      open.push({ call: randomCall(prng, time), start: time, result: null });
      continue;
    }
    // What becomes of values that nobody reads, nothing in a history can tell.
    const lost = busy.call.namespace === namespace && prng.chance(0.02);
    if (lost && busy.result === null) {
      history.push({ client, input: busy.call, output: null, start: busy.start, end: null });
    } else if (busy.result === null) {
      busy.result = model.apply(busy.call);
      continue;
    } else {
      const output = lost ? null : busy.result;
      history.push({
        client,
        input: busy.call,
        output,
        start: busy.start,
        end: lost ? null : time,
      });
    }
    open.splice(client, 1);
  }
  for (const [client, { call, start }] of open.entries()) {
    history.push({ client, input: call, output: null, start, end: null });
  }
  return history;
}

function verdictOf(history: readonly KernelOperation[]): string {
  return checkHistory(history, kernelHistoryModel({ history, unread })).kind;
}

describe('histories of the kernel', () => {
  it('are accepted when they were executed', () => {
    for (let seed = 1n; seed <= 20n; seed += 1n) {
      expect(verdictOf(executed(seed, 500))).toBe('linearizable');
    }
  });

  it('are refused with a revision that was taken twice, or never', () => {
    const history = executed(3n, 300);
    const at = history.findIndex(({ output }) => output !== null && output.kind === 'put');
    for (const shift of [-1, 1]) {
      const spoilt = history.map((operation, index) => {
        const { output } = operation;
        if (index !== at || output?.kind !== 'put') return operation;
        return { ...operation, output: { ...output, revision: output.revision + shift } };
      });
      expect(verdictOf(spoilt)).toBe('not_linearizable');
    }
  });

  it('are refused when an answered write is missing from them', () => {
    const history = executed(4n, 300);
    const at = history.findIndex(({ output }) => output !== null && revisionTaken(output) !== null);
    expect(verdictOf(history.filter((_, index) => index !== at))).toBe('not_linearizable');
  });

  it('are followed by copies that do not share what changes', () => {
    const prng = new Prng(9n);
    const model = new KernelModel();
    for (let turn = 0; turn < 200; turn += 1) {
      const before = model.digest();
      const copy = model.copy();
      expect(copy.digest()).toBe(before);
      const stream = utf8.encode('s');
      const calls: Call[] = [
        randomCall(prng, turn),
        { kind: 'streamCreate', namespace, stream },
        { kind: 'streamAppend', namespace, stream, expectedOffset: null, events: [stream] },
      ];
      for (const call of calls) copy.apply(call);
      expect(model.digest()).toBe(before);
      expect(copy.digest()).not.toBe(before);
      for (const call of calls) model.apply(call);
      expect(model.digest()).toBe(copy.digest());
    }
  });
});
