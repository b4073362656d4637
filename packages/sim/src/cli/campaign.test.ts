import { describe, expect, it } from 'vitest';
import { placeOf, runCampaign, runsOf } from './campaign.ts';
import { exitCode, unseenScenarios } from './report.ts';

const scenarios = ['swarm', 'baseline', 'partitions'];
const all = { index: 0, of: 1 };

describe('a campaign', () => {
  it('is the same whether one machine runs it or many share it', () => {
    const name = (options: Parameters<typeof placeOf>[0], run: number): string => {
      const place = placeOf(options, run);
      return `${place?.scenario} ${place?.seed}`;
    };
    for (const runs of [1, 7, 100]) {
      const whole = { seed: 5n, runs, scenarios, shard: all };
      const expected = Array.from({ length: runsOf(whole) ?? 0 }, (_, run) => name(whole, run));
      expect(expected).toHaveLength(runs * scenarios.length);
      const shared: string[] = [];
      for (let index = 0; index < 8; index += 1) {
        const share = { ...whole, shard: { index, of: 8 } };
        for (let run = 0; run < (runsOf(share) ?? 0); run += 1) shared.push(name(share, run));
      }
      expect(shared.sort()).toEqual(expected.sort());
      expect(new Set(shared).size).toBe(shared.length);
    }
  });

  it('ends with the last seed', async () => {
    const seed = (1n << 64n) - 1n;
    const last = { seed, scenarios: ['baseline'], shard: all };
    expect(placeOf(last, 0)).toEqual({ seed, scenario: 'baseline' });
    expect(placeOf(last, 1)).toBeNull();
    const seeds: bigint[] = [];
    await runCampaign({
      ...{ ...last, runs: null, seconds: 600, jobs: 1, failFast: false, checkDeterminism: false },
      onResult: (_, result) => seeds.push(result.seed),
      onProgress: () => {},
      stop: new AbortController().signal,
    });
    expect(seeds).toEqual([seed]);
  });

  it('begins no run when its time is up, and counts by scenario', async () => {
    const options = {
      ...{ seed: 1n, scenarios: ['baseline'], shard: all, jobs: 1, failFast: false },
      ...{ checkDeterminism: false, onResult: () => {}, onProgress: () => {} },
      stop: new AbortController().signal,
    };
    const none = await runCampaign({ ...options, runs: null, seconds: 0 });
    expect(none.totals.runs).toBe(0);
    const one = await runCampaign({ ...options, runs: 1, seconds: null });
    const counts = { runs: 1, failed: 0, witnessMissing: 0 };
    expect([...one.scenarios]).toEqual([['baseline', counts]]);
    expect(one.interrupted).toBe(false);
  });

  it('gives each seed the same trace with one job and with two', { timeout: 120_000 }, async () => {
    const tracesWith = async (jobs: number): Promise<string[]> => {
      const traces: string[] = [];
      await runCampaign({
        ...{ seed: 1n, scenarios: ['baseline'], shard: all, jobs, failFast: false },
        ...{ runs: 3, seconds: null, checkDeterminism: false, onProgress: () => {} },
        onResult: (scenario, { seed, traceHash }) =>
          traces.push(`${scenario} ${seed} ${traceHash}`),
        stop: new AbortController().signal,
      });
      return traces.sort();
    };
    const [alone, together] = [await tracesWith(1), await tracesWith(2)];
    expect(together).toEqual(alone);
    expect(new Set(alone.map((line) => line.split(' ')[2])).size).toBe(3);
  });

  it.each([1, 2])('begins no run when it is told to stop, with %i jobs', async (jobs) => {
    const stop = new AbortController();
    const ended = await runCampaign({
      ...{ seed: 1n, scenarios: ['baseline', 'partitions'], shard: all, jobs, failFast: false },
      ...{ runs: 1_000, seconds: null, checkDeterminism: false, onProgress: () => {} },
      stop: stop.signal,
      onResult: () => stop.abort(),
    });
    expect(ended.interrupted).toBe(true);
    expect(ended.totals.runs).toBeGreaterThan(0);
    expect(ended.totals.runs).toBeLessThan(5);
  });

  it('gives up a run that hangs, as a failure without a trace, and goes on', async () => {
    const told: bigint[] = [];
    const { failures, totals } = await runCampaign({
      ...{ seed: 1n, scenarios: ['baseline'], shard: all, jobs: 2, failFast: false },
      ...{ runs: 3, seconds: null, checkDeterminism: false, onProgress: () => {} },
      runSeconds: 0.001,
      onResult: (_, { seed }) => told.push(seed),
      stop: new AbortController().signal,
    });
    expect(new Set(told)).toEqual(new Set([1n, 2n, 3n]));
    expect(told).toHaveLength(3);
    expect(totals.runs).toBe(3);
    expect(failures.map(({ result }) => result.seed)).toEqual([1n, 2n, 3n]);
    for (const { result } of failures) {
      expect(result).toMatchObject({ verdict: 'crash', checker: null, traceHash: '' });
      expect(result.message).toContain('did not end within 0.001 s');
    }
  });

  it('is judged by scenario: one that never saw what it is about is named', () => {
    const verdicts = { ok: 30, crash: 0, liveness: 0, correctness: 0 };
    const seen = { runs: 10, failed: 0, witnessMissing: 9 };
    const unseen = { runs: 10, failed: 0, witnessMissing: 10 };
    const few = { runs: 9, failed: 0, witnessMissing: 9 };
    const scenarios = new Map([
      ['a', seen],
      ['b', unseen],
      ['c', few],
    ] as const);
    expect(unseenScenarios({ scenarios })).toEqual(['b']);
    expect(exitCode({ verdicts, scenarios, interrupted: false })).toBe(130);
    const good = new Map([
      ['a', seen],
      ['c', few],
    ] as const);
    expect(exitCode({ verdicts, scenarios: good, interrupted: false })).toBe(0);
    expect(exitCode({ verdicts, scenarios: good, interrupted: true })).toBe(130);
    const failed = { ...verdicts, liveness: 1 };
    expect(exitCode({ verdicts: failed, scenarios: good, interrupted: true })).toBe(128);
    expect(unseenScenarios({ scenarios: new Map([['c', few]]) })).toEqual(['c']);
  });
});
