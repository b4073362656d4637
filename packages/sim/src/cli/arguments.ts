import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MUTANTS } from '../mutants/catalogue.ts';
import type { MutantPart } from '../mutants/mutant.ts';
import { mutantOfScenario } from '../mutants/scenario-mutants.ts';
import { UNCAUGHT_MUTANTS } from '../mutants/uncaught-mutants.ts';
import { SCENARIOS } from '../scenarios/registry.ts';
import { LIST_PARTS, type ListPart } from './list.ts';
import { COMMAND_NAMES, type CommandName, OPTIONS, OPTIONS_OF } from './options.ts';
import {
  countOf,
  named,
  partOf,
  refuseBeyondLastSeed,
  type Shard,
  secondsOf,
  seedOf,
  shardOf,
  WrongValue,
} from './values.ts';

/** What was asked for. */
export type Command =
  | { readonly kind: 'help'; readonly about: CommandName | null }
  | { readonly kind: 'version' }
  | ({ readonly kind: 'list' } & ListArguments)
  | ({ readonly kind: 'run' } & RunArguments)
  | ({ readonly kind: 'mutants' } & MutantArguments)
  | ({ readonly kind: 'repro' } & BundleArguments & { readonly trace: boolean })
  | ({ readonly kind: 'show' } & BundleArguments & { readonly events: number })
  | ({ readonly kind: 'timeline' } & TimelineArguments)
  | ({ readonly kind: 'minimize' } & BundleArguments & MinimizeArguments)
  | ({ readonly kind: 'bisect' } & BundleArguments)
  | ({ readonly kind: 'stats' } & StatsArguments)
  | { readonly kind: 'usage'; readonly error: string };

export interface ListArguments {
  /** Only this group of scenarios, or `checkers`, `mutants`; null for all. */
  readonly part: ListPart | null;
  readonly json: boolean;
}

export interface RunArguments {
  /** The first seed; null draws one. */
  readonly seed: bigint | null;
  /** Runs of each scenario; null for as many as the time allows. */
  readonly runs: number | null;
  readonly seconds: number | null;
  readonly jobs: number;
  readonly scenarios: readonly string[];
  readonly shard: Shard;
  /** A bug to plant before; null for the code as it is. */
  readonly mutant: string | null;
  /** Where failures leave their bundles; null for nowhere. */
  readonly bundles: string | null;
  readonly json: boolean;
  readonly trace: boolean;
  readonly failFast: boolean;
  readonly checkDeterminism: boolean;
}

export interface MutantArguments {
  readonly seed: bigint;
  /** Runs that a mutant may survive; null for the usual budget. */
  readonly runs: number | null;
  /** Wall time after which what is not decided stays so; null for none. */
  readonly seconds: number | null;
  readonly jobs: number;
  readonly json: boolean;
  /** Names to plant; empty for all. Of scenarios, where their own bugs are planted. */
  readonly names: readonly string[];
  /** Plants for each scenario the bug that it must fail by. */
  readonly byScenario: boolean;
  /** Every how-many-th of the catalogue, from which place on. */
  readonly part: MutantPart;
}

export interface BundleArguments {
  /** Path of the bundle. */
  readonly bundle: string;
}

export interface TimelineArguments {
  /** A bundle's path, or a seed of a scenario. */
  readonly source:
    | { readonly bundle: string }
    | { readonly seed: bigint; readonly scenario: string; readonly mutant: string | null };
  readonly width: number;
  readonly events: number;
}

export interface MinimizeArguments {
  readonly replays: number;
  /** Where the smallest run goes; null for beside the bundle. */
  readonly output: string | null;
}

export interface StatsArguments {
  /** Results of `run --json`, or folders of bundles; empty for seeds to run now. */
  readonly paths: readonly string[];
  readonly run: RunArguments;
}

type Parsed = ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true; strict: true }>
>;
type Values = Parsed['values'];

const BUNDLES_DEFAULT = 'vopr-failures';
/** Runs of the swarm that a mutant may survive. */
export const MUTANT_RUNS_USUAL = 2_000;
const RUNS_MAX = 100_000_000;

/** Reads a command line; what is wrong with it comes back as `usage`. Never throws. */
export function parseCommand(argv: readonly string[]): Command {
  try {
    return command(argv, parse(argv));
  } catch (error) {
    if (error instanceof WrongValue) return { kind: 'usage', error: error.message };
    const text = error instanceof Error ? error.message : String(error);
    return { kind: 'usage', error: text.split('. ')[0] ?? text };
  }
}

function parse(argv: readonly string[]): Parsed {
  const args = withNegatives(argv);
  return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
}

/**
 * Joins a negative number to the option before it, as in `--seed=-1`: alone it would count as an
 * option, and what is wrong with it be told in words about that.
 */
function withNegatives(argv: readonly string[]): string[] {
  const args: string[] = [];
  for (const word of argv) {
    const before = args.at(-1) ?? '';
    if (/^-[0-9]/.test(word) && takesValue(before)) args[args.length - 1] = `${before}=${word}`;
    else args.push(word);
  }
  return args;
}

function takesValue(word: string): boolean {
  return Object.entries(OPTIONS).some(([name, option]) => {
    return word === `--${name}` && option.type === 'string';
  });
}

function command(argv: readonly string[], { values, positionals }: Parsed): Command {
  const word = positionals[0] ?? null;
  const name = COMMAND_NAMES.find((known) => known === word) ?? null;
  if (word !== null && name === null) {
    throw new WrongValue(`'${word}' is no command; there are ${COMMAND_NAMES.join(', ')}`);
  }
  if (values.help === true || (name === null && argv.length === 0)) {
    return { kind: 'help', about: name };
  }
  if (values.version === true) return { kind: 'version' };
  const listed = values['list-invariants'] === true || values['list-scenarios'] === true;
  if (listed) return { kind: 'list', part: null, json: values.json ?? false };
  refuseForeignOptions(name ?? 'run', values);
  return commandNamed(name ?? 'run', values, positionals.slice(1));
}

/** An option that another command has would be without effect, which nobody wants. */
function refuseForeignOptions(name: CommandName, values: Values): void {
  const foreign = Object.keys(values).find((option) => !OPTIONS_OF[name].includes(option));
  if (foreign !== undefined) throw new WrongValue(`vopr ${name} has no option --${foreign}`);
}

function commandNamed(name: CommandName, values: Values, words: readonly string[]): Command {
  switch (name) {
    case 'list':
    case 'scenarios':
      return { kind: 'list', ...listArguments(values, words) };
    case 'run':
      refuseWords(words, 0);
      return { kind: 'run', ...runArguments(values) };
    case 'mutants':
      return { kind: 'mutants', ...mutantArguments(values, words) };
    case 'repro':
      return { kind: 'repro', ...bundleArguments(name, words), trace: values.trace ?? false };
    case 'show': {
      const events = eventsOf(values, '0');
      return { kind: 'show', ...bundleArguments(name, words), events };
    }
    case 'timeline':
      return { kind: 'timeline', ...timelineArguments(values, words) };
    case 'minimize': {
      const replays = countOf('--replays', values.replays ?? '500', 1_000_000);
      const output = values.output ?? null;
      return { kind: 'minimize', ...bundleArguments(name, words), replays, output };
    }
    case 'bisect':
      return { kind: 'bisect', ...bundleArguments(name, words) };
    case 'stats':
      return { kind: 'stats', paths: words, run: runArguments(values) };
  }
}

function listArguments(values: Values, words: readonly string[]): ListArguments {
  refuseWords(words, 1);
  const json = values.json ?? false;
  const [word] = words;
  if (word === undefined) return { part: null, json };
  const part = LIST_PARTS.find((known) => known === word.toLowerCase());
  if (part !== undefined) return { part, json };
  throw new WrongValue(`there is no group '${word}'; there are ${LIST_PARTS.join(', ')}`);
}

function refuseWords(words: readonly string[], most: number): void {
  if (words.length > most) throw new WrongValue(`'${words[most]}' is one word too many`);
}

function bundleArguments(name: string, words: readonly string[]): BundleArguments {
  refuseWords(words, 1);
  const bundle = words[0];
  if (bundle === undefined) throw new WrongValue(`vopr ${name} takes the path of a bundle`);
  return { bundle };
}

function runArguments(values: Values): RunArguments {
  const seconds = values.for === undefined ? null : secondsOf(values.for);
  const givenRuns = values.runs ?? values.iterations ?? null;
  const runs = givenRuns === null ? null : countOf('--runs', givenRuns, RUNS_MAX);
  const shard = shardOf(values.shard ?? '1/1');
  if (shard.of > 1 && values.seed === undefined) {
    throw new WrongValue('--shard needs --seed, the same on all machines');
  }
  const scenarios = scenariosOf(values);
  const trace = values.trace ?? false;
  if (trace && ((runs ?? 1) !== 1 || seconds !== null || scenarios.length > 1)) {
    throw new WrongValue('--trace shows one run; leave --runs, --for and --all-scenarios out');
  }
  const seed = values.seed === undefined ? null : seedOf(values.seed);
  if (seed !== null) refuseBeyondLastSeed(seed, runs ?? 1);
  const several = seconds !== null || (runs ?? 1) * scenarios.length > 1;
  const jobs = values.jobs ?? String(several ? availableParallelism() : 1);
  return {
    seed,
    runs: runs ?? (seconds === null ? 1 : null),
    seconds,
    jobs: countOf('--jobs', jobs, 1024),
    scenarios,
    shard,
    mutant: mutantOf(values),
    bundles: values['no-bundles'] === true ? null : (values.bundles ?? BUNDLES_DEFAULT),
    json: values.json ?? false,
    trace,
    failFast: values['fail-fast'] ?? false,
    checkDeterminism: values['check-determinism'] ?? false,
  };
}

function scenariosOf(values: Values): readonly string[] {
  if (values['all-scenarios'] !== true) return [scenarioOf(values)];
  if (values.scenario !== undefined) {
    throw new WrongValue('--scenario and --all-scenarios exclude one another');
  }
  return SCENARIOS.map(({ name }) => name);
}

function scenarioOf(values: Values): string {
  return named('scenario', SCENARIOS, values.scenario ?? 'swarm').name;
}

function mutantOf(values: Values): string | null {
  return values.mutant === undefined ? null : named('mutant', MUTANTS, values.mutant).name;
}

function timelineArguments(values: Values, words: readonly string[]): TimelineArguments {
  refuseWords(words, 1);
  const [bundle] = words;
  const width = countOf('--width', values.width ?? '100', 1_000);
  const events = eventsOf(values, '40');
  if (bundle !== undefined) {
    if (values.seed !== undefined) throw new WrongValue('a bundle or --seed, not both');
    return { source: { bundle }, width, events };
  }
  if (values.seed === undefined) throw new WrongValue('vopr timeline takes a bundle or --seed');
  const source = { seed: seedOf(values.seed), scenario: scenarioOf(values) };
  return { source: { ...source, mutant: mutantOf(values) }, width, events };
}

function eventsOf(values: Values, usual: string): number {
  const text = values.events ?? usual;
  return text === '0' ? 0 : countOf('--events', text, 1_000_000);
}

function mutantArguments(values: Values, words: readonly string[]): MutantArguments {
  const given = values.runs ?? values.iterations ?? null;
  const byScenario = values['by-scenario'] ?? false;
  const seed = seedOf(values.seed ?? '1');
  const runs = given === null ? null : countOf('--runs', given, 1_000_000);
  refuseBeyondLastSeed(seed, runs ?? MUTANT_RUNS_USUAL);
  return {
    seed,
    runs,
    seconds: values.for === undefined ? null : secondsOf(values.for),
    jobs: countOf('--jobs', values.jobs ?? '1', 1024),
    names: words.map((word) => (byScenario ? provenScenario(word) : plantable(word))),
    byScenario,
    part: partOf(values.part ?? '0/1'),
    json: values.json ?? false,
  };
}

function plantable(word: string): string {
  return named('mutant', [...MUTANTS, ...UNCAUGHT_MUTANTS], word).name;
}

function provenScenario(word: string): string {
  const { name } = named('scenario', SCENARIOS, word);
  if (mutantOfScenario(name) === null) throw new WrongValue(`${name} has no bug of its own`);
  return name;
}
