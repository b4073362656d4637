import { Worker } from 'node:worker_threads';
import type { RunResult } from '../run/run-seed.ts';
import { addTotals, emptyTotals, type Totals } from '../run/totals.ts';
import { type Job, runJob } from './worker.ts';

export interface CampaignOptions {
  readonly seed: bigint;
  readonly runs: number;
  readonly jobs: number;
  readonly scenario: string;
  readonly failFast: boolean;
  readonly checkDeterminism: boolean;
  readonly onProgress: (campaign: Campaign) => void;
}

/** What a campaign has found so far. */
export interface Campaign {
  readonly totals: Totals;
  /** Runs without a failure, and with, by verdict. */
  readonly verdicts: Record<RunResult['verdict'], number>;
  readonly failures: RunResult[];
  /** The result of the only run, or of the latest one. */
  last: RunResult | null;
  seconds: number;
}

/** Runs seeds one after another, or spread over worker threads. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const campaign: Campaign = {
    totals: emptyTotals(),
    verdicts: { ok: 0, crash: 0, liveness: 0, correctness: 0 },
    failures: [],
    last: null,
    seconds: 0,
  };
  const begin = performance.now();
  let next = 0;
  const take = (): Job | null => {
    const stop = options.failFast && campaign.failures.length > 0;
    if (stop || next >= options.runs) return null;
    next += 1;
    const { scenario, checkDeterminism } = options;
    return {
      seed: BigInt.asUintN(64, options.seed + BigInt(next - 1)),
      scenario,
      checkDeterminism,
    };
  };
  const put = (result: RunResult): void => {
    campaign.verdicts[result.verdict] += 1;
    if (result.verdict !== 'ok') campaign.failures.push(result);
    addTotals(campaign.totals, result.totals);
    campaign.last = result;
    campaign.seconds = (performance.now() - begin) / 1000;
    options.onProgress(campaign);
  };
  if (options.jobs === 1) {
    for (let job = take(); job !== null; job = take()) put(runJob(job));
  } else {
    const workers = Math.min(options.jobs, options.runs);
    await Promise.all(Array.from({ length: workers }, () => drive(take, put)));
  }
  campaign.failures.sort((first, other) => (first.seed < other.seed ? -1 : 1));
  return campaign;
}

/** Keeps one worker busy until there are no more seeds. */
function drive(take: () => Job | null, put: (result: RunResult) => void): Promise<void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const give = (): void => {
      const job = take();
      if (job !== null) worker.postMessage(job);
      else void worker.terminate().then(() => resolve());
    };
    worker.on('error', reject);
    worker.on('message', (result: RunResult) => {
      put(result);
      give();
    });
    give();
  });
}
