import type { WrongReply } from '../checkers/violation.ts';
import { type Bundle, bundleOf } from '../explain/bundle.ts';
import { diagnose, diagnosisText } from '../explain/diagnose.ts';
import { minimize, sizeText } from '../explain/minimize.ts';
import { replay } from '../explain/replay.ts';
import { Timeline } from '../explain/timeline.ts';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import { runSeed } from '../run/run-seed.ts';
import { addTotals, emptyTotals, type Totals } from '../run/totals.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import type { Workload } from '../workload/workload.ts';
import { checkOptions } from './check-options.ts';
import { guardedWorkload } from './guarded-machine.ts';

/** Which seeds a state machine is tested with, and under which faults. */
export interface StateMachineTest {
  /** The first seed, from 0n to 2^64 - 1; those after it follow, none beyond 2^64 - 1. */
  readonly seed: bigint;
  /** Seeds to run, at most: the first failure ends the test. A whole number from 1. */
  readonly runs: number;
  /** Default `swarm`: all faults, drawn from the seed. `vopr list` has the others. */
  readonly scenario?: string;
  /** Replays that minimising a failure may take; a whole number, default 200, 0 for none. */
  readonly replays?: number;
  /** Told after each seed. */
  readonly onRun?: (run: { readonly seed: bigint; readonly verdict: string }) => void;
}

/** A seed with which the state machine, its model or the cluster broke a promise. */
export interface StateMachineFailure {
  readonly seed: bigint;
  /** What went wrong, in one line. */
  readonly message: string;
  /** Where it was noticed: what the state machine threw, or may not call, in its code. */
  readonly stack: string | null;
  /** The answer that is not the model's; null where something else went wrong. */
  readonly wrongReply: WrongReply | null;
  /** The smallest run that fails the same way, and what happens in it, as text. */
  readonly explanation: string;
  /** The run as a value: `encodeBundle` makes a file of it. */
  readonly bundle: Bundle;
}

/** What came of a test; it passed where `failure` is null. */
export interface StateMachineReport {
  /** Seeds that ran. */
  readonly runs: number;
  /** What happened in them, added up: crashes, view changes, requests answered... */
  readonly totals: Totals;
  readonly failure: StateMachineFailure | null;
}

type Explained = Omit<StateMachineFailure, 'stack' | 'wrongReply'>;

const REPLAYS_USUAL = 200;
const TIMELINE = { width: 80, moments: 12 };
/** Lines of a stack that an explanation shows. */
const FRAMES_MAX = 8;

/**
 * Runs a state machine of one's own on simulated clusters with all faults of the simulator, a seed
 * after the other, until one fails. `make` is called once a run and returns the machine, the model
 * that its replies are compared with, and what clients ask. The same seed fails the same way on any
 * machine. What no state machine can be tested with is thrown before the first run, by the name of
 * the option: a TypeError or a RangeError, as where there is no scenario of that name.
 */
export function testStateMachine(make: () => Workload, test: StateMachineTest): StateMachineReport {
  checkOptions(test);
  const scenario = test.scenario ?? 'swarm';
  const workload = (): Workload => guardedWorkload(make());
  const totals = emptyTotals();
  for (let run = 0; run < test.runs; run += 1) {
    const seed = test.seed + BigInt(run);
    const options = scenarioOptions(scenario, seed);
    if (options === null) throw new RangeError(`there is no scenario '${scenario}'`);
    const result = runSeed({ seed, simulation: options, workload });
    addTotals(totals, result.totals);
    test.onRun?.({ seed, verdict: result.verdict });
    const context = { commit: 'unknown', mutant: null, scenario, removed: NOTHING_REMOVED };
    const bundle = bundleOf(result, { ...context, options });
    if (bundle === null) continue;
    const { stack, wrongReply } = result;
    const failure = result.inWorkload
      ? unexplained(bundle)
      : explained(bundle, workload, test.replays ?? REPLAYS_USUAL);
    return { runs: run + 1, totals, failure: { ...failure, stack, wrongReply } };
  }
  return { runs: test.runs, totals, failure: null };
}

/** A workload that asks what no client can fails alike under whatever faults. */
function unexplained(bundle: Bundle): Explained {
  const { seed, message } = bundle;
  return { seed, message, explanation: `seed ${seed}: ${message}`, bundle };
}

function explained(bundle: Bundle, workload: () => Workload, replays: number): Explained {
  const { seed, message } = bundle;
  const found =
    replays === 0
      ? null
      : minimize(bundle, { replaysMax: replays, onProgress: () => {}, workload });
  const smallest = found?.bundle ?? bundle;
  const timeline = new Timeline(smallest.options.replicaCount);
  const again = replay(smallest, { workload, observer: (seen) => timeline.observe(seen) });
  const diagnosis = diagnose(smallest, { workload });
  const failed = { slot: diagnosis.slot, event: again.event, text: again.message };
  timeline.fail(failed);
  const lines = [
    `seed ${seed}: ${message}`,
    ...(found === null ? [] : [`smallest run: ${sizeText(found.after)}`, `  ${again.message}`]),
    ...(again.inMachine ? framesOf(again.stack) : []),
    diagnosisText(diagnosis),
    '',
    timeline.text(TIMELINE),
  ];
  return { seed, message, explanation: lines.join('\n'), bundle: smallest };
}

function framesOf(stack: string | null): string[] {
  const frames = (stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  return frames.slice(0, FRAMES_MAX);
}
