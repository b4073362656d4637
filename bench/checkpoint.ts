/**
 * `npm run bench:checkpoint -- [--seconds N] [--replicas N]`: what a put takes while some replica
 * makes a checkpoint, and what it takes otherwise, in turns that the checkpoints themselves decide;
 * and how many bytes a replica writes for each that is put. Each replica is a process, three by
 * default. Prints JSON.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from '@kimberlite/client';
import { type CheckpointSpan, CheckpointWatch } from './lib/checkpoint-watch.ts';
import type { Child } from './lib/child.ts';
import { startKimberlite } from './lib/kimberlite-system.ts';
import { quantile, rounded } from './lib/statistics.ts';
import { makeWorkDirectory } from './lib/work-directory.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    replicas: { type: 'string', default: '3' },
    callers: { type: 'string', default: '64' },
    keys: { type: 'string', default: '1000000' },
    'value-size': { type: 'string', default: '256' },
  },
});
const callers = Number(values.callers);
const keys = Number(values.keys);
const value = '.'.repeat(Number(values['value-size']));

const KEY_DIGITS = 10;
const LOOK_MILLIS = 50;

/** Milliseconds since the epoch at which a put began, and those that it took. */
interface Put {
  readonly begun: number;
  readonly millis: number;
}

const directory = makeWorkDirectory('checkpoint');
const children: Child[] = [];
try {
  const system = await startKimberlite({
    directory: join(directory, 'kimberlite'),
    size: 'default',
    replicas: Number(values.replicas),
    nodeFlags: [],
    http: true,
    started: (child) => children.push(child),
  });
  const { target } = system;
  if (target.kind !== 'kimberlite') throw new Error('replicas of this repository');
  const failed = Promise.race(system.members.map((member) => member.failed()));
  await Promise.race([serving(system.httpAddresses), failed]);
  const client = new Client({ endpoints: target.endpoints, cluster: BigInt(target.cluster) });
  await client.put('the cluster', 'serves');
  const watch = new CheckpointWatch(system.members);
  const before = await bytesWritten(system.httpAddresses);
  const puts = await Promise.race([load(client), failed]);
  const written = ((await bytesWritten(system.httpAddresses)) - before) / system.members.length;
  await client.close();
  const result = { ...report(puts, watch.spans()), ...writeReport(puts.length, written) };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await Promise.all(children.map((child) => child.stop()));
  rmSync(directory, { recursive: true, force: true });
}

/** Until all replicas answer that they may serve. */
async function serving(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    while (!(await isReady(address))) await pause(LOOK_MILLIS);
  }
}

async function isReady(address: string): Promise<boolean> {
  try {
    return (await fetch(`http://${address}/readyz`)).ok;
  } catch {
    return false; // It does not listen yet.
  }
}

async function load(client: Client): Promise<Put[]> {
  const puts: Put[] = [];
  const end = performance.now() + Number(values.seconds) * 1000;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < end) {
        const begun = performance.now();
        await client.put(keyOf(Math.floor(Math.random() * keys)), value);
        puts.push({ begun: performance.timeOrigin + begun, millis: performance.now() - begun });
      }
    }),
  );
  return puts.sort((first, other) => first.begun - other.begun);
}

/** All of one length. */
function keyOf(index: number): string {
  return `key ${String(index).padStart(KEY_DIGITS, '0')}`;
}

/** What all replicas have written to their files, the log and the zeros ahead of need included. */
async function bytesWritten(addresses: readonly string[]): Promise<number> {
  const counts = addresses.map(async (address) => {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    return Number(/^vsr_storage_io_bytes_total\{kind="write"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

function writeReport(count: number, written: number): object {
  const bytesPut = count * (keyOf(0).length + value.length);
  return {
    bytesPut,
    bytesWritten: Math.round(written),
    writtenPerByte: rounded(written / bytesPut, 2),
  };
}

/** Both are in the order of time. */
function report(puts: readonly Put[], spans: readonly CheckpointSpan[]): object {
  const during: number[] = [];
  const otherwise: number[] = [];
  let next = 0;
  for (const { begun, millis } of puts) {
    while ((spans[next]?.to ?? Number.POSITIVE_INFINITY) < begun) next += 1;
    const span = spans[next];
    const overlaps = span !== undefined && span.from <= begun + millis;
    (overlaps ? during : otherwise).push(millis);
  }
  const [slow, calm] = [summary(during), summary(otherwise)];
  const making = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  return {
    replicas: Number(values.replicas),
    callers,
    seconds: Number(values.seconds),
    checkpoints: spans.length,
    secondsMaking: rounded(making / 1000, 3),
    during: slow,
    otherwise: calm,
    p99Ratio: rounded(slow.p99Millis / calm.p99Millis, 2),
  };
}

function summary(latencies: number[]): {
  readonly count: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly longestMillis: number;
} {
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    p50Millis: rounded(quantile(sorted, 0.5), 3),
    p99Millis: rounded(quantile(sorted, 0.99), 3),
    longestMillis: rounded(sorted.at(-1) ?? Number.NaN, 3),
  };
}
