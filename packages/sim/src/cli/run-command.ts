import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import type { RunArguments } from './arguments.ts';
import { type Campaign, runCampaign } from './campaign.ts';
import { campaignJson, exitCode, failureText, progressText, totalsText } from './report.ts';

/** `vopr run`; returns the exit code. */
export async function runCommand(run: RunArguments): Promise<number> {
  const seed = run.seed ?? freshSeed();
  const commit = commitName();
  if (run.trace) printTrace(run.scenario, seed);
  const show = progressPrinter(run);
  const campaign = await runCampaign({ ...run, seed, onProgress: show.print });
  show.end();
  if (run.json) {
    process.stdout.write(`${campaignJson(campaign, { seed, scenario: run.scenario, commit })}\n`);
  } else {
    process.stdout.write(`${text(campaign, run, { seed, commit })}\n`);
  }
  return exitCode(campaign);
}

function text(
  campaign: Campaign,
  run: RunArguments,
  { seed, commit }: { readonly seed: bigint; readonly commit: string },
): string {
  const lines = campaign.failures.map((failure) => failureText(failure, run.scenario, commit));
  const { last, totals, failures } = campaign;
  if (run.runs === 1 && last !== null && failures.length === 0) {
    lines.push(
      `ok: ${last.message}; seed ${last.seed}, trace ${last.traceHash}`,
      `  ${last.options}`,
    );
  }
  lines.push('totals', totalsText(totals));
  const end = seed + BigInt(run.runs) - 1n;
  lines.push(`${progressText(campaign, run.runs)}, seeds ${seed} to ${end}, commit ${commit}`);
  return lines.join('\n');
}

function printTrace(scenario: string, seed: bigint): void {
  const simulation = scenarioOptions(scenario, seed);
  if (simulation === null) return;
  runSeed({ seed, simulation, log: (line) => process.stdout.write(`${line}\n`) });
}

const PROGRESS_TERMINAL_SECONDS = 0.2;
const PROGRESS_FILE_SECONDS = 15;

function progressPrinter(run: RunArguments): {
  readonly print: (campaign: Campaign) => void;
  readonly end: () => void;
} {
  const terminal = process.stderr.isTTY;
  const pause = terminal ? PROGRESS_TERMINAL_SECONDS : PROGRESS_FILE_SECONDS;
  let shownAt = 0;
  const print = (campaign: Campaign): void => {
    if (run.runs === 1 || campaign.seconds - shownAt < pause) return;
    shownAt = campaign.seconds;
    const line = progressText(campaign, run.runs);
    process.stderr.write(terminal ? `\r${line} ` : `${line}\n`);
  };
  const end = (): void => {
    if (terminal && shownAt > 0) process.stderr.write('\n');
  };
  return { print, end };
}

/** A seed that was most likely never run: 48 random bits. */
function freshSeed(): bigint {
  return BigInt(`0x${randomBytes(6).toString('hex')}`);
}

/** The commit of the sources, with a plus when they were changed since; `unknown` outside git. */
function commitName(): string {
  const cwd = new URL('.', import.meta.url);
  const git = (...args: string[]): string => {
    const done = spawnSync('git', args, { cwd, encoding: 'utf8' });
    return done.status === 0 ? done.stdout.trim() : '';
  };
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (commit === '') return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`;
}
