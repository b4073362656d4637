import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { applyEdit, type Mutant } from '../mutants/mutant.ts';

/** What became of a mutant. */
export type MutantResult =
  | {
      readonly kind: 'killed';
      /** The checker, `assertion` with its message, or the scenario's witnesses. */
      readonly by: string;
      readonly seed: string;
      /** Runs until then, the killing one included. */
      readonly runs: number;
      readonly seconds: number;
    }
  | { readonly kind: 'survived'; readonly runs: number; readonly seconds: number }
  /** The time was up before anything was seen of it, or before its last run. */
  | { readonly kind: 'undecided'; readonly runs: number; readonly seconds: number }
  /** It could not be planted or run. */
  | { readonly kind: 'misfit'; readonly reason: string };

export interface MutantBudget {
  readonly seed: bigint;
  readonly runs: number;
  readonly jobs: number;
  /** Wall time that it may take; null for as long as it takes. */
  readonly seconds: number | null;
}

const PACKAGES = ['store', 'vsr', 'kernel', 'sim'] as const;

/** packages/ of the working tree, seen from src/cli and dist/cli alike. */
const packagesFolder: string = fileURLToPath(new URL('../../..', import.meta.url));

/** A Node that runs TypeScript: this one, or the one that the workspace brings along. */
export const nodePath: string = process.features.typescript
  ? process.execPath
  : path.join(packagesFolder, '..', 'node_modules', '.bin', 'node');

interface VoprResult {
  readonly runs: number;
  readonly scenarios: Readonly<Record<string, { readonly witnessMissing: number }>>;
  readonly failures: readonly {
    readonly seed: string;
    readonly verdict: string;
    readonly checker: string | null;
    readonly message: string;
  }[];
}

/**
 * Copies the sources, plants the bug and runs seeds until one fails that passes on the unchanged
 * code. The working tree is not touched.
 */
export async function runMutant(mutant: Mutant, budget: MutantBudget): Promise<MutantResult> {
  return await withPlanted(mutant, (planted) =>
    'fault' in planted
      ? Promise.resolve<MutantResult>({ kind: 'misfit', reason: planted.fault })
      : hunt(planted.folder, mutant, budget),
  );
}

/** A copy of the sources with a bug in it, or why the bug could not be planted. */
export type Planted =
  | {
      readonly folder: string;
      /** The copy's `vopr`. */
      readonly main: string;
    }
  | { readonly fault: string };

/** Copies the sources, plants the bug, and removes the copy when `use` is done with it. */
export async function withPlanted<T>(
  mutant: Mutant,
  use: (planted: Planted) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vopr-mutant-'));
  try {
    await copySources(folder);
    const fault = await plant(folder, mutant);
    const main = path.join(folder, 'packages', 'sim', 'src', 'cli', 'main.ts');
    return await use(fault === null ? { folder, main } : { fault });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copySources(folder: string): Promise<void> {
  const scope = path.join(folder, 'node_modules', '@kimberlite');
  await mkdir(scope, { recursive: true });
  for (const name of PACKAGES) {
    const source = path.join(packagesFolder, name);
    const target = path.join(folder, 'packages', name);
    await cp(path.join(source, 'src'), path.join(target, 'src'), { recursive: true });
    await cp(path.join(source, 'package.json'), path.join(target, 'package.json'));
    await symlink(target, path.join(scope, name));
  }
}

async function plant(folder: string, mutant: Mutant): Promise<string | null> {
  for (const edit of mutant.edits) {
    const file = path.join(folder, 'packages', edit.file);
    let source: string;
    try {
      source = await readFile(file, 'utf8');
    } catch {
      return `${edit.file} does not exist`;
    }
    const applied = applyEdit(source, edit);
    if ('fault' in applied) return `${edit.file}: ${applied.fault}`;
    await writeFile(file, applied.patched);
  }
  return null;
}

async function hunt(folder: string, mutant: Mutant, budget: MutantBudget): Promise<MutantResult> {
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;
  const scenario = mutant.scenario ?? 'swarm';
  let done = 0;
  while (done < budget.runs) {
    const left = budget.seconds === null ? null : budget.seconds - seconds();
    if (left !== null && left <= 0) return { kind: 'undecided', runs: done, seconds: seconds() };
    const seed = budget.seed + BigInt(done);
    // What is about to survive because nothing happens any more need not use up the whole budget.
    const runs = Math.min(budget.runs - done, done === 0 ? RUNS_FOR_WITNESS : budget.runs);
    const run = { ...budget, scenario, seed, runs, seconds: left };
    const result = await vopr(path.join(folder, 'packages'), run);
    if (typeof result === 'string') return { kind: 'misfit', reason: result };
    const failure = result.failures[0];
    if (failure === undefined) {
      if (done === 0 && (await seesLess(result, { ...budget, scenario }))) {
        const seed = String(budget.seed);
        return { kind: 'killed', by: 'its witnesses', seed, runs, seconds: seconds() };
      }
      done += result.runs;
      continue;
    }
    done = Number(BigInt(failure.seed) - budget.seed) + 1;
    const one = { ...budget, scenario, seed: BigInt(failure.seed), runs: 1, seconds: null };
    const control = await vopr(packagesFolder, one);
    if (typeof control === 'string') return { kind: 'misfit', reason: control };
    // A seed that fails anyway proves nothing.
    if (control.failures.length > 0) continue;
    const by = failure.checker ?? failure.message;
    return { kind: 'killed', by, seed: failure.seed, runs: done, seconds: seconds() };
  }
  return { kind: 'survived', runs: budget.runs, seconds: seconds() };
}

/** Runs after which what a scenario is about has been seen, where nothing keeps it from that. */
const RUNS_FOR_WITNESS = 10;

/**
 * Whether no run saw what the scenario is about, and most of the same seeds do on the unchanged
 * code: a campaign of it ends with an exit code of its own then, and so it is caught.
 */
async function seesLess(
  { runs, scenarios }: VoprResult,
  run: MutantBudget & { readonly scenario: string },
): Promise<boolean> {
  if (runs < RUNS_FOR_WITNESS || unseenIn(scenarios) < runs) return false;
  const whole = { ...run, runs: RUNS_FOR_WITNESS, seconds: null };
  const control = await vopr(packagesFolder, whole);
  if (typeof control === 'string') return false;
  return unseenIn(control.scenarios) < RUNS_FOR_WITNESS / 2;
}

function unseenIn(scenarios: VoprResult['scenarios']): number {
  return Object.values(scenarios).reduce((sum, { witnessMissing }) => sum + witnessMissing, 0);
}

/** Runs the sources of a folder; the parsed result, or what went wrong. */
function vopr(
  packages: string,
  run: MutantBudget & { readonly scenario: string },
): Promise<VoprResult | string> {
  const main = path.join(packages, 'sim', 'src', 'cli', 'main.ts');
  const args = [
    '--conditions=@kimberlite/source',
    main,
    'run',
    '--json',
    '--fail-fast',
    '--no-bundles',
  ];
  args.push('--seed', String(run.seed), '--runs', String(run.runs), '--jobs', String(run.jobs));
  args.push('--scenario', run.scenario);
  if (run.seconds !== null) args.push('--for', `${Math.ceil(run.seconds)}s`);
  return new Promise((resolve) => {
    const child = spawn(nodePath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', () => {
      try {
        resolve(JSON.parse(output) as VoprResult); // SAFETY: our own command's output.
      } catch {
        resolve(`the run gave no result: ${errors.trim().split('\n').at(-1) ?? ''}`);
      }
    });
  });
}
