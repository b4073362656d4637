import { AssertionError } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { counterWorkload } from '../workload/counter-machine.ts';
import type { Workload } from '../workload/workload.ts';
import { bundleOf } from './bundle.ts';
import { type Diagnosis, diagnose } from './diagnose.ts';

/** What is told of a machine in which an assertion says this, from op 7 on. */
function diagnosisOf(message: string): Diagnosis {
  const execute: typeof counterWorkload.stateMachine = () => {
    const machine = counterWorkload.stateMachine();
    return {
      ...machine,
      execute: (request, context) => {
        if (context.op >= 7) throw new AssertionError(message);
        return machine.execute(request, context);
      },
    };
  };
  const workload = (): Workload => ({ ...counterWorkload, stateMachine: execute });
  const options = scenarioOptions('baseline', 1n);
  if (options === null) throw new Error('there is a baseline');
  const result = runSeed({ seed: 1n, simulation: options, workload });
  const context = { commit: 'test', mutant: null, scenario: 'baseline', options };
  const bundle = bundleOf(result, { ...context, removed: NOTHING_REMOVED });
  if (bundle === null) throw new Error('it fails');
  return diagnose(bundle, workload);
}

describe('a diagnosis', () => {
  it('names the replica and the op of the verdict, and shows what led to it', () => {
    const found = diagnosisOf('replica 2 spoils op 5');
    expect(found).toMatchObject({ slot: 2, op: 5 });
    expect(found.promise).toBe('the code itself: assertion: replica 2 spoils op 5');
    expect(found.lines.slice(0, -1).every((line) => /\bop 5\b/.test(line))).toBe(true);
    expect(found.lines.some((line) => line.includes('committed op 5'))).toBe(true);
  });

  it('finds out who it was where the verdict does not say', () => {
    const found = diagnosisOf('spoilt');
    expect(found.slot).not.toBeNull();
    expect(found.lines.length).toBeGreaterThan(3);
    for (const line of found.lines)
      expect(line).toMatch(new RegExp(`^ *\\d+ #\\d+ +${found.slot} `));
    expect(found.event).toBeGreaterThan(0);
  });
});
