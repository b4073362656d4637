import { describe, expect, it } from 'vitest';
import { placeOf, runCampaign, runsOf } from './campaign.ts';

const scenarios = ['swarm', 'baseline', 'partitions'];
const all = { index: 0, of: 1 };

describe('a campaign', () => {
  it('is the same whether one machine runs it or many share it', () => {
    const name = (options: Parameters<typeof placeOf>[0], run: number): string => {
      const { seed, scenario } = placeOf(options, run);
      return `${scenario} ${seed}`;
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

  it('goes round at the last seed', () => {
    const last = { seed: (1n << 64n) - 1n, scenarios: ['swarm'], shard: all };
    expect(placeOf(last, 1).seed).toBe(0n);
  });

  it('begins no run when its time is up, and counts by scenario', async () => {
    const options = {
      ...{ seed: 1n, scenarios: ['baseline'], shard: all, jobs: 1, failFast: false },
      ...{ checkDeterminism: false, onResult: () => {}, onProgress: () => {} },
    };
    const none = await runCampaign({ ...options, runs: null, seconds: 0 });
    expect(none.totals.runs).toBe(0);
    const one = await runCampaign({ ...options, runs: 1, seconds: null });
    expect([...one.scenarios]).toEqual([['baseline', { runs: 1, failed: 0 }]]);
  });
});
