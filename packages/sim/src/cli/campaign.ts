import type { RunResult } from '../run/run-seed.ts';
import { addTotals, emptyTotals, type Totals } from '../run/totals.ts';
import { SEED_MAX } from '../std/seed-max.ts';
import { type Desk, drive } from './drive-worker.ts';
import type { Shard } from './values.ts';
import { type Job, runJob } from './worker.ts';

export interface CampaignOptions {
  readonly seed: bigint;
  readonly scenarios: readonly string[];
  /** Runs of each scenario over all shards; null for as many as the time allows. */
  readonly runs: number | null;
  /** Wall time after which no run begins any more; null for none. */
  readonly seconds: number | null;
  readonly shard: Shard;
  readonly jobs: number;
  /** Wall time that a run may take in a worker thread; RUN_SECONDS_MAX when left out. */
  readonly runSeconds?: number;
  readonly failFast: boolean;
  readonly checkDeterminism: boolean;
  /** No run begins any more once this says so, and workers end at once. */
  readonly stop: AbortSignal;
  /** Told each result as it comes. */
  readonly onResult: (scenario: string, result: RunResult) => void;
  readonly onProgress: (campaign: Campaign) => void;
}

export interface Failure {
  readonly scenario: string;
  readonly result: RunResult;
}

export interface ScenarioCounts {
  runs: number;
  failed: number;
  witnessMissing: number;
}

/** What a campaign has found so far. */
export interface Campaign {
  readonly totals: Totals;
  /** Runs without a failure, and with, by verdict. */
  readonly verdicts: Record<RunResult['verdict'], number>;
  readonly failures: Failure[];
  /** Lies told, by the command of the message that was changed. */
  readonly lies: Map<string, number>;
  /** Runs and failures of each scenario, and runs that did not see what it is about. */
  readonly scenarios: Map<string, ScenarioCounts>;
  /** It was told to stop before its end. */
  interrupted: boolean;
  /** The result of the only run, or of the latest one. */
  last: RunResult | null;
  seconds: number;
}

/**
 * Wall time after which a run is taken to hang. The longest take some tens of seconds; a loop in
 * the code that nothing simulated interrupts would otherwise hold its campaign for ever.
 */
export const RUN_SECONDS_MAX = 600;

/** Runs of this shard, over all scenarios; null for no limit. */
export function runsOf(
  options: Pick<CampaignOptions, 'runs' | 'scenarios' | 'shard'>,
): number | null {
  const { runs, scenarios, shard } = options;
  if (runs === null) return null;
  return Math.max(0, Math.ceil((runs * scenarios.length - shard.index) / shard.of));
}

/**
 * The seed and scenario of the n-th run of a shard. Scenarios take turns, so that a campaign that
 * ends early has run all of them alike; shards take every so-many-th run, so that together they
 * make up exactly the campaign without shards. Null where the seeds are used up.
 */
export function placeOf(
  options: Pick<CampaignOptions, 'seed' | 'scenarios' | 'shard'>,
  run: number,
): { readonly seed: bigint; readonly scenario: string } | null {
  const { seed, scenarios, shard } = options;
  const place = shard.index + run * shard.of;
  const scenario = scenarios[place % scenarios.length] ?? 'swarm';
  const offset = BigInt(Math.floor(place / scenarios.length));
  return seed + offset > SEED_MAX ? null : { seed: seed + offset, scenario };
}

/** Runs seeds one after another, or spread over worker threads. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const campaign: Campaign = {
    totals: emptyTotals(),
    verdicts: { ok: 0, crash: 0, liveness: 0, correctness: 0 },
    failures: [],
    lies: new Map(),
    scenarios: new Map(options.scenarios.map((name) => [name, noCounts()])),
    interrupted: false,
    last: null,
    seconds: 0,
  };
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;
  const limit = runsOf(options);
  let next = 0;
  const take = (): Job | null => {
    if (options.stop.aborted) return null;
    if (options.failFast && campaign.failures.length > 0) return null;
    if (limit !== null && next >= limit) return null;
    if (options.seconds !== null && elapsed() >= options.seconds) return null;
    const place = placeOf(options, next);
    if (place === null) return null;
    next += 1;
    return { ...place, checkDeterminism: options.checkDeterminism };
  };
  const put = ({ scenario }: Job, result: RunResult): void => {
    addResult(campaign, scenario, result);
    campaign.seconds = elapsed();
    options.onResult(scenario, result);
    options.onProgress(campaign);
  };
  if (options.jobs === 1) {
    for (let job = take(); job !== null; job = take()) {
      put(job, runJob(job));
      // A signal is heard between two runs.
      await new Promise(setImmediate);
    }
  } else {
    const workers = Math.min(options.jobs, limit ?? options.jobs);
    const desk: Desk = { stop: options.stop, take, put };
    const seconds = options.runSeconds ?? RUN_SECONDS_MAX;
    await Promise.all(Array.from({ length: workers }, () => drive(desk, seconds)));
  }
  campaign.interrupted = options.stop.aborted;
  campaign.failures.sort((first, other) => (first.result.seed < other.result.seed ? -1 : 1));
  return campaign;
}

function addResult(campaign: Campaign, scenario: string, result: RunResult): void {
  campaign.verdicts[result.verdict] += 1;
  const counts = campaign.scenarios.get(scenario) ?? noCounts();
  counts.runs += 1;
  counts.witnessMissing += result.totals.witnessMissing;
  campaign.scenarios.set(scenario, counts);
  addTotals(campaign.totals, result.totals);
  for (const [command, count] of Object.entries(result.lies)) {
    campaign.lies.set(command, (campaign.lies.get(command) ?? 0) + count);
  }
  campaign.last = result;
  if (result.verdict === 'ok') return;
  counts.failed += 1;
  campaign.failures.push({ scenario, result });
}

function noCounts(): ScenarioCounts {
  return { runs: 0, failed: 0, witnessMissing: 0 };
}
