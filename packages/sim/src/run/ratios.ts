/** Names of the totals that are shares of others. */
type RatioName = 'repairsOfSlowPermille' | 'liesRejectedPermille';
/** Names of the totals that shares are made of. */
type Counted = 'repairsOfSlow' | 'repairChoices' | 'liesRejected' | 'liesDelivered';

/** The share of one total in another, in thousandths: by name, and below how many it is 0. */
interface Ratio {
  readonly part: Counted;
  readonly whole: Counted;
  /** The share of a few says nothing. */
  readonly wholeMin: number;
}

/** Of several runs together they are worked out, not summed. */
const RATIOS: Readonly<Record<RatioName, Ratio>> = {
  repairsOfSlowPermille: { part: 'repairsOfSlow', whole: 'repairChoices', wholeMin: 100 },
  liesRejectedPermille: { part: 'liesRejected', whole: 'liesDelivered', wholeMin: 1 },
};

/** Names of the totals that are shares of others. */
export const RATIO_NAMES: ReadonlySet<string> = new Set(Object.keys(RATIOS));

/** The shares that follow from these counts. */
export function ratiosOf(countOf: (name: Counted) => number): Readonly<Record<RatioName, number>> {
  const share = ({ part, whole, wholeMin }: Ratio): number => {
    const all = countOf(whole);
    return all < wholeMin ? 0 : Math.floor((1_000 * countOf(part)) / all);
  };
  return {
    repairsOfSlowPermille: share(RATIOS.repairsOfSlowPermille),
    liesRejectedPermille: share(RATIOS.liesRejectedPermille),
  };
}
