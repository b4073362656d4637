import { CHECKERS } from '../checkers/violation.ts';
import { SCENARIOS } from '../scenarios/registry.ts';
import { SCENARIO_GROUPS } from '../scenarios/scenario.ts';

/** Text of `vopr --help`. */
export const HELP = `vopr - runs the replication core under simulated faults, from a seed

Usage
  vopr run [--seed S] [--runs N] [--jobs J] [options]
  vopr mutants [NAME...] [--part K/N] [--seed S] [--runs N] [--jobs J] [--json]
  vopr list | vopr scenarios
  vopr --help | --version

Options of run
  -s, --seed S           first seed, 0 to 2^64 - 1; without it a fresh one is drawn and printed
      --runs N           seeds S, S + 1, ... (also --iterations, -n); default 1
  -j, --jobs J           worker threads; default 1. Verdicts and hashes don't depend on it
      --scenario NAME    default swarm; see vopr list
      --trace            print everything that happens, for one seed
      --json             print the result as JSON
      --fail-fast        stop at the first failure
      --check-determinism  run each seed twice and compare trace hashes
      --vsr-mode         accepted and without effect: the real core runs, always

Options of mutants
      --runs N           runs that a mutant may survive; default 2000 of the swarm,
                         500 of a scenario made for it
      --part K/N         only part K mod N of N, as for a build that takes another one each time

Exit codes
  0 no failure   1 a mutant survived   2 usage
  127 crash (assertion)   128 liveness   129 correctness
  130 what the scenario is about happened in no run
`;

/** Text of `vopr list`. */
export function listText(): string {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length)) + 2;
  const pad = (name: string): string => name.padEnd(Math.max(width, 22));
  const groups = Object.entries(SCENARIO_GROUPS).flatMap(([group, title]) => {
    const rows = SCENARIOS.filter((scenario) => scenario.group === group).map(
      ({ name, purpose }) => `    ${pad(name)}${purpose}`,
    );
    return rows.length === 0 ? [] : [`  ${title} (${group})`, ...rows];
  });
  const checkers = Object.entries(CHECKERS).map(([name, what]) => `    ${pad(name)}${what}`);
  return ['Scenarios', ...groups, '', 'Checkers', ...checkers, ''].join('\n');
}
