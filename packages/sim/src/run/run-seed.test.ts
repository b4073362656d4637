import { describe, expect, it } from 'vitest';
import { scenarioOptions } from '../scenarios/registry.ts';
import { productionMaker } from './production-maker.ts';
import { runSeed } from './run-seed.ts';
import { addTotals, emptyTotals } from './totals.ts';

describe('a run', () => {
  it('of the baseline answers all requests and converges', () => {
    for (const seed of [1n, 2n, 3n]) {
      const simulation = scenarioOptions('baseline', seed);
      if (simulation === null) throw new Error('there is a baseline');
      const result = runSeed({ seed, simulation });
      expect(result).toMatchObject({ verdict: 'ok', message: 'converged' });
      expect(result.totals.requestsAnswered).toBeGreaterThanOrEqual(simulation.requestsTarget);
      expect(result.totals.opsCommitted).toBeGreaterThan(32);
      expect(result.totals.walWraps).toBeGreaterThan(0);
    }
  });

  it('has the same trace hash each time, and another for another seed', {
    timeout: 120_000,
  }, () => {
    const hashes = [12n, 12n, 5n].map((seed) => runSeed({ seed }).traceHash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
  });

  it('has the same trace hash when it is logged', () => {
    const simulation = scenarioOptions('baseline', 4n);
    if (simulation === null) throw new Error('there is a baseline');
    const lines: string[] = [];
    const logged = runSeed({ seed: 4n, simulation, log: (line) => lines.push(line) });
    expect(logged.traceHash).toBe(runSeed({ seed: 4n, simulation }).traceHash);
    expect(lines.length).toBeGreaterThan(100);
  });

  it('tells an error of the code from a broken promise', () => {
    const simulation = scenarioOptions('baseline', 1n);
    if (simulation === null) throw new Error('there is a baseline');
    const result = runSeed({
      seed: 1n,
      simulation,
      maker: {
        ...productionMaker,
        create: () => {
          throw new RangeError('canary');
        },
      },
    });
    expect(result).toMatchObject({ verdict: 'crash', message: 'RangeError: canary' });
  });
});

describe('totals', () => {
  it('add up', () => {
    const sum = emptyTotals();
    addTotals(sum, { ...emptyTotals(), runs: 1, crashes: 2 });
    addTotals(sum, { ...emptyTotals(), runs: 1, crashes: 3 });
    expect(sum).toEqual({ ...emptyTotals(), runs: 2, crashes: 5 });
  });
});
