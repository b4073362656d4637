import type { Cluster } from '../cluster/cluster.ts';
import type { Observer } from '../cluster/observer.ts';
import type { ReplicaMaker } from '../cluster/replica-maker.ts';
import type { Removed } from '../faults/fault-gate.ts';
import { type RunResult, runSeed } from '../run/run-seed.ts';
import type { Workload } from '../workload/workload.ts';
import type { Bundle } from './bundle.ts';

export interface ReplayOptions extends ReplayParts {
  readonly observer?: Observer;
  readonly onCluster?: (cluster: Cluster) => void;
  /** Instead of the bundle's. */
  readonly removed?: Removed;
  readonly calmFrom?: number;
  readonly eventsMax?: number;
}

/** Runs a bundle once more. The same code gives the same run, event by event. */
export function replay(bundle: Bundle, options: ReplayOptions = {}): RunResult {
  const { seed, options: simulation, removed } = bundle;
  return runSeed({ seed, simulation, removed, ...options });
}

/** What is run, where it is not what ships. */
export interface ReplayParts {
  /** Instead of the production core. */
  readonly maker?: ReplicaMaker;
  /** Instead of the workload that the parameters name. */
  readonly workload?: () => Workload;
}

/** Only what is run, of larger options. */
export function partsOf({ maker, workload }: ReplayParts): ReplayParts {
  return {
    ...(maker === undefined ? {} : { maker }),
    ...(workload === undefined ? {} : { workload }),
  };
}

/** The result is the failure of the bundle: the same promise is broken, at whatever event. */
export function sameFailure(bundle: Bundle, result: RunResult): boolean {
  if (result.verdict !== bundle.verdict || result.checker !== bundle.checker) return false;
  // An assertion is named by its message; what a checker says holds numbers that may move.
  return bundle.verdict !== 'crash' || result.message === bundle.message;
}

/** What a replay did otherwise than its bundle says, a line each; empty when nothing. */
export function replayDifferences(bundle: Bundle, result: RunResult): string[] {
  const found: string[] = [];
  const compare = (name: string, expected: unknown, given: unknown): void => {
    if (expected !== given) found.push(`${name}: ${String(given)}, not ${String(expected)}`);
  };
  compare('verdict', bundle.verdict, result.verdict);
  compare('checker', bundle.checker, result.checker);
  compare('message', bundle.message, result.message);
  compare('event', bundle.event, result.event);
  compare('trace', bundle.traceHash, result.traceHash);
  return found;
}
