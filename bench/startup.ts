/**
 * `npm run bench:startup -- [--megabytes N]`: how long a replica takes after a `kill -9`, with some
 * state and with ten times as much, and with logs of several lengths: until it takes part again
 * (its log is read and verified: it votes and acknowledges), and until it serves what a cluster of
 * one must have executed all of its log for. Of both, what it takes whatever the log (the process,
 * the state's metadata, code that is not compiled yet), and how fast the log goes. A cluster of
 * one, so that nothing is waited for but the disk. Prints JSON.
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
import { isCheckpointing } from './lib/checkpoint-watch.ts';
import type { Child } from './lib/child.ts';
import { freePorts } from './lib/free-ports.ts';
import { startReplicaChild } from './lib/replica-child.ts';
import { median, rounded } from './lib/statistics.ts';
import { makeWorkDirectory } from './lib/work-directory.ts';

const VALUE_SIZE = 1000;
const CALLERS = 512;
/** Ops behind the checkpoint at which the replica is killed, in turns; 0: hardly any. */
const SUFFIX_OPS = [0, 0.55, 0.9].map((share) => share * CONFIG_DEFAULT.checkpointInterval);
/** Two starts say how fast the log goes when their logs differ by so many megabytes. */
const DIFFERENCE_MIN = 20;
const LOOK_MILLIS = 5;

const { values } = parseArgs({
  options: {
    /** The smaller state; the other one is ten times as large. */
    megabytes: { type: 'string', default: '100' },
    starts: { type: 'string', default: '9' },
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
  const report: Report[] = [];
  for (const megabytes of [0, Number(values.megabytes), 10 * Number(values.megabytes)]) {
    report.push(await measure(megabytes));
  }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
} finally {
  await started.at(-1)?.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** How long a start took, in seconds, and the log behind the checkpoint that it had to read. */
interface Start {
  readonly takesPart: number;
  readonly serves: number;
  readonly ops: number;
  readonly logMegabytes: number;
}

interface Pace {
  /** What a start takes whatever its log: the median. */
  readonly fixedSeconds: number;
  /** Megabytes of log a second, by the median of what more of it takes; null without any log. */
  readonly rate: number | null;
}

interface Report {
  readonly stateMegabytes: number;
  readonly fileMegabytes: number;
  readonly takesPart: Pace;
  readonly serves: Pace;
  readonly starts: readonly Start[];
}

/** Fills the file up to so much state, then kills and starts the replica a few times. */
async function measure(megabytes: number): Promise<Report> {
  const starts: Start[] = [];
  for (let turn = 0; turn < Number(values.starts); turn += 1) {
    const replica = started.at(-1) ?? (await start()).replica;
    if (megabytes > 0) {
      const keys = Math.ceil((megabytes * 1e6) / VALUE_SIZE);
      await load(replica, keys, SUFFIX_OPS[turn % SUFFIX_OPS.length] ?? 0);
    }
    const { checkpointOp } = await stateOf(replica);
    await kill(replica);
    const log = logSuffix(checkpointOp);
    const { takesPart, serves } = await start();
    starts.push({ takesPart, serves, ops: log.ops, logMegabytes: rounded(log.bytes / 1e6, 1) });
  }
  const report = {
    stateMegabytes: megabytes,
    fileMegabytes: rounded(statSync(path).size / 1e6, 1),
    takesPart: paceOf(starts, 'takesPart'),
    serves: paceOf(starts, 'serves'),
    starts,
  };
  say(JSON.stringify(report));
  return report;
}

/** From what every two starts with logs of different lengths say, as single ones vary. */
function paceOf(starts: readonly Start[], what: 'takesPart' | 'serves'): Pace {
  const slopes: number[] = [];
  for (const [index, first] of starts.entries()) {
    for (const other of starts.slice(index + 1)) {
      const more = other.logMegabytes - first.logMegabytes;
      if (Math.abs(more) > DIFFERENCE_MIN) slopes.push((other[what] - first[what]) / more);
    }
  }
  const slope = slopes.length > 0 ? median(slopes) : 0;
  const fixed = starts.map((each) => each[what] - slope * each.logMegabytes);
  return {
    fixedSeconds: rounded(median(fixed), 3),
    rate: slope > 0 ? rounded(1 / slope, 0) : null,
  };
}

/** New keys until there are so many, then old ones until the log has that many ops. */
async function load(replica: Child, keys: number, suffixOps: number): Promise<void> {
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
  const { op: filled } = await stateOf(replica);
  let enough = false;
  const rewriting = callers(async () => {
    while (!enough) await put(Math.ceil(Math.random() * keys));
  });
  while (!enough) {
    const state = await look(replica);
    // All of the log is of keys in no order. While a checkpoint is made, the log goes on.
    const isMaking = isCheckpointing(state);
    const isLong = !isMaking && state.op - state.checkpointOp >= suffixOps;
    enough = state.checkpointOp >= filled && (suffixOps === 0 ? isMaking : isLong);
  }
  await rewriting;
  while (isCheckpointing(await look(replica))) {
    // Each turn looks again.
  }
  await client.close();
}

async function look(replica: Child): Promise<State> {
  await pause(LOOK_MILLIS);
  return await stateOf(replica);
}

/** The replica's process, once the replica serves, and how long it took. */
async function start(): Promise<Pick<Start, 'takesPart' | 'serves'> & { replica: Child }> {
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
  const begun = performance.now();
  const replica = startReplicaChild({ name: 'the replica', configuration, logFile });
  started.push(replica);
  let takesPart: number | null = null;
  for (;;) {
    const state = await Promise.race([stateOf(replica), replica.failed()]);
    const seconds = rounded((performance.now() - begun) / 1000, 3);
    if (state.status !== 'recovering') takesPart ??= seconds;
    if (takesPart !== null && state.status === 'normal' && state.commitMin === state.op) {
      return { replica, takesPart, serves: seconds };
    }
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
