import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { BURSTS_OFF, Bursts } from './bursts.ts';

describe('bursts', () => {
  it('come and go, and are counted', () => {
    const bursts = new Bursts({ factor: 10, beginProbability: 1, endProbability: 1 });
    const prng = new Prng(1n);
    expect([1, 2, 3, 4].map(() => bursts.next(prng))).toEqual([10, 1, 10, 1]);
    expect(bursts.begun).toBe(2);
  });

  it('draw nothing where there are none', () => {
    const [prng, same] = [new Prng(1n), new Prng(1n)];
    expect(new Bursts(BURSTS_OFF).next(prng)).toBe(1);
    expect(prng.u64()).toBe(same.u64());
  });
});
