import { LIST_PARTS } from './list.ts';
import type { CommandName } from './options.ts';

const EXITS = `Exit codes
  0 no failure   1 not what was asked for (a mutant survived, a bundle does not fail here)
  2 bad input: the command line, a bundle that cannot be read, a path that cannot be written
  127 crash (assertion)   128 liveness   129 correctness
  130 interrupted; or what a scenario is about happened in no run
`;

/** Text of `vopr --help`. */
const HELP = `vopr - runs the replication core under simulated faults, from a seed

Usage
  vopr run [--seed S] [--runs N] [--for TIME] [--jobs J] [options]
  vopr repro BUNDLE       run a failure again
  vopr show BUNDLE        what failed, by whom, where
  vopr timeline BUNDLE    one lane a replica; or --seed S
  vopr minimize BUNDLE    the smallest run that fails the same way
  vopr bisect BUNDLE      the first bad event
  vopr stats              what runs were like
  vopr list [GROUP]       scenarios, checkers and mutants (also vopr scenarios)
  vopr mutants            plants bugs, one at a time, and shows what catches them
  vopr COMMAND --help     options of a command, with an example
  vopr --version

Without a command it runs: vopr --vsr-mode --scenario baseline --iterations 100 --seed 12345

${EXITS}`;

const CAMPAIGN = `  -s, --seed S           first seed, 0 to 2^64 - 1; without it a fresh one
      --runs N           seeds S, S + 1, ... of each scenario (also --iterations, -n); default 1
      --for TIME         as many as fit into 90s, 10m, 8h; with --runs, whichever ends first
      --shard I/N        only share I of N of the seeds, for N machines with the same --seed
  -j, --jobs J           worker threads; default one a core for several runs. Verdicts
                         and hashes don't depend on it
      --scenario NAME    default swarm; see vopr list. PowerCuts and power-cuts are power_cuts
      --all-scenarios    each seed with every scenario
      --mutant NAME      plant this bug first, in a copy of the sources
      --check-determinism  run each seed twice and compare trace hashes
      --json             print the result as JSON
      --vsr-mode         accepted and without effect: the real core runs, always
`;

const HELP_OF: Readonly<Record<CommandName, string>> = {
  run: `vopr run - runs seeds and tells which of them fail

${CAMPAIGN}      --trace            print everything that happens, for one seed
      --bundles DIR      where each failure leaves a bundle; default ./vopr-failures
      --no-bundles       leave none
      --fail-fast        stop at the first failure

Example
  vopr run --seed 1 --runs 1000 --jobs 2 --all-scenarios --shard 2/8

${EXITS}`,
  repro: `vopr repro BUNDLE - runs a failure again and says whether the same came at the same event

      --trace            print everything that happens

The exit code is that of what the replay found; 1 when nothing fails here.

Example
  vopr repro vopr-failures/swarm-1234.json
`,
  show: `vopr show BUNDLE - what a bundle holds, and which promise was broken by whom, where

      --events N         also the last N lines of the trace

Example
  vopr show vopr-failures/swarm-1234.json --events 30
`,
  timeline: `vopr timeline BUNDLE | --seed S - one lane a replica, as text

  -s, --seed S           a seed instead of a bundle, with --scenario and --mutant as in run
      --width N          columns, at most; default 100
      --events N         the last N moments below the lanes; default 40

Example
  vopr timeline --seed 7 --scenario partitions --width 120
`,
  minimize: `vopr minimize BUNDLE - leaves out faults, clients and events while it still fails

      --replays N        try so many candidates at most; default 500
  -o, --output FILE      where the smallest run goes; default BUNDLE.min.json

Example
  vopr minimize vopr-failures/swarm-1234.json
`,
  bisect: `vopr bisect BUNDLE - the first bad event, by replays

Says from which event on nothing could have saved the run, which fault decided that, and what
was the first thing wrong for who sees everything.

Example
  vopr bisect vopr-failures/swarm-1234.json
`,
  stats: `vopr stats [PATH...] - totals and distributions

Without a path, runs seeds as vopr run does. A path is a result of run --json (several are added
up, as for shards), or a folder of bundles.

${CAMPAIGN}
Example
  vopr stats --seed 1 --runs 200 --jobs 2
  vopr stats shard-1.json shard-2.json vopr-failures
`,
  list: `vopr list [GROUP] - scenarios, checkers and mutants; or one group of scenarios

GROUP is one of
  ${LIST_PARTS.join(' ')}

      --json             print it as JSON

Example
  vopr list byzantine
`,
  scenarios: `vopr scenarios [GROUP] - the same as vopr list

      --json             print it as JSON

Example
  vopr scenarios
`,
  mutants: `vopr mutants [NAME...] - plants bugs, one at a time, and shows what catches them

  -s, --seed S           first seed; default 1
      --runs N           runs that a mutant may survive; default 2000 of the swarm,
                         500 of a scenario made for it
      --for TIME         as many as fit into 90s, 10m, 8h; the others are named, and no failure
      --part K/N         only part K mod N of N, as for a build that takes another one each time
      --by-scenario      plants for each scenario the bug that it must fail by; NAMEs are then
                         scenarios
  -j, --jobs J           worker threads; default 1
      --json             print the result as JSON

Example
  vopr mutants reply_before_commit --jobs 2
`,
};

/** Text of `vopr COMMAND --help`, or of `vopr --help` for null. */
export function helpText(about: CommandName | null): string {
  return about === null ? HELP : HELP_OF[about];
}
