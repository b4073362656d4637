import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyTotals } from '../run/totals.ts';
import { RunStatistics, spreadOf, spreadTable } from './stats.ts';

describe('spreads', () => {
  it('are in order, whatever the numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1 }), (values) => {
        const { least, median, p95, most, mean, present } = spreadOf(values);
        expect(least).toBe(Math.min(...values));
        expect(most).toBe(Math.max(...values));
        expect(median).toBeGreaterThanOrEqual(least);
        expect(p95).toBeGreaterThanOrEqual(median);
        expect(most).toBeGreaterThanOrEqual(p95);
        expect(mean).toBeGreaterThanOrEqual(least);
        expect(present * values.length).toBeCloseTo(values.filter((value) => value > 0).length);
      }),
    );
  });

  it('are told of each counter', () => {
    const statistics = new RunStatistics();
    const run = { verdict: 'ok', checker: null, message: '', micros: 2_000_000 } as const;
    statistics.add({ ...run, totals: { ...emptyTotals(), crashes: 4, events: 10 } });
    const failed = { verdict: 'crash', message: 'assertion: a' } as const;
    statistics.add({ ...run, ...failed, totals: { ...emptyTotals(), events: 30 } });
    const spreads = statistics.spreads();
    expect(spreads['crashes']).toMatchObject({ least: 0, most: 4, mean: 2, present: 0.5 });
    expect(spreads['simulated_seconds']).toMatchObject({ median: 2 });
    expect(statistics.events).toBe(40);
    expect([...statistics.failures]).toEqual([['assertion: a', 1]]);
    expect(spreadTable(spreads)).toMatch(/crashes +0 +4 +4 +4 +2\.0 +50%/);
    // What never happened is left out, unless somebody waits for it.
    expect(spreadTable(spreads)).not.toMatch(/abdications|pauses/);
    expect(spreadTable(spreads, new Set(['pauses']))).toMatch(/^pauses +0 +0 +0 +0 +0\.0 +0%$/m);
  });
});
