import { describe, expect, it } from 'vitest';
import { Prng } from '../std/prng.ts';
import { RetryPause } from './retry-pause.ts';

const KIB = 1024;
/** Bytes a tick of 10 ms at 1 Mbit/s. */
const SLOW_LINK = 1_250;

function pauses(size: number, usual: number, count: number): number[] {
  const retry = new RetryPause({ prng: new Prng(1n) });
  const all = [retry.first(size, usual)];
  for (let at = 1; at < count; at += 1) all.push(retry.longer(all[at - 1] ?? 0, size));
  return all;
}

describe('the pause before a request is sent again', () => {
  it('is 100 ms at first and 300 ms at most for a small one, or what is usual', () => {
    expect(pauses(256, 0, 4)).toEqual([10, 20, 30, 30]);
    expect(pauses(4 * KIB, 25, 2)).toEqual([25, 30]);
    expect(pauses(4 * KIB, 1_000, 1)).toEqual([30]);
  });

  it('grows with the bytes of a large one: a link of 10 Mbit/s takes it before', () => {
    expect(pauses(256 * KIB, 0, 5)).toEqual([30, 60, 120, 230, 230]);
    for (const size of [16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB]) {
      expect(pauses(size, 0, 1)[0]).toBeGreaterThanOrEqual(size / (10 * SLOW_LINK));
    }
  });

  it('grows, where that is too short, beyond the time of a link of 1 Mbit/s', () => {
    for (const size of [64 * KIB, 256 * KIB, 1024 * KIB]) {
      expect(pauses(size, 0, 8).at(-1)).toBeGreaterThanOrEqual(size / SLOW_LINK);
      // What is known to be slow is waited for from the first copy on.
      expect(pauses(size, 10_000, 1)[0]).toBeGreaterThanOrEqual(size / SLOW_LINK);
    }
  });

  it('is spread, so that clients do not ask in step', () => {
    const retry = new RetryPause({ prng: new Prng(1n) });
    const drawn = Array.from({ length: 100 }, () => retry.jittered(100));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(125);
    expect(new Set(drawn).size).toBeGreaterThan(20);
  });
});
