import {
  type Call,
  decodeCalls,
  encodeCalls,
  encodeResults,
  KERNEL_CALLS,
  KernelModel,
  NO_HINTS,
  randomCalls,
  WORKLOAD_DEFAULT,
} from '@kimberlite/kernel';
import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { HistoryOperation } from '../linearizability/history.ts';
import { kernelJudge } from './kernel-judge.ts';
import type { WorkloadRequest } from './workload.ts';

type Seen = HistoryOperation<WorkloadRequest, Uint8Array>;

const CONFIGS = [
  { stateBytesMax: 0, historyRevisions: 0 },
  { stateBytesMax: 2_000, historyRevisions: 0 },
  { stateBytesMax: 0, historyRevisions: 25 },
];

/**
 * Five clients ask the model what the simulator's clients ask, several calls in a request. A share
 * of the requests is never answered, and of those some never happen.
 */
function executed(seed: bigint, config: (typeof CONFIGS)[number], count: number): Seen[] {
  const prng = new Prng(seed);
  const model = new KernelModel(config.stateBytesMax, config.historyRevisions);
  const open: { readonly input: WorkloadRequest; readonly start: number }[] = [];
  const seen: Seen[] = [];
  const options = { ...WORKLOAD_DEFAULT, count: 4 };
  for (let time = 0; seen.length < count; time += 1) {
    const client = prng.below(5);
    const known = open[client];
    if (known === undefined) {
      const hints = { ...NO_HINTS, revision: model.revision, watermark: model.watermark };
      const body = encodeCalls(randomCalls(prng, options, hints));
      open.push({ input: { operation: KERNEL_CALLS, body }, start: time });
      continue;
    }
    open.splice(client, 1);
    const lost = prng.chance(0.02);
    const happens = !lost || prng.chance(0.5);
    const calls = decodeCalls(known.input.body) ?? [];
    const output = happens ? encodeResults(model.answer(calls)) : null;
    const { input, start } = known;
    seen.push({ client, input, start, ...(lost ? UNANSWERED : { output, end: time }) });
  }
  return seen;
}

const UNANSWERED = { output: null, end: null };

describe('the judge of what clients of the kernel saw', () => {
  it.each(CONFIGS)('finds the order of what was executed (%o)', (config) => {
    const judge = kernelJudge(config);
    for (let seed = 1n; seed <= 5n; seed += 1n) {
      expect(judge(executed(seed, config, 200)).kind).toBe('linearizable');
    }
  });

  it.each(CONFIGS)('finds none when an answer is of another state (%o)', (config) => {
    const judge = kernelJudge(config);
    const seen = executed(7n, config, 200);
    // Revisions are taken once: without this one, what follows has no order.
    const at = seen.findIndex(({ output }, index) => output !== null && index > 20);
    const spoilt = seen.filter((_, index) => index !== at);
    const [first] = spoilt;
    const swapped = seen.map((operation, index) => {
      return index === at && first !== undefined && first.output !== null
        ? { ...operation, output: first.output }
        : operation;
    });
    expect(judge(swapped).kind).toBe('not_linearizable');
  });

  it('lets a range end early among deleted keys, and leave out nothing on its way', () => {
    const [namespace, first, second] = [Uint8Array.of(1), Uint8Array.of(1), Uint8Array.of(2)];
    const put: Call = { kind: 'put', namespace, key: second, value: first, previousBytesMax: null };
    const range: Call = {
      kind: 'range',
      namespace,
      from: new Uint8Array(0),
      to: null,
      limit: 10,
      keysOnly: false,
      bytesMax: 1_000,
    };
    const stored = encodeResults(new KernelModel(0, 0).answer([put]));
    const judge = kernelJudge({ stateBytesMax: 0, historyRevisions: 0 });
    const upTo = (reached: Uint8Array): string => {
      const ended = encodeResults([{ kind: 'range', entries: [], more: true, reached }]);
      const asked = (call: Call, output: Uint8Array, start: number): Seen => {
        const input = { operation: KERNEL_CALLS, body: encodeCalls([call]) };
        return { client: 1, input, output, start, end: start + 1 };
      };
      return judge([asked(put, stored, 0), asked(range, ended, 2)]).kind;
    };
    expect(upTo(first)).toBe('linearizable');
    expect(upTo(second)).toBe('not_linearizable');
  });

  it('takes an answer that is no list of results for a wrong one', () => {
    const [config] = CONFIGS;
    if (config === undefined) throw new Error('there is one');
    const [first] = executed(1n, config, 1);
    if (first === undefined) throw new Error('there is one');
    const judge = kernelJudge(config);
    const output = Uint8Array.of(255);
    expect(judge([{ ...first, output, end: first.start + 1 }]).kind).toBe('not_linearizable');
  });
});
