import { describe, expect, it } from 'vitest';
import type { DrawnFault, FaultKind, Removed } from '../faults/fault-gate.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { runSeed } from './run-seed.ts';

// What is drawn once a tick has the same number in every replay of a run, whatever is left out.

const KINDS: readonly FaultKind[] = ['crash', 'pause', 'partition', 'gray', 'clog', 'congestion'];
const TICKS = 400;

/** The faults of these kinds that a replay draws, by kind and number, with their place. */
function faultsOf(removed: Removed): Map<string, { readonly place: string; readonly at: number }> {
  const options = scenarioOptions('swarm', 3n);
  if (options === null) throw new Error('there is such a scenario');
  const { processes, network, gray } = options;
  const drawn = new Map<string, { readonly place: string; readonly at: number }>();
  const often = { crashProbability: 0.01, pauseProbability: 0.01, restartProbability: 0.1 };
  const note = (fault: DrawnFault, at: number): void => {
    if (!KINDS.includes(fault.kind)) return;
    const place = `${fault.place} ${fault.otherPlace}`;
    drawn.set(`${fault.kind} ${fault.ordinal}`, { place, at });
  };
  runSeed({
    seed: 3n,
    simulation: {
      ...options,
      replicaCount: 3,
      requestsTarget: 1_000_000,
      safetyTicksMax: TICKS,
      livenessTicksMax: 1,
      network: { ...network, clogProbability: 0.002, congestion: CONGESTED },
      gray: {
        ...gray,
        kinds: ['slow', 'send_only'],
        enterProbability: 0.01,
        leaveProbability: 0.05,
        illMax: 2,
      },
      partitions: {
        ...options.partitions,
        modes: ['isolate_one'],
        beginProbability: 0.05,
        healProbability: 0.1,
      },
      processes: { ...processes, ...often, unpauseProbability: 0.1, stableTicksMin: 5 },
    },
    removed,
    observer: ({ what, micros }) => {
      if (what.kind === 'fault') note(what.fault, micros);
    },
  });
  return drawn;
}

const CONGESTED = {
  beginProbability: 0.002,
  endProbability: 0.05,
  delayFactor: 3,
  lossProbability: 0.2,
};

describe('faults that are drawn once a tick', () => {
  const all = faultsOf({ faults: {}, clients: [] });

  it.each(KINDS)('keep their numbers when every other %s is left out', (kind) => {
    const ordinals = [...all.keys()]
      .filter((name) => name.startsWith(`${kind} `))
      .map((name) => Number(name.split(' ')[1]));
    expect(ordinals.length).toBeGreaterThan(1);
    const left = ordinals.filter((_, at) => at % 2 === 0);
    const ranges = left.map((ordinal) => [ordinal, ordinal] as const);
    const without = faultsOf({ faults: { [kind]: ranges }, clients: [] });
    let same = 0;
    for (const [name, { place, at }] of without) {
      const before = all.get(name);
      // One that could do nothing before is told now, and the other way round.
      if (before === undefined) continue;
      expect({ name, place, at }).toEqual({ name, ...before });
      same += 1;
    }
    expect(same).toBeGreaterThan(10);
  });
});
