import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { drawExponential } from './exponential.ts';

describe('exponential draws', () => {
  it('have the mean that was asked for, and the tail of an exponential', () => {
    const prng = new Prng(7n);
    const draws = Array.from({ length: 20_000 }, () => drawExponential(prng, 10_000));
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    expect(mean).toBeGreaterThan(9_700);
    expect(mean).toBeLessThan(10_300);
    const above = draws.filter((draw) => draw > 20_000).length / draws.length;
    expect(above).toBeGreaterThan(0.12);
    expect(above).toBeLessThan(0.15);
  });
});
