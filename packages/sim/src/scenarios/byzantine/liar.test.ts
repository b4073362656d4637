import { describe, expect, it } from 'vitest';
import { runSeed } from '../../run/run-seed.ts';
import { SCENARIOS, scenarioOptions } from '../registry.ts';

const SEED = 5n;
const TICKS = 1_500;

/** Scenarios whose lies are refused by name. */
function refusing(): string[] {
  return SCENARIOS.flatMap(({ name }) => {
    const byzantine = scenarioOptions(name, SEED)?.byzantine ?? null;
    if (byzantine === null || byzantine.expects !== 'promises_kept') return [];
    return byzantine.rejections.length > 0 ? [name] : [];
  });
}

describe('a cluster in which nobody lies', () => {
  // Views that are over and prepares that come twice are refused there too: that is no rejection.
  it.each(refusing())('rejects nothing with the faults of %s', { timeout: 60_000 }, (name) => {
    const options = scenarioOptions(name, SEED);
    const byzantine = options?.byzantine ?? null;
    if (options === null || byzantine === null) throw new Error('it has a liar');
    const simulation = {
      ...options,
      byzantine: { ...byzantine, rules: [] },
      witnesses: [],
      requestsTarget: Number.MAX_SAFE_INTEGER,
      safetyTicksMax: TICKS,
    };
    const { verdict, totals } = runSeed({ seed: SEED, simulation });
    const { mutationsApplied, liesDelivered, liesRejected } = totals;
    expect({ verdict, mutationsApplied, liesDelivered, liesRejected }).toEqual({
      verdict: 'ok',
      mutationsApplied: 0,
      liesDelivered: 0,
      liesRejected: 0,
    });
  });
});
