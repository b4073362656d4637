import { snake } from '../explain/describe.ts';
import { EXIT_CODES, type RunResult } from '../run/run-seed.ts';
import type { Totals } from '../run/totals.ts';
import type { Campaign } from './campaign.ts';

/** The command that shows a failure again. */
export function reproCommand(result: RunResult, scenario: string): string {
  const named = scenario === 'swarm' ? '' : ` --scenario ${scenario}`;
  return `npx vopr run${named} --seed ${result.seed}`;
}

/** Exit code when no run saw what its scenario is about: nothing failed, and nothing was shown. */
const EXIT_NO_WITNESS = 130;

/** The exit code of a campaign: a wrong answer before a crash before a standstill. */
export function exitCode(campaign: Campaign): number {
  const worst = (['correctness', 'crash', 'liveness'] as const).find(
    (verdict) => campaign.verdicts[verdict] > 0,
  );
  const { runs, witnessMissing } = campaign.totals;
  if (worst === undefined && runs > 0 && witnessMissing === runs) return EXIT_NO_WITNESS;
  return EXIT_CODES[worst ?? 'ok'];
}

/** What a failed run says: the verdict in one line, the seed, the commit, how to see it again. */
export function failureText(result: RunResult, scenario: string, commit: string): string {
  const where = (result.stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 6)
    .join('\n');
  return [
    `FAILED ${result.verdict}: ${result.message}`,
    `  seed ${result.seed}, commit ${commit}, trace ${result.traceHash}`,
    `  ${result.options}`,
    `  again: ${reproCommand(result, scenario)} [--trace]`,
    ...(where === '' ? [] : [where]),
  ].join('\n');
}

/** Totals, a few a line. */
export function totalsText(totals: Totals): string {
  const parts = Object.entries(totals).map(([name, count]) => `${snake(name)} ${count}`);
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

/** One line on how far it is. */
export function progressText(campaign: Campaign, runs: number): string {
  const { totals, seconds, failures } = campaign;
  const perSecond = seconds === 0 ? 0 : totals.runs / seconds;
  const events = seconds === 0 ? 0 : totals.events / seconds;
  return (
    `${totals.runs}/${runs} runs, ${failures.length} failed, ` +
    `${perSecond.toFixed(1)} runs/s, ${Math.round(events / 1000)}k events/s`
  );
}

export interface JsonContext {
  readonly seed: bigint;
  readonly scenario: string;
  readonly commit: string;
}

/** The result as one JSON object. */
export function campaignJson(campaign: Campaign, context: JsonContext): string {
  const { totals, verdicts, failures, last, seconds } = campaign;
  const only = totals.runs === 1 ? last : null;
  const counts = Object.entries(totals).map(([name, count]) => [snake(name), count]);
  const value = {
    seed: context.seed.toString(),
    scenario: context.scenario,
    commit: context.commit,
    runs: totals.runs,
    verdicts,
    ...(only === null ? {} : { trace_hash: only.traceHash, message: only.message }),
    failures: failures.map((failure) => ({
      seed: failure.seed.toString(),
      verdict: failure.verdict,
      checker: failure.checker,
      message: failure.message,
      trace_hash: failure.traceHash,
      repro: reproCommand(failure, context.scenario),
    })),
    totals: Object.fromEntries(counts) as Record<string, number>, // SAFETY: names and counts.
    seconds,
    events_per_second: seconds === 0 ? 0 : Math.round(totals.events / seconds),
  };
  return JSON.stringify(value, null, 2);
}
