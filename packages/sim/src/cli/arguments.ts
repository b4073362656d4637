import { parseArgs } from 'node:util';
import type { MutantPart } from '../mutants/mutant.ts';
import { SCENARIOS, scenarioNamed } from '../scenarios/registry.ts';

/** What was asked for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'list' }
  | ({ readonly kind: 'run' } & RunArguments)
  | ({ readonly kind: 'mutants' } & MutantArguments)
  | { readonly kind: 'usage'; readonly error: string };

export interface RunArguments {
  /** The first seed; null draws one. */
  readonly seed: bigint | null;
  readonly runs: number;
  readonly jobs: number;
  readonly scenario: string;
  readonly json: boolean;
  readonly trace: boolean;
  readonly failFast: boolean;
  readonly checkDeterminism: boolean;
}

export interface MutantArguments {
  readonly seed: bigint;
  /** Runs that a mutant may survive; null for the usual budget. */
  readonly runs: number | null;
  readonly jobs: number;
  readonly json: boolean;
  /** Names to plant; empty for all. */
  readonly names: readonly string[];
  /** Every how-many-th of the catalogue, from which place on. */
  readonly part: MutantPart;
}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  seed: { type: 'string', short: 's' },
  runs: { type: 'string' },
  iterations: { type: 'string', short: 'n' },
  jobs: { type: 'string', short: 'j' },
  scenario: { type: 'string' },
  json: { type: 'boolean' },
  trace: { type: 'boolean' },
  'fail-fast': { type: 'boolean' },
  'check-determinism': { type: 'boolean' },
  part: { type: 'string' },
  'vsr-mode': { type: 'boolean' },
  'list-invariants': { type: 'boolean' },
  'list-scenarios': { type: 'boolean' },
} as const;

type Parsed = ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true; strict: true }>
>;
type Values = Parsed['values'];

function parse(argv: readonly string[]): Parsed {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true });
}

const COMMANDS: readonly string[] = ['run', 'list', 'scenarios', 'mutants'];
const U64_MAX = (1n << 64n) - 1n;

/** Reads a command line; what is wrong with it comes back as `usage`. Never throws. */
export function parseCommand(argv: readonly string[]): Command {
  let parsed: Parsed;
  try {
    parsed = parse(argv);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { kind: 'usage', error: text.split('. ')[0] ?? text };
  }
  const { values, positionals } = parsed;
  const name = positionals[0] ?? null;
  if (name !== null && !COMMANDS.includes(name)) {
    return { kind: 'usage', error: `'${name}' is no command; there are ${COMMANDS.join(', ')}` };
  }
  if (values.help === true) return { kind: 'help' };
  if (values.version === true) return { kind: 'version' };
  const listed = values['list-invariants'] === true || values['list-scenarios'] === true;
  if (listed || name === 'list' || name === 'scenarios') return { kind: 'list' };
  if (name === null && argv.length === 0) return { kind: 'help' };
  if (name === 'mutants') return mutantsCommand(values, positionals.slice(1));
  if (positionals.length > 1) {
    return { kind: 'usage', error: `'${positionals[1]}' is one word too many` };
  }
  return runCommand(values);
}

function runCommand(values: Values): Command {
  const seed = values.seed === undefined ? null : seedOf(values.seed);
  if (typeof seed === 'string') return { kind: 'usage', error: seed };
  const runs = countOf('--runs', values.runs ?? values.iterations ?? '1', 100_000_000);
  const jobs = countOf('--jobs', values.jobs ?? '1', 1024);
  if (typeof runs === 'string') return { kind: 'usage', error: runs };
  if (typeof jobs === 'string') return { kind: 'usage', error: jobs };
  const asked = values.scenario ?? 'swarm';
  const scenario = scenarioNamed(asked)?.name ?? null;
  if (scenario === null) {
    const names = SCENARIOS.map(({ name }) => name).join(', ');
    return { kind: 'usage', error: `there is no scenario '${asked}'; there are ${names}` };
  }
  if (values.trace === true && runs > 1) {
    return { kind: 'usage', error: '--trace shows one run; leave --runs out' };
  }
  return {
    kind: 'run',
    seed,
    runs,
    jobs,
    scenario,
    json: values.json ?? false,
    trace: values.trace ?? false,
    failFast: values['fail-fast'] ?? false,
    checkDeterminism: values['check-determinism'] ?? false,
  };
}

function mutantsCommand(values: Values, names: readonly string[]): Command {
  const seed = seedOf(values.seed ?? '1');
  const given = values.runs ?? values.iterations ?? null;
  const runs = given === null ? null : countOf('--runs', given, 1_000_000);
  const jobs = countOf('--jobs', values.jobs ?? '1', 1024);
  if (typeof seed === 'string') return { kind: 'usage', error: seed };
  if (typeof runs === 'string') return { kind: 'usage', error: runs };
  if (typeof jobs === 'string') return { kind: 'usage', error: jobs };
  const part = partOf(values.part ?? '0/1');
  if (typeof part === 'string') return { kind: 'usage', error: part };
  return { kind: 'mutants', seed, runs, jobs, names, part, json: values.json ?? false };
}

/** `K/N`: any K, so that a seed or a count of builds will do. */
function partOf(text: string): MutantPart | string {
  const match = /^([0-9]{1,20})\/([1-9][0-9]{0,3})$/.exec(text);
  if (match === null) return `--part takes K/N, such as 3/10, not '${text}'`;
  const of = Number(match[2]);
  return { of, index: Number(BigInt(match[1] ?? '0') % BigInt(of)) };
}

function seedOf(text: string): bigint | string {
  if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) > U64_MAX) {
    return `--seed takes a number from 0 to 2^64 - 1, not '${text}'`;
  }
  return BigInt(text);
}

function countOf(option: string, text: string, most: number): number | string {
  const count = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= most
    ? count
    : `${option} takes a number from 1 to ${most}, not '${text}'`;
}
