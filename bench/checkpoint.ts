/**
 * `npm run bench:checkpoint -- [--seconds N]`: what a put takes while a checkpoint is written, and
 * what it takes otherwise, in turns that the checkpoints themselves decide. Prints JSON.
 */
import { parseArgs } from 'node:util';
import { isCheckpointing, LocalCluster } from './lib/local-cluster.ts';
import { quantile, rounded } from './lib/statistics.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    callers: { type: 'string', default: '64' },
    keys: { type: 'string', default: '1000000' },
    'value-size': { type: 'string', default: '256' },
  },
});
const callers = Number(values.callers);
const keys = Number(values.keys);
const value = '.'.repeat(Number(values['value-size']));

const cluster = await LocalCluster.start('checkpoint');
const client = cluster.client();
const during: number[] = [];
const otherwise: number[] = [];
try {
  const end = performance.now() + Number(values.seconds) * 1000;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < end) {
        const begun = performance.now();
        const before = cluster.states().some(isCheckpointing);
        await client.put(`key ${Math.floor(Math.random() * keys)}`, value);
        const both = before || cluster.states().some(isCheckpointing);
        (both ? during : otherwise).push(performance.now() - begun);
      }
    }),
  );
  const report = { during: summary(during), otherwise: summary(otherwise) };
  const ratio = report.during.p99Millis / report.otherwise.p99Millis;
  const [state] = cluster.states();
  const facts = { callers, checkpointOp: state?.checkpointOp ?? 0, op: state?.op ?? 0 };
  process.stdout.write(
    `${JSON.stringify({ ...facts, ...report, p99Ratio: rounded(ratio, 2) }, null, 2)}\n`,
  );
} finally {
  await client.close();
  await cluster.close();
}

function summary(latencies: number[]): {
  readonly count: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
} {
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    p50Millis: rounded(quantile(sorted, 0.5), 3),
    p99Millis: rounded(quantile(sorted, 0.99), 3),
  };
}
