import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';

describe('event queue', () => {
  it('runs events by time, and those of one time in the order of scheduling', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (delays) => {
        const queue = new EventQueue();
        const seen: { time: number; index: number }[] = [];
        delays.forEach((time, index) => {
          queue.after(time, () => seen.push({ time: queue.now, index }));
        });
        while (queue.step()) expect(queue.size).toBeLessThan(delays.length);
        const expected = delays
          .map((time, index) => ({ time, index }))
          .sort((first, other) => first.time - other.time || first.index - other.index);
        expect(seen).toEqual(expected);
      }),
    );
  });

  it('takes events that are scheduled while it runs', () => {
    const queue = new EventQueue();
    const seen: number[] = [];
    queue.after(10, () => {
      seen.push(queue.now);
      queue.after(0, () => seen.push(queue.now));
      queue.after(5, () => seen.push(queue.now));
    });
    queue.after(12, () => seen.push(queue.now));
    while (queue.step());
    expect(seen).toEqual([10, 10, 12, 15]);
  });
});
