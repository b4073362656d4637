import { describe, expect, it } from 'vitest';
import { healthy } from '../scenarios/base.ts';
import { GRAY_KINDS, type GrayKind } from './gray-faults.ts';
import { runSeed } from './run-seed.ts';

/** A healthy cluster but for one kind of gray failure, one replica at a time. */
function runWith(kind: GrayKind, seed: bigint) {
  const simulation = {
    ...healthy(seed),
    requestsTarget: 48,
    gray: { kinds: [kind], enterProbability: 0.05, leaveProbability: 0.02, illMax: 1 },
    witnesses: [{ counter: 'grayFailures' as const, least: 3 }],
  };
  return runSeed({ seed, simulation });
}

describe('gray failures', () => {
  it('of each kind happen, and the cluster survives them', () => {
    for (const kind of GRAY_KINDS) {
      const { verdict, message, totals } = runWith(kind, 5n);
      expect({ kind, verdict, message }).toEqual({ kind, verdict: 'ok', message: 'converged' });
      expect(totals.grayFailures, kind).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('crashes at what a replica does', () => {
  it('strike in the very step', () => {
    const options = healthy(6n);
    const simulation = {
      ...options,
      requestsTarget: 48,
      processes: {
        ...options.processes,
        restartProbability: 0.1,
        crashAt: { events: ['committed' as const], probability: 0.05 },
      },
      witnesses: [{ counter: 'crashesAtEvents' as const, least: 3 }],
    };
    const { verdict, totals } = runSeed({ seed: 6n, simulation });
    expect(verdict).toBe('ok');
    expect(totals.crashesAtEvents).toBeGreaterThanOrEqual(3);
    expect(totals.crashes).toBeGreaterThanOrEqual(3);
  });
});
