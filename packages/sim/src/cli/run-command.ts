import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { bundleOf } from '../explain/bundle.ts';
import { diagnose, diagnosisText } from '../explain/diagnose.ts';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import type { RunArguments } from './arguments.ts';
import { type StoredBundle, storeBundle } from './bundle-file.ts';
import { makeFolder, removeEmpty } from './bundle-folder.ts';
import { type Campaign, type Failure, runCampaign, runsOf } from './campaign.ts';
import { commitName } from './commit.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { LineWriter } from './lines.ts';
import { runPlanted } from './planted.ts';
import { ProgressLine } from './progress.ts';
import {
  beginText,
  campaignJson,
  exitCode,
  failureText,
  liesText,
  progressText,
  type ReportContext,
  scenariosText,
  totalsText,
  unseenScenarios,
} from './report.ts';

/** One Ctrl-C may come twice: from the terminal, and from the process that planted a bug. */
const SAME_INTERRUPT_MILLIS = 500;

/** Failures that are explained at once; the others have their bundles. */
const EXPLAINED_MAX = 3;

/** `vopr run`; returns the exit code. */
export async function runCommand(run: RunArguments): Promise<number> {
  // A failure is worth hours: where it could not be kept is said before them, not after.
  const made = run.bundles === null ? [] : makeFolder(run.bundles);
  if ('fault' in made) {
    process.stderr.write(`vopr: --bundles ${run.bundles}: ${made.fault}\n`);
    return EXIT_BAD_INPUT;
  }
  const code = (await runPlanted(run.mutant)) ?? (await runHere(run));
  removeEmpty(made);
  return code;
}

async function runHere(run: RunArguments): Promise<number> {
  const { scenarios, mutant } = run;
  const context = { seed: run.seed ?? freshSeed(), scenarios, mutant, commit: commitName() };
  if (run.trace) printTrace(scenarios[0] ?? 'swarm', context.seed);
  const progress = new ProgressLine();
  const bundles = new Map<string, StoredBundle>();
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort();
    // The next one ends the process as usual.
    setTimeout(() => process.removeListener('SIGINT', interrupt), SAME_INTERRUPT_MILLIS).unref();
  };
  process.on('SIGINT', interrupt);
  // Said before anything can end the process: a fresh seed would be lost with it.
  const several = runsOf(run) !== 1;
  if (several || scenarios.length > 1)
    process.stderr.write(`vopr: ${beginText(run, context.seed)}\n`);
  const campaign = await runCampaign({
    ...run,
    seed: context.seed,
    stop: stop.signal,
    onResult: (scenario, result) => {
      const stored = leaveBundle({ scenario, result }, run, context);
      if (stored !== null) bundles.set(keyOf({ scenario, result }), stored);
    },
    onProgress: (now) => {
      if (several) progress.print(() => progressText(now, runsOf(run)));
    },
  });
  if (!stop.signal.aborted) process.removeListener('SIGINT', interrupt);
  progress.end();
  const text = run.json
    ? campaignJson(campaign, context)
    : campaignText(campaign, run, { context, bundles });
  process.stdout.write(`${text}\n`);
  if (run.json) sayUnwritten(bundles);
  return exitCode(campaign);
}

/** For who reads JSON, which has no bundles. */
function sayUnwritten(bundles: ReadonlyMap<string, StoredBundle>): void {
  for (const [key, stored] of bundles) {
    if ('fault' in stored) process.stderr.write(`vopr: no bundle of ${key}: ${stored.fault}\n`);
  }
}

/** Writes the bundle of a failure; null where none is wanted. */
function leaveBundle(
  failure: Failure,
  run: RunArguments,
  context: ReportContext,
): StoredBundle | null {
  const bundle = run.bundles === null ? null : failureBundle(failure, context);
  if (bundle === null || run.bundles === null) return null;
  return storeBundle(run.bundles, bundle);
}

function failureBundle(
  { scenario, result }: Failure,
  { commit, mutant }: ReportContext,
): ReturnType<typeof bundleOf> {
  const options = scenarioOptions(scenario, result.seed);
  if (options === null || result.traceHash === '') return null;
  return bundleOf(result, { commit, mutant, scenario, options, removed: NOTHING_REMOVED });
}

function keyOf({ scenario, result }: Failure): string {
  return `${scenario} seed ${result.seed}`;
}

interface Report {
  readonly context: ReportContext;
  /** Bundles, by scenario and seed. */
  readonly bundles: ReadonlyMap<string, StoredBundle>;
}

function campaignText(campaign: Campaign, run: RunArguments, report: Report): string {
  const { context } = report;
  const { last, totals, failures } = campaign;
  const lines = failures.map((failure, at) => failureLines(failure, at, report));
  if (totals.runs === 1 && last !== null && failures.length === 0) {
    lines.push(
      `ok: ${last.message}; seed ${last.seed}, trace ${last.traceHash}`,
      `  ${last.options}`,
    );
  }
  if (context.scenarios.length > 1) lines.push(scenariosText(campaign));
  const unseen = unseenScenarios(campaign);
  if (unseen.length > 0) lines.push(`no run saw what it is about: ${unseen.join(', ')}`);
  if (campaign.lies.size > 0) lines.push('lies', liesText(campaign));
  lines.push('totals', totalsText(campaign), endText(campaign, run, context));
  return lines.join('\n');
}

function endText(campaign: Campaign, run: RunArguments, context: ReportContext): string {
  const { runs, shard } = run;
  const seeds =
    runs === null
      ? `seeds from ${context.seed}`
      : `seeds ${context.seed} to ${context.seed + BigInt(runs) - 1n}`;
  const share = shard.of === 1 ? '' : `, share ${shard.index + 1} of ${shard.of}`;
  const progress = progressText(campaign, runsOf(run));
  const ended = campaign.interrupted ? 'interrupted: ' : '';
  return `${ended}${progress}, ${seeds}${share}, commit ${context.commit}`;
}

function failureLines(failure: Failure, at: number, { context, bundles }: Report): string {
  const stored = bundles.get(keyOf(failure));
  const lines = [failureText(failure, context)];
  const bundle = at < EXPLAINED_MAX ? failureBundle(failure, context) : null;
  if (bundle !== null) lines.push(diagnosisText(diagnose(bundle)).replace(/^/gm, '  '));
  if (stored !== undefined) lines.push(...bundleLines(stored));
  return lines.join('\n');
}

function bundleLines(stored: StoredBundle): string[] {
  if ('fault' in stored) return [`  no bundle: ${stored.fault}`];
  const { path } = stored;
  return [
    `  bundle: ${path}`,
    `  no way back from which event: npx vopr bisect ${path}`,
    `  the smallest run: npx vopr minimize ${path}`,
  ];
}

function printTrace(scenario: string, seed: bigint): void {
  const simulation = scenarioOptions(scenario, seed);
  if (simulation === null) return;
  const lines = new LineWriter();
  runSeed({ seed, simulation, log: (line) => lines.write(line) });
  lines.flush();
}

/** A seed that was most likely never run: 48 random bits. */
function freshSeed(): bigint {
  return BigInt(`0x${randomBytes(6).toString('hex')}`);
}
