import process from 'node:process';
import { MUTANTS } from '../mutants/catalogue.ts';
import { type Mutant, mutantsOfPart } from '../mutants/mutant.ts';
import { mutantOfScenario, SCENARIO_MUTANTS } from '../mutants/scenario-mutants.ts';
import { UNCAUGHT_MUTANTS } from '../mutants/uncaught-mutants.ts';
import type { MutantArguments } from './arguments.ts';
import { type MutantResult, runMutant } from './run-mutants.ts';

/** Runs that a mutant may survive: of the swarm, and of the scenario that is made for it. */
const RUNS_SWARM = 2_000;
const RUNS_SCENARIO = 500;
/** Of one that is believed to be harmless, unless it is asked for by name: it still has to fit. */
const RUNS_HARMLESS = 20;

/** `vopr mutants`: the kill table. Returns 0 when each planted bug was caught, else 1. */
export async function mutantsCommand(options: MutantArguments): Promise<number> {
  const chosen = chosenMutants(options);
  const rows: { readonly mutant: Mutant; readonly result: MutantResult }[] = [];
  for (const mutant of chosen) {
    const runs = options.runs ?? runsOf(mutant, { byName: options.names.length > 0 });
    const result = await runMutant(mutant, { seed: options.seed, runs, jobs: options.jobs });
    rows.push({ mutant, result });
    if (!options.json) process.stdout.write(`${rowText(mutant, result, options)}\n`);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(rows.map(jsonRow), null, 2)}\n`);
  const harmful = rows.filter(({ mutant }) => mutant.harmless === undefined);
  const killed = harmful.filter(({ result }) => result.kind === 'killed').length;
  if (!options.json) {
    process.stdout.write(`${killed} of ${harmful.length} mutants killed\n`);
    const gaps = UNCAUGHT_MUTANTS.map(({ name }) => name).join(', ');
    if (options.names.length === 0 && gaps !== '')
      process.stdout.write(`not caught yet: ${gaps}\n`);
  }
  return killed === harmful.length ? 0 : 1;
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
  return mutant.scenario === undefined ? RUNS_SWARM : RUNS_SCENARIO;
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
    case 'misfit':
      return `${head}DOES NOT FIT: ${result.reason}`;
  }
}

function jsonRow({
  mutant,
  result,
}: {
  readonly mutant: Mutant;
  readonly result: MutantResult;
}): object {
  const { kind, ...rest } = result;
  const { name, bug, scenario = 'swarm' } = mutant;
  return { name, bug, scenario, result: kind, ...rest };
}
