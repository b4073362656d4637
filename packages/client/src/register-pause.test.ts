import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { RegisterPause } from './register-pause.ts';

/** How long it is on after an eviction at `now`, in milliseconds. */
function lengthAt(pause: RegisterPause, now: number): number {
  let length = 0;
  while (pause.isOn(now + length)) length += 1;
  return length;
}

describe('the pause before a session is registered again', () => {
  it('doubles from one short life to the next, to five seconds at most', () => {
    const pause = new RegisterPause(new Prng(1n));
    const most = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
    most.forEach((longest, turn) => {
      const now = turn * 10_000;
      pause.onRegistered(now - 9_000);
      pause.onEvicted(now);
      const length = lengthAt(pause, now);
      expect(length).toBeGreaterThanOrEqual(longest / 2);
      expect(length).toBeLessThanOrEqual(longest);
    });
  });

  it('is on for a session that never was, and not after one that lived well', () => {
    const pause = new RegisterPause(new Prng(1n));
    expect(pause.isOn(0)).toBe(false);
    pause.onEvicted(0);
    expect(pause.isOn(49)).toBe(true);
    pause.onRegistered(1_000);
    pause.onEvicted(11_000);
    expect(pause.isOn(11_000)).toBe(false);
    pause.onEvicted(12_000);
    expect(lengthAt(pause, 12_000)).toBeLessThanOrEqual(100);
  });
});
