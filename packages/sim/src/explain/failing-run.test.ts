import { describe, expect, it } from 'vitest';
import type { HostSetup, ReplicaMaker } from '../cluster/replica-maker.ts';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import type { SimulationOptions } from '../run/options.ts';
import { productionMaker } from '../run/production-maker.ts';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { bisect } from './bisect.ts';
import { type Bundle, bundleOf } from './bundle.ts';
import { minimize, type RunSize } from './minimize.ts';
import { replay, replayDifferences } from './replay.ts';

/**
 * The production core with a bug of which everything is known: the process dies when replica 1
 * starts for the second time. So one crash is what it takes, of that replica, and nothing else.
 */
function fragileMaker(): ReplicaMaker {
  const started = new Map<object, number>();
  return {
    ...productionMaker,
    create: (setup: HostSetup) => {
      const starts = (started.get(setup.workload) ?? 0) + (setup.slot === 1 ? 1 : 0);
      started.set(setup.workload, starts);
      if (starts > 1) throw new RangeError('canary');
      return productionMaker.create(setup);
    },
  };
}

const maker = fragileMaker();

interface MoreFaults {
  readonly network?: Partial<SimulationOptions['network']>;
  readonly processes?: Partial<SimulationOptions['processes']>;
}

/** A seed of the storage scenario in which that happens during the phase of faults. */
function failingBundle(crashesMin: number, more: MoreFaults = {}): Bundle {
  for (let seed = 1n; seed < 20n; seed += 1n) {
    const options = scenarioOptions('storage_faults', seed);
    if (options === null) throw new Error('there is such a scenario');
    const often = { crashProbability: 0.02, restartProbability: 0.2, stableTicksMin: 5 };
    const simulation: SimulationOptions = {
      ...options,
      workload: 'kernel',
      network: { ...options.network, ...more.network },
      processes: { ...options.processes, ...often, ...more.processes },
      requestsTarget: 150,
      safetyTicksMax: 1_000,
      livenessTicksMax: 500,
    };
    const result = runSeed({ seed, simulation, maker });
    const context = { commit: 'test', mutant: null, scenario: 'storage_faults' };
    const bundle = bundleOf(result, { ...context, options: simulation, removed: NOTHING_REMOVED });
    if (bundle !== null && result.faults.crash >= crashesMin) return bundle;
  }
  throw new Error('no seed crashes replica 1');
}

const bundle = failingBundle(3);

describe('a failing run', { timeout: 120_000 }, () => {
  it('is replayed to the same event', () => {
    expect(bundle).toMatchObject({ verdict: 'crash', message: 'RangeError: canary' });
    expect(replayDifferences(bundle, replay(bundle, { maker }))).toEqual([]);
    // The code without the bug does not fail.
    expect(replayDifferences(bundle, replay(bundle))).not.toEqual([]);
  });

  it('is minimised to the fault that it takes', () => {
    let told = 0;
    const found = minimize(bundle, { replaysMax: 300, onProgress: () => (told += 1), maker });
    if (found === null) throw new Error('it fails');
    expect(found.complete).toBe(true);
    expect(told).toBe(found.replays - 1);
    expect(found.after).toMatchObject({ clients: 0, requests: 0 });
    // A crash that is left out is drawn again a little later, while the replica is still up: under
    // a number of its own, which is left out too.
    expect(found.after.faults).toBe(1);
    expect(found.before.faults).toBeGreaterThan(1);
    expect(found.after.event).toBeLessThanOrEqual(found.before.event);
    const smallest = replay(found.bundle, { maker });
    expect(replayDifferences(found.bundle, smallest)).toEqual([]);
    // Without its last fault it passes.
    const none = { ...found.bundle.removed.faults, crash: [[0, null] as const] };
    const removed = { ...found.bundle.removed, faults: none };
    expect(replay(found.bundle, { removed, maker }).message).not.toBe(bundle.message);
  });

  it('never grows with more replays: those are the same, and then more', () => {
    // Without the packets that come twice a run has far fewer events. Without its one crash it goes
    // on to a power cut, in no more events than at first, and meets more of the other faults.
    const long = failingBundle(1, {
      network: { replayProbability: 0.5, echoProbability: 0.8 },
      processes: { crashAllProbability: 0.004, pauseProbability: 0.1, unpauseProbability: 0.5 },
    });
    const sizes: RunSize[] = [];
    const onProgress = (size: RunSize): void => void sizes.push(size);
    minimize(long, { replaysMax: 60, onProgress, maker });
    const parts = ({ faults, clients, requests }: RunSize): number => faults + clients + requests;
    for (const [at, size] of sizes.entries()) {
      const before = sizes[at - 1] ?? size;
      expect(parts(size)).toBeLessThanOrEqual(parts(before));
      const sameParts = parts(size) === parts(before);
      if (sameParts) expect(size.event).toBeLessThanOrEqual(before.event);
    }
  });

  it('keeps its smallest run when the replays are used up', () => {
    const found = minimize(bundle, { replaysMax: 3, onProgress: () => {}, maker });
    expect(found).toMatchObject({ complete: false, replays: 3 });
  });

  it('is bisected to the event of the fault that decided', () => {
    const found = bisect(bundle, { onProgress: () => {}, maker });
    if (found === null) throw new Error('it fails');
    expect(found.deciding.map(({ kind, place }) => [kind, place])).toContainEqual(['crash', 1]);
    expect(found.doomedFrom).toBeGreaterThan(0);
    expect(found.doomedFrom).toBeLessThan(found.failedAt);
    expect(found.sign).toBeNull();
  });

  it('is neither minimised nor bisected where it does not fail', () => {
    expect(minimize(bundle, { replaysMax: 10, onProgress: () => {} })).toBeNull();
    expect(bisect(bundle, { onProgress: () => {} })).toBeNull();
  });
});
