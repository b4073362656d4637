import { describe, expect, it } from 'vitest';
import { RATIO_NAMES } from './ratios.ts';
import { addTotals, emptyTotals } from './totals.ts';

describe('totals', () => {
  it('are sums, but for those that are shares: these are worked out anew', () => {
    const sum = emptyTotals();
    const one = { repairChoices: 200, repairsOfSlow: 20, liesDelivered: 10, liesRejected: 10 };
    const shares = { repairsOfSlowPermille: 100, liesRejectedPermille: 1_000 };
    addTotals(sum, { ...emptyTotals(), ...one, ...shares, crashes: 3 });
    expect(sum).toMatchObject({ ...one, ...shares, crashes: 3 });
    const other = { repairChoices: 600, repairsOfSlow: 180, liesDelivered: 30, liesRejected: 0 };
    const others = { repairsOfSlowPermille: 300, liesRejectedPermille: 0 };
    addTotals(sum, { ...emptyTotals(), ...other, ...others, crashes: 1 });
    expect(sum).toMatchObject({ repairChoices: 800, repairsOfSlow: 200, crashes: 4 });
    expect(sum).toMatchObject({ repairsOfSlowPermille: 250, liesRejectedPermille: 250 });
  });

  it('name as a share whatever is one by its name', () => {
    const named = Object.keys(emptyTotals()).filter((name) => name.endsWith('Permille'));
    expect(new Set(named)).toEqual(RATIO_NAMES);
  });

  it('of few choices have no share', () => {
    const sum = emptyTotals();
    addTotals(sum, { ...emptyTotals(), repairChoices: 99, repairsOfSlow: 99 });
    expect(sum.repairsOfSlowPermille).toBe(0);
  });
});
