import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { snake } from '@kimberlite/vsr';
import { RunStatistics, spreadTable } from '../explain/stats.ts';
import type { RunArguments, StatsArguments } from './arguments.ts';
import { runCampaign, runsOf } from './campaign.ts';
import { commitName } from './commit.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { runPlanted } from './planted.ts';
import { ProgressLine } from './progress.ts';
import { countersWanted, exitCode, progressText } from './report.ts';
import { storedStats } from './stored-stats.ts';

/** `vopr stats`: what runs were like, run now or stored. */
export async function statsCommand({ paths, run }: StatsArguments): Promise<number> {
  if (paths.length === 0) return (await runPlanted(run.mutant)) ?? (await liveStats(run));
  const stored = storedStats(paths);
  if ('fault' in stored) {
    process.stderr.write(`vopr: ${stored.fault}\n`);
    return EXIT_BAD_INPUT;
  }
  process.stdout.write(`${stored.text}\n`);
  return 0;
}

async function liveStats(run: RunArguments): Promise<number> {
  const seed = run.seed ?? BigInt(`0x${randomBytes(6).toString('hex')}`);
  const statistics = new RunStatistics();
  const progress = new ProgressLine();
  const campaign = await runCampaign({
    ...run,
    seed,
    stop: new AbortController().signal,
    onResult: (_scenario, result) => statistics.add(result),
    onProgress: (now) => progress.print(() => progressText(now, runsOf(run))),
  });
  progress.end();
  const { verdicts, failures } = statistics;
  const spreads = statistics.spreads();
  const events = campaign.seconds === 0 ? 0 : statistics.events / campaign.seconds;
  const summary = {
    seed: seed.toString(),
    scenarios: run.scenarios,
    commit: commitName(),
    runs: statistics.runs,
    verdicts,
    failures: Object.fromEntries(failures) as Record<string, number>, // SAFETY: by name.
    events: statistics.events,
    seconds: campaign.seconds,
    events_per_second: Math.round(events),
  };
  if (run.json) {
    process.stdout.write(`${JSON.stringify({ ...summary, spreads }, null, 2)}\n`);
  } else {
    const broken = [...failures].map(([what, count]) => `  ${String(count).padStart(6)}  ${what}`);
    const lines = [
      `${run.scenarios.join(', ')}: ${statistics.runs} runs from seed ${seed}, ` +
        `commit ${summary.commit}`,
      Object.entries(verdicts)
        .map(([verdict, count]) => `${verdict} ${count}`)
        .join(', '),
      ...broken,
      `${statistics.events} events in ${campaign.seconds.toFixed(1)} s of ${run.jobs} threads: ` +
        `${Math.round(events)} events/s`,
      '',
      spreadTable(spreads, new Set([...countersWanted(run.scenarios)].map(snake))),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  return exitCode(campaign);
}
