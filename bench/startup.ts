/**
 * `npm run bench:startup -- [--megabytes N]`: how long a replica takes to serve again after a
 * `kill -9`, with some state and with ten times as much, beside the bytes of the log that this very
 * start had to read and replay, and how fast that was: what a start without a log takes in the same
 * run is left out of it. A cluster of one, so that nothing is waited for but the disk. Prints JSON.
 */
import { once } from 'node:events';
import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from '@kimberlite/client';
import { createKernel } from '@kimberlite/kernel';
import { formatDataFile, isFault, randomU128, type StatusRecord, sha256 } from '@kimberlite/server';
import { CONFIG_DEFAULT, decodeHeader, HEADER_SIZE, zoneOffset } from '@kimberlite/vsr';
import type { Child } from './lib/child.ts';
import { freePorts } from './lib/free-ports.ts';
import { startReplicaChild } from './lib/replica-child.ts';
import { median, rounded } from './lib/statistics.ts';
import { makeWorkDirectory } from './lib/work-directory.ts';

const VALUE_SIZE = 1000;
const CALLERS = 512;
/** Ops behind the checkpoint at which the replica is killed: half of an interval. */
const SUFFIX_OPS = CONFIG_DEFAULT.checkpointInterval / 2;
const LOOK_MILLIS = 2;

const { values } = parseArgs({
  options: {
    /** The smaller state; the other one is ten times as large. */
    megabytes: { type: 'string', default: '100' },
    starts: { type: 'string', default: '5' },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);

type State = StatusRecord['state'];

const directory = makeWorkDirectory('startup');
const cluster = randomU128();
const path = join(directory, '0.data');
const [clientPort, peerPort] = await freePorts(2);
const started: Child[] = [];
let written = 0;
try {
  const file = { path, config: CONFIG_DEFAULT, cluster, slot: 0, replicaCount: 1 };
  const made = await formatDataFile({ ...file, stateMachine: createKernel() });
  if (isFault(made)) throw new Error(made.message);
  const empty = await measure(0, 0);
  const report = [empty];
  for (const megabytes of [Number(values.megabytes), 10 * Number(values.megabytes)]) {
    report.push(await measure(megabytes, empty.startSeconds));
  }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
} finally {
  await started.at(-1)?.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** A start, and the log behind the checkpoint that it had to read and replay. */
interface Start {
  readonly seconds: number;
  readonly ops: number;
  readonly logMegabytes: number;
  /** Of the log, in megabytes a second, by what the start took above an empty one. */
  readonly rate: number | null;
}

interface Report {
  readonly stateMegabytes: number;
  readonly fileMegabytes: number;
  /** Medians. */
  readonly startSeconds: number;
  readonly rate: number | null;
  readonly starts: readonly Start[];
}

/**
 * Fills the file up to so much state, then kills and starts the replica a few times, each time with
 * a log of its own; `emptySeconds` is what a start without a log takes.
 */
async function measure(megabytes: number, emptySeconds: number): Promise<Report> {
  const starts: Start[] = [];
  for (let turn = 0; turn < Number(values.starts); turn += 1) {
    const replica = started.at(-1) ?? (await start());
    if (megabytes > 0) await load(replica, Math.ceil((megabytes * 1e6) / VALUE_SIZE));
    const { checkpointOp } = await stateOf(replica);
    await kill(replica);
    const log = logSuffix(checkpointOp);
    const begun = performance.now();
    await start();
    const seconds = (performance.now() - begun) / 1000;
    const rate = log.bytes / 1e6 / (seconds - emptySeconds);
    starts.push({
      seconds: rounded(seconds, 3),
      ops: log.ops,
      logMegabytes: rounded(log.bytes / 1e6, 1),
      rate: megabytes > 0 ? rounded(rate, 0) : null,
    });
  }
  const rates = starts.flatMap(({ rate }) => rate ?? []);
  const report = {
    stateMegabytes: megabytes,
    fileMegabytes: rounded(statSync(path).size / 1e6, 1),
    startSeconds: rounded(median(starts.map(({ seconds }) => seconds)), 3),
    rate: rates.length > 0 ? median(rates) : null,
    starts,
  };
  say(JSON.stringify(report));
  return report;
}

/** New keys until there are so many, then old ones until the log is long enough. */
async function load(replica: Child, keys: number): Promise<void> {
  const client = new Client({ endpoints: [`127.0.0.1:${clientPort}`], cluster });
  const put = async (n: number): Promise<void> => {
    await client.put(`key ${String(n).padStart(9, '0')}`, '.'.repeat(VALUE_SIZE));
  };
  const callers = (call: () => Promise<void>): Promise<unknown> =>
    Promise.all(Array.from({ length: CALLERS }, call));
  await callers(async () => {
    while (written < keys) {
      written += 1;
      if (written % 100_000 === 0) say(`${written} keys`);
      await put(written);
    }
  });
  let enough = false;
  const rewriting = callers(async () => {
    while (!enough) await put(Math.ceil(Math.random() * keys));
  });
  while (!enough) {
    await pause(LOOK_MILLIS);
    const { op, checkpointOp } = await stateOf(replica);
    const behind = op - checkpointOp;
    enough = behind >= SUFFIX_OPS && behind < CONFIG_DEFAULT.checkpointInterval;
  }
  await rewriting;
  await client.close();
}

/** The replica's process, once the replica serves. */
async function start(): Promise<Child> {
  const configuration = {
    'data-file': path,
    cluster: cluster.toString(),
    replica: '0',
    addresses: `127.0.0.1:${peerPort}`,
    'client-address': `127.0.0.1:${clientPort}`,
    'peer-address': `127.0.0.1:${peerPort}`,
    'http-address': 'off',
  };
  const logFile = join(directory, 'log');
  const child = startReplicaChild({ name: 'the replica', configuration, logFile });
  started.push(child);
  for (;;) {
    const state = await Promise.race([stateOf(child), child.failed()]);
    if (state.status === 'normal' && state.commitMin === state.op) return child;
    await pause(LOOK_MILLIS);
  }
}

async function stateOf(replica: Child): Promise<State> {
  const answer = once(replica.process, 'message');
  replica.process.send('state');
  const [state] = await answer;
  return state as State; // SAFETY: replica-process.ts answers so.
}

async function kill(replica: Child): Promise<void> {
  replica.process.kill('SIGKILL');
  await once(replica.process, 'exit');
}

/** Ops above the checkpoint in the log of the file, and their bytes. */
function logSuffix(checkpointOp: number): { readonly ops: number; readonly bytes: number } {
  const headers = new Uint8Array(CONFIG_DEFAULT.walSlots * HEADER_SIZE);
  const file = openSync(path, 'r');
  readSync(file, headers, 0, headers.length, zoneOffset(CONFIG_DEFAULT, 'wal_headers'));
  closeSync(file);
  let ops = 0;
  let bytes = 0;
  for (let at = 0; at < headers.length; at += HEADER_SIZE) {
    const header = decodeHeader(headers.subarray(at, at + HEADER_SIZE), sha256);
    if (typeof header === 'string' || header.command !== 'prepare') continue;
    if (header.op <= checkpointOp) continue;
    ops += 1;
    bytes += header.size;
  }
  return { ops, bytes };
}
