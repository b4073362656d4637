import { snake, TICK_MICROS } from '@kimberlite/vsr';
import { EXIT_CODES, type RunResult } from '../run/run-seed.ts';
import { scenarioNamed } from '../scenarios/registry.ts';
import { type Campaign, type CampaignOptions, type Failure, runsOf } from './campaign.ts';

/** Where a campaign's runs come from. */
export interface ReportContext {
  readonly seed: bigint;
  readonly scenarios: readonly string[];
  readonly commit: string;
  readonly mutant: string | null;
}

/** The command that shows a failure again. */
function reproCommand({ scenario, result }: Failure, mutant: string | null): string {
  const named = scenario === 'swarm' ? '' : ` --scenario ${scenario}`;
  const planted = mutant === null ? '' : ` --mutant ${mutant}`;
  return `npx vopr run${named}${planted} --seed ${result.seed}`;
}

/** Exit code when no run saw what its scenario is about: nothing failed, and nothing was shown. */
const EXIT_UNFINISHED = 130;
/** Runs of a scenario after which it must have been seen once what it is about. */
const RUNS_FOR_WITNESS = 10;

/** The exit code of a campaign: a wrong answer before a crash before a standstill. */
export function exitCode(
  campaign: Pick<Campaign, 'verdicts' | 'scenarios' | 'interrupted'>,
): number {
  const worst = (['correctness', 'crash', 'liveness'] as const).find(
    (verdict) => campaign.verdicts[verdict] > 0,
  );
  if (worst !== undefined) return EXIT_CODES[worst];
  const unfinished = campaign.interrupted || unseenScenarios(campaign).length > 0;
  return unfinished ? EXIT_UNFINISHED : EXIT_CODES.ok;
}

/**
 * Scenarios of which no run saw what they are about. One among many must have had runs enough for
 * that: what happens in every other run may be missed by a few.
 */
export function unseenScenarios({ scenarios }: Pick<Campaign, 'scenarios'>): string[] {
  const least = scenarios.size === 1 ? 1 : RUNS_FOR_WITNESS;
  return [...scenarios].flatMap(([name, { runs, witnessMissing }]) =>
    runs >= least && witnessMissing === runs ? [name] : [],
  );
}

/** A failure in one line. */
export function verdictLine({ scenario, result }: Failure): string {
  const tick = Math.floor(result.micros / TICK_MICROS);
  return (
    `FAILED ${result.verdict}: ${result.message}; ` +
    `${scenario} seed ${result.seed}, event ${result.event}, tick ${tick}`
  );
}

/** What a failed run says: the verdict in one line, the commit, how to see it again. */
export function failureText(failure: Failure, context: ReportContext): string {
  const { result } = failure;
  const where = (result.stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 6);
  return [
    verdictLine(failure),
    `  commit ${context.commit}, trace ${result.traceHash}`,
    `  ${result.options}`,
    `  again: ${reproCommand(failure, context.mutant)} [--trace]`,
    ...(result.verdict === 'crash' ? where : []),
  ].join('\n');
}

/** Totals, a few a line: those that are not zero, or that a witness of what was run wants. */
export function totalsText({ totals, scenarios }: Pick<Campaign, 'totals' | 'scenarios'>): string {
  const run = [...scenarios].flatMap(([name, { runs }]) => (runs > 0 ? [name] : []));
  const wanted = countersWanted(run);
  const shown = Object.entries(totals).filter(([name, count]) => count !== 0 || wanted.has(name));
  return countsText(shown);
}

/** Names of the totals that witnesses of these scenarios want. */
export function countersWanted(scenarios: readonly string[]): ReadonlySet<string> {
  const witnesses = scenarios.flatMap((name) => scenarioNamed(name)?.witnesses ?? []);
  return new Set(witnesses.map(({ counter }) => counter));
}

/** Lies told by command, a few a line. */
export function liesText({ lies }: Pick<Campaign, 'lies'>): string {
  return countsText([...lies]);
}

function countsText(counts: readonly (readonly [string, number])[]): string {
  const parts = counts.map(([name, count]) => `${snake(name)} ${count}`);
  const lines: string[] = [];
  let line = ' ';
  for (const part of parts) {
    if (line.length + part.length > 96) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${part},`;
  }
  lines.push(line.replace(/,$/, ''));
  return lines.join('\n');
}

/** Runs and failures by scenario, a line each. */
export function scenariosText({ scenarios }: Pick<Campaign, 'scenarios'>): string {
  const lines = [...scenarios].flatMap(([name, { runs, failed, witnessMissing }]) => {
    if (runs === 0) return [];
    const missing = witnessMissing === 0 ? '' : `, ${witnessMissing} without a witness`;
    return [`  ${name.padEnd(34)} ${runs} runs, ${failed} failed${missing}`];
  });
  const without = scenarios.size - lines.length;
  const rest = without === 0 ? [] : [`  ${without} scenarios had no run`];
  return ['scenarios', ...lines, ...rest].join('\n');
}

/** What a campaign is about to run, in one line. */
export function beginText(
  run: Pick<CampaignOptions, 'runs' | 'seconds' | 'scenarios' | 'shard'>,
  seed: bigint,
): string {
  const { runs, seconds, scenarios, shard } = run;
  const from = `seeds from ${seed}`;
  const share = shard.of === 1 ? '' : `, share ${shard.index + 1} of ${shard.of}`;
  const time = seconds === null ? '' : `, at most ${seconds} s`;
  const total = runsOf(run);
  if (scenarios.length === 1)
    return `${total === null ? '' : `${total} runs, `}${from}${share}${time}`;
  if (total === null) return `${scenarios.length} scenarios in turn, ${from}${share}${time}`;
  return `${scenarios.length} scenarios with ${runs} seeds each${share}: ${total} runs, ${from}${time}`;
}

/** One line on how far it is; `runs` null where only the time ends it. */
export function progressText(campaign: Campaign, runs: number | null): string {
  const { totals, seconds, failures } = campaign;
  const perSecond = seconds === 0 ? 0 : totals.runs / seconds;
  const events = seconds === 0 ? 0 : totals.events / seconds;
  return (
    `${totals.runs}${runs === null ? '' : `/${runs}`} runs, ${failures.length} failed, ` +
    `${perSecond.toFixed(1)} runs/s, ${Math.round(events / 1000)}k events/s`
  );
}

/** The result as one JSON object. */
export function campaignJson(campaign: Campaign, context: ReportContext): string {
  const { totals, verdicts, failures, last, seconds, scenarios } = campaign;
  const only = totals.runs === 1 ? last : null;
  const counts = Object.entries(totals).map(([name, count]) => [snake(name), count]);
  const value = {
    seed: context.seed.toString(),
    scenario: context.scenarios.length === 1 ? context.scenarios[0] : 'all',
    mutant: context.mutant,
    commit: context.commit,
    runs: totals.runs,
    verdicts,
    ...(only === null ? {} : onlyRun(only)),
    failures: failures.map((failure) => failureJson(failure, context)),
    scenarios: Object.fromEntries(scenarios) as Record<string, object>, // SAFETY: by name.
    lies: Object.fromEntries(campaign.lies) as Record<string, number>, // SAFETY: by command.
    totals: Object.fromEntries(counts) as Record<string, number>, // SAFETY: names and counts.
    interrupted: campaign.interrupted,
    seconds,
    events_per_second: seconds === 0 ? 0 : Math.round(totals.events / seconds),
  };
  return JSON.stringify(value, null, 2);
}

function onlyRun({ traceHash, message, faults }: RunResult): object {
  return { trace_hash: traceHash, message, faults };
}

function failureJson(failure: Failure, { mutant }: ReportContext): object {
  const { scenario, result } = failure;
  return {
    seed: result.seed.toString(),
    scenario,
    verdict: result.verdict,
    checker: result.checker,
    message: result.message,
    event: result.event,
    trace_hash: result.traceHash,
    repro: reproCommand(failure, mutant),
  };
}
