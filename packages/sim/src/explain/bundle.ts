import type { CheckerName } from '../checkers/violation.ts';
import { CHECKERS } from '../checkers/violation.ts';
import type { Removed } from '../faults/fault-gate.ts';
import type { SimulationOptions } from '../run/options.ts';
import type { Verdict } from '../run/outcome.ts';
import type { RunResult } from '../run/run-seed.ts';
import { BadBundle, Fields } from './bundle-fields.ts';
import { mergeOptions, optionsFault } from './bundle-options.ts';
import { readRemoved, writeRemoved } from './bundle-removed.ts';

const FORMAT = 'kimberlite_vopr_bundle';
/** Version of the form of bundles; a newer one is refused. */
const BUNDLE_VERSION = 1;
/** Of the simulator: bundles name the one that wrote them. */
export const SIM_VERSION = '0.1.0';

/** A failed run in a small file: everything that it takes to see it again. */
export interface Bundle {
  readonly simVersion: string;
  readonly commit: string;
  /** The planted bug with which the run failed; null for the code as it is. */
  readonly mutant: string | null;
  readonly scenario: string;
  readonly seed: bigint;
  /** All parameters, as they were drawn: a scenario may be changed later. */
  readonly options: SimulationOptions;
  /** What minimising took away. */
  readonly removed: Removed;
  readonly verdict: Exclude<Verdict, 'ok'>;
  readonly checker: CheckerName | null;
  readonly message: string;
  readonly traceHash: string;
  /** Number of the event with which the run failed. */
  readonly event: number;
  readonly micros: number;
}

/** What a bundle is made of besides the result of its run. */
export interface BundleContext {
  readonly commit: string;
  readonly mutant: string | null;
  readonly scenario: string;
  readonly options: SimulationOptions;
  readonly removed: Removed;
}

/** The bundle of a failed run; null for one that passed. */
export function bundleOf(result: RunResult, context: BundleContext): Bundle | null {
  if (result.verdict === 'ok') return null;
  return {
    simVersion: SIM_VERSION,
    ...context,
    seed: result.seed,
    verdict: result.verdict,
    checker: result.checker,
    message: result.message,
    traceHash: result.traceHash,
    event: result.event,
    micros: result.micros,
  };
}

/** The bundle as the text of its file. */
export function encodeBundle(bundle: Bundle): string {
  const value = {
    format: FORMAT,
    version: BUNDLE_VERSION,
    sim_version: bundle.simVersion,
    commit: bundle.commit,
    mutant: bundle.mutant,
    scenario: bundle.scenario,
    seed: bundle.seed.toString(),
    verdict: { kind: bundle.verdict, checker: bundle.checker, message: bundle.message },
    trace_hash: bundle.traceHash,
    event: bundle.event,
    micros: bundle.micros,
    removed: writeRemoved(bundle.removed),
    options: bundle.options,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

export interface DecodedBundle {
  readonly bundle: Bundle;
  /** What is unusual about it, though it can be replayed; one line each. */
  readonly notes: readonly string[];
}

/** Parameters of a scenario for a seed, or null when there is no such scenario. */
export type ScenarioLookup = (scenario: string, seed: bigint) => SimulationOptions | null;

/**
 * Reads a bundle's file; a `BadBundle` says in one line what is wrong with it. Parameters that the
 * bundle does not know yet are those of its scenario today, which is noted.
 */
export function decodeBundle(text: string, lookup: ScenarioLookup): DecodedBundle | BadBundle {
  try {
    return decode(text, lookup);
  } catch (error) {
    if (error instanceof BadBundle) return error;
    throw error;
  }
}

function decode(text: string, lookup: ScenarioLookup): DecodedBundle {
  const fields = Fields.parse(text);
  if (fields.text('format') !== FORMAT) throw new BadBundle(`it is no bundle: format is another`);
  const version = fields.count('version');
  if (version > BUNDLE_VERSION) {
    throw new BadBundle(`it has version ${version}; this vopr reads up to ${BUNDLE_VERSION}`);
  }
  const scenario = fields.text('scenario');
  const seed = fields.seed('seed');
  const verdict = fields.object('verdict');
  const notes: string[] = [];
  const bundle: Bundle = {
    simVersion: fields.text('sim_version'),
    commit: fields.text('commit'),
    mutant: fields.textOrNull('mutant'),
    scenario,
    seed,
    options: decodeOptions(fields, lookup(scenario, seed) ?? lookup('swarm', seed), notes),
    removed: readRemoved(fields.object('removed')),
    verdict: verdictOf(verdict.text('kind')),
    checker: checkerOf(verdict.textOrNull('checker')),
    message: verdict.text('message'),
    traceHash: fields.text('trace_hash'),
    event: fields.count('event'),
    micros: fields.count('micros'),
  };
  if (lookup(scenario, seed) === null) notes.push(`there is no scenario '${scenario}' any more`);
  return { bundle, notes };
}

function decodeOptions(
  fields: Fields,
  reference: SimulationOptions | null,
  notes: string[],
): SimulationOptions {
  if (reference === null) throw new BadBundle('there are no parameters to compare with');
  const options = mergeOptions(reference, fields.object('options').value, notes);
  const fault = optionsFault(options);
  if (fault !== null) throw new BadBundle(fault);
  return options;
}

function verdictOf(text: string): Bundle['verdict'] {
  if (text === 'crash' || text === 'liveness' || text === 'correctness') return text;
  throw new BadBundle(`'${text}' is no verdict of a failure`);
}

function checkerOf(name: string | null): CheckerName | null {
  if (name === null) return null;
  if (!Object.hasOwn(CHECKERS, name)) throw new BadBundle(`there is no checker '${name}'`);
  return name as CheckerName; // SAFETY: a key of the table.
}
