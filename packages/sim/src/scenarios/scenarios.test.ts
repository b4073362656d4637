import { TIMEOUT_NAMES } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { type RunResult, runSeed } from '../run/run-seed.ts';
import { SCENARIOS, scenarioOptions } from './registry.ts';
import type { Scenario } from './scenario.ts';
import { TIMEOUT_SCENARIOS } from './timeout-scenarios.ts';

/** Requests of a short run: the witnesses decide how long it really is. */
const REQUESTS = 32;
/** A liar who is found out early ends the run before it counts: the next seed is tried. */
const SEEDS: readonly bigint[] = Array.from({ length: 16 }, (_, place) => BigInt(place + 1));
const TIMEOUT_MILLISECONDS = 120_000;

interface ShortRun extends RunResult {
  readonly cluster: Cluster | null;
}

function runOf(name: string, seed: bigint): ShortRun {
  const options = scenarioOptions(name, seed);
  if (options === null) throw new Error('it is in the registry');
  let cluster: Cluster | null = null;
  const onCluster = (made: Cluster): void => {
    cluster = made;
  };
  const simulation = { ...options, requestsTarget: REQUESTS };
  return { ...runSeed({ seed, simulation, onCluster }), cluster };
}

/** Timeouts that are said to end in this scenario, and ended nowhere. */
function neverEnded(name: string, { cluster }: ShortRun): string[] {
  const states = cluster?.snapshots() ?? [];
  return TIMEOUT_NAMES.filter((timer) => {
    if (TIMEOUT_SCENARIOS[timer] !== name || timer === 'scrub') return false;
    return states.every(({ timeouts }) => timeouts[timer] === 0);
  });
}

/** How much is asked and how far the log comes is what a short run leaves out. */
function isSeen({ totals }: RunResult, { witnesses }: Scenario): boolean {
  return witnesses.every(
    ({ counter, least }) =>
      counter === 'requestsAnswered' || counter === 'walWraps' || totals[counter] >= least,
  );
}

/** A short run of each that counts; `vopr run --scenario NAME --runs N` has the long ones. */
describe('the scenario', () => {
  for (const scenario of SCENARIOS) {
    const { name } = scenario;
    it(`${name} happens, and nothing is lost by it`, { timeout: TIMEOUT_MILLISECONDS }, () => {
      let missed: string[] = [];
      for (const seed of SEEDS) {
        const result = runOf(name, seed);
        const { verdict, message } = result;
        expect({ seed, verdict, message }).toMatchObject({ verdict: 'ok' });
        missed = isSeen(result, scenario) ? neverEnded(name, result) : ['its witnesses'];
        if (missed.length === 0) return;
      }
      expect(missed, 'not seen in any seed').toEqual([]);
    });
  }
});
