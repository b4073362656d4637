import { CLOCK_TOLERANCE_MICROS, Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { CLOCK_CALM, clocksDisagree, SimulatedClock } from './clock.ts';

function clocksWith(...skews: readonly number[]): SimulatedClock[] {
  const queue = new EventQueue();
  const prng = new Prng(1n);
  return skews.map((skewMicros) => new SimulatedClock(queue, prng, { ...CLOCK_CALM, skewMicros }));
}

describe('clocks disagree', () => {
  it('when no majority of them lies within the tolerance', () => {
    const far = CLOCK_TOLERANCE_MICROS + 1;
    const cases: readonly (readonly [readonly number[], boolean])[] = [
      [[0], false],
      [[0, CLOCK_TOLERANCE_MICROS], false],
      [[0, far], true],
      [[0, far, -far], true],
      [[0, far, far], false],
      [[far, 0, CLOCK_TOLERANCE_MICROS], false],
      [[0, 1, 10 * far, 20 * far, -10 * far], true],
      [[0, 1, 2, 20 * far, -10 * far], false],
    ];
    for (const [skews, expected] of cases) {
      expect(clocksDisagree(clocksWith(...skews)), String(skews)).toBe(expected);
    }
  });
});
