import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../std/prng.ts';
import { LogHistory } from '../../testing/log-history.ts';

interface Totals {
  commits: number;
  choices: number;
  dropped: number;
}

/**
 * Random histories of appends, acks, crashes and view changes. After many of the steps all sets of
 * votes that are a view-change quorum are put to the choice, not just one.
 */
function run(replicas: number, rot: boolean): Totals {
  const totals: Totals = { commits: 0, choices: 0, dropped: 0 };
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (seed) => {
      const history = new LogHistory({ prng: new Prng(seed), replicas, rot });
      for (let step = 0; step < 120 * replicas; step += 1) {
        history.step();
        if (step % 12 !== 0) continue;
        history.checkEveryQuorum();
        if (!rot) history.checkChoice();
      }
      totals.commits += history.commits;
      totals.choices += history.choices;
      totals.dropped += history.dropped;
    }),
    { numRuns: 30 },
  );
  return totals;
}

describe.each([1, 2, 3, 4, 5, 6])('the choice of a log, %i voters', (replicas) => {
  it('never drops what a replication quorum acknowledged, whoever votes', () => {
    const totals = run(replicas, false);
    // A test in which nothing happens is none.
    expect(totals.commits).toBeGreaterThan(20);
    expect(totals.choices).toBeGreaterThan(10);
    if (replicas > 1) expect(totals.dropped).toBeGreaterThan(0);
  });

  // One voter has no second copy: it refuses to start on a slot that it can't read.
  if (replicas === 1) return;
  it('nor when slots rot meanwhile', () => {
    expect(run(replicas, true).commits).toBeGreaterThan(20);
  });
});
