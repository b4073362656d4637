import { describe, expect, it } from 'vitest';
import { drawnRequest, REFUSALS_MAX, RefusalStreak, WorkloadFault } from './workload-fault.ts';

const body = Uint8Array.of(97);

describe('a workload', () => {
  it('draws operations of a state machine, with bytes', () => {
    for (const operation of [16, 17, 65_535]) {
      const request = { operation, body };
      expect(drawnRequest('the workload', request)).toBe(request);
    }
    for (const operation of [-1, 0, 3, 15, 65_536, 16.5, Number.NaN]) {
      expect(() => drawnRequest('the workload', { operation, body })).toThrow(
        new WorkloadFault(`the workload drew operation ${operation}; operations are 16 to 65535`),
      );
    }
    // SAFETY: what a program without types would do.
    const text = 'text' as unknown as Uint8Array;
    expect(() => drawnRequest('the workload', { operation: 16, body: text })).toThrow(
      /drew a body that is no Uint8Array$/,
    );
  });

  it('may have many requests refused, but not for ever', () => {
    const streak = new RefusalStreak();
    const request = { operation: 16, body };
    const almost = (): void => {
      for (let refusals = 1; refusals < REFUSALS_MAX; refusals += 1) streak.add(request);
    };
    almost();
    streak.end();
    almost();
    expect(() => streak.add(request)).toThrow(
      /^validate refused 20000 requests in a row, none was accepted .* operation 16, body 61 "a"$/,
    );
  });
});
