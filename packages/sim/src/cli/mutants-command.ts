import process from 'node:process';
import { MUTANTS } from '../mutants/catalogue.ts';
import { type Mutant, mutantsOfPart } from '../mutants/mutant.ts';
import { mutantOfScenario, SCENARIO_MUTANTS } from '../mutants/scenario-mutants.ts';
import { UNCAUGHT_MUTANTS } from '../mutants/uncaught-mutants.ts';
import { MUTANT_RUNS_USUAL, type MutantArguments } from './arguments.ts';
import { type MutantResult, runMutant } from './run-mutants.ts';

/** Runs that a mutant may survive of the scenario that is made for it. */
const RUNS_SCENARIO = 500;
/** Of one that is believed to be harmless, unless it is asked for by name: it still has to fit. */
const RUNS_HARMLESS = 20;

/** `vopr mutants`: the kill table. Returns 0 when each bug was caught or left undecided, else 1. */
export async function mutantsCommand(options: MutantArguments): Promise<number> {
  const chosen = chosenMutants(options);
  const rows: Row[] = [];
  const begin = performance.now();
  for (const mutant of chosen) {
    const { seed, jobs } = options;
    const runs = options.runs ?? runsOf(mutant, { byName: options.names.length > 0 });
    const seconds =
      options.seconds === null ? null : options.seconds - (performance.now() - begin) / 1000;
    const result = await runMutant(mutant, { seed, runs, jobs, seconds });
    rows.push({ mutant, result });
    if (!options.json) process.stdout.write(`${rowText(mutant, result, options)}\n`);
  }
  const harmful = rows.filter(({ mutant }) => mutant.harmless === undefined);
  if (options.json) process.stdout.write(`${JSON.stringify(rows.map(jsonRow), null, 2)}\n`);
  else process.stdout.write(endText(harmful, { all: options.names.length === 0 }));
  return harmful.every(({ result: { kind } }) => kind === 'killed' || kind === 'undecided') ? 0 : 1;
}

interface Row {
  readonly mutant: Mutant;
  readonly result: MutantResult;
}

function endText(harmful: readonly Row[], { all }: { readonly all: boolean }): string {
  const of = (wanted: MutantResult['kind']): string[] =>
    harmful.filter(({ result }) => result.kind === wanted).map(({ mutant }) => mutant.name);
  const undecided = of('undecided');
  const lines = [`${of('killed').length} of ${harmful.length} mutants killed`];
  if (undecided.length > 0) lines.push(`undecided when the time was up: ${undecided.join(', ')}`);
  const gaps = UNCAUGHT_MUTANTS.map(({ name }) => name);
  if (all && gaps.length > 0) lines.push(`not caught yet: ${gaps.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function chosenMutants({ names, part, byScenario }: MutantArguments): Mutant[] {
  if (byScenario) {
    const scenarios = names.length === 0 ? Object.keys(SCENARIO_MUTANTS) : names;
    const own = scenarios.flatMap((name) => mutantOfScenario(name) ?? []);
    return names.length === 0 ? mutantsOfPart(own, part) : own;
  }
  if (names.length === 0) return mutantsOfPart(MUTANTS, part);
  return [...MUTANTS, ...UNCAUGHT_MUTANTS].filter(({ name }) => names.includes(name));
}

function runsOf(mutant: Mutant, { byName }: { readonly byName: boolean }): number {
  if (mutant.harmless !== undefined && !byName) return RUNS_HARMLESS;
  return mutant.scenario === undefined ? MUTANT_RUNS_USUAL : RUNS_SCENARIO;
}

function rowText(
  { name, bug, harmless, scenario }: Mutant,
  result: MutantResult,
  { byScenario }: Pick<MutantArguments, 'byScenario'>,
): string {
  const head = `${byScenario ? (scenario ?? '').padEnd(32) : ''}${name.padEnd(38)} `;
  switch (result.kind) {
    case 'killed':
      return (
        `${head}killed by ${result.by} in ${result.runs} runs, ` +
        `${result.seconds.toFixed(1)} s (seed ${result.seed})`
      );
    case 'survived':
      if (harmless !== undefined) return `${head}harmless: ${harmless}`;
      return `${head}SURVIVED ${result.runs} runs, ${result.seconds.toFixed(1)} s: ${bug}`;
    case 'undecided':
      return `${head}undecided after ${result.runs} runs: the time was up`;
    case 'misfit':
      return `${head}DOES NOT FIT: ${result.reason}`;
  }
}

function jsonRow({ mutant, result }: Row): object {
  const { kind, ...rest } = result;
  const { name, bug, scenario = 'swarm' } = mutant;
  return { name, bug, scenario, result: kind, ...rest };
}
