import { parentPort } from 'node:worker_threads';
import { type RunResult, runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { nativeSha256 } from './native-sha256.ts';

/** One seed to run. */
export interface Job {
  readonly seed: bigint;
  readonly scenario: string;
  readonly checkDeterminism: boolean;
}

/** Runs one seed of a scenario, twice when asked, in which case the traces must be the same. */
export function runJob(job: Job): RunResult {
  const first = runOnce(job);
  if (!job.checkDeterminism) return first;
  const other = runOnce(job);
  if (first.traceHash === other.traceHash && first.verdict === other.verdict) return first;
  const message = `two runs of one seed differ: ${first.traceHash} and ${other.traceHash}`;
  return { ...first, verdict: 'correctness', message };
}

function runOnce({ seed, scenario }: Job): RunResult {
  const simulation = scenarioOptions(scenario, seed);
  if (simulation === null) throw new Error(`there is no scenario '${scenario}'`);
  return runSeed({ seed, simulation, sha256: nativeSha256 });
}

parentPort?.on('message', (job: Job) => {
  parentPort?.postMessage(runJob(job));
});
