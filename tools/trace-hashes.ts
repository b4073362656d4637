/**
 * Prints the trace hash of each of some runs, one a line: `node trace-hashes.ts FIRST_SEED RUNS`.
 * Started by `tools/determinism.ts` under several versions of Node.
 */
import { runSeed, scenarioOptions } from '@kimberlite/sim';

const SCENARIOS = ['swarm', 'storage_faults', 'duelling_views'] as const;

const [first = '1', runs = '3'] = process.argv.slice(2);
for (let at = 0n; at < BigInt(runs); at += 1n) {
  const seed = BigInt(first) + at;
  for (const scenario of SCENARIOS) {
    const simulation = scenarioOptions(scenario, seed);
    if (simulation === null) throw new Error(`there is no scenario ${scenario}`);
    const { verdict, traceHash } = runSeed({ seed, simulation });
    process.stdout.write(`${scenario} ${seed} ${verdict} ${traceHash}\n`);
  }
}
