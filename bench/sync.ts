/**
 * `npm run bench:sync -- [--megabytes N] [--callers N]`: how much of the state moves when a replica
 * was down while a hundredth of the keys changed, and how long a start takes with all of it. With
 * callers, also how long it takes while they go on putting. Bytes are those of the network: a busy
 * machine changes the times alone.
 */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Client } from '@kimberlite/client';
import { CONFIG_DEFAULT } from '@kimberlite/vsr';
import { LocalCluster } from './lib/local-cluster.ts';
import { RestingFile } from './lib/missing-blocks.ts';
import { RunningLoad } from './lib/running-load.ts';

/** The one that is down. */
const DOWN = 2;
const VALUE_SIZE = 1000;
const CALLERS = 512;

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    /** Share of the keys that changes while the replica is down. */
    changed: { type: 'string', default: '0.01' },
    /** Load while a replica comes back; none by default. */
    callers: { type: 'string', default: '0' },
  },
});
const keys = Math.ceil((Number(values.megabytes) * 1e6) / VALUE_SIZE);
const changed = Math.ceil(keys * Number(values.changed));
const randomly = (n: number): number => (n * 7_368_787 + 11) % keys;
/** Which keys change: in no order, or neighbours. */
const CHANGES: readonly (readonly [string, (n: number) => number])[] = [
  ['random', randomly],
  ['clustered', (n) => Math.floor(keys / 3) + n],
];
/** For the rate of puts with one replica down. */
const BEFORE_MILLIS = 5000;
/** A replica is level under load when it is no further behind than this many ops. */
const LEVEL_OPS = CONFIG_DEFAULT.pipelineMax * 4;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const cluster = await LocalCluster.start('sync');
const client = cluster.client();
try {
  await measure();
} finally {
  await client.close();
  await cluster.close();
}

async function measure(): Promise<void> {
  say(`${keys} keys of ${VALUE_SIZE} bytes`);
  await put(client, keys, (n) => n);
  await nextCheckpoint();
  await cluster.level();
  const report = [];
  for (const [name, pick] of CHANGES) {
    const entry = await fallBehind(name, pick);
    say(JSON.stringify(entry));
    report.push(entry);
  }
  const callers = Number(values.callers);
  const loaded = callers > 0 ? await comeBackUnderLoad(callers) : null;
  if (loaded !== null) say(JSON.stringify(loaded));
  await cluster.stopReplica(DOWN);
  const begun = performance.now();
  await cluster.startReplica(DOWN);
  await cluster.level();
  const seconds = (performance.now() - begun) / 1000;
  say(`a start with all of it: ${seconds.toFixed(2)} s`);
  const result = { sync: report, underLoad: loaded, startSeconds: seconds };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}

/** Keys change while the replica is down; what it then fetches. */
async function fallBehind(
  name: string,
  pick: (n: number) => number,
): Promise<Readonly<Record<string, unknown>>> {
  await cluster.stopReplica(DOWN);
  await put(client, changed, pick);
  await nextCheckpoint();
  // At rest what is on the disks is what a replica that starts now is given.
  await cluster.level();
  const choices = missingBlocks();
  const begun = performance.now();
  await cluster.startReplica(DOWN);
  const target = await syncTarget();
  await cluster.level();
  const seconds = (performance.now() - begun) / 1000;
  const moved = await bytesReceived();
  const choice = choices.find(({ op }) => op === target);
  const missingBytes = (choice?.missing ?? 0) * CONFIG_DEFAULT.blockSize;
  return {
    changed: name,
    bytesChanged: changed * VALUE_SIZE,
    stateBlocks: choice?.blocks ?? null,
    missingBlocks: choice?.missing ?? null,
    missingBytes,
    blockBytesReceived: moved.block,
    allBytesReceived: moved.all,
    ratio: moved.block / missingBytes,
    seconds,
  };
}

/** Keys change while the replica is down, and go on changing while it comes back. */
async function comeBackUnderLoad(callers: number): Promise<Readonly<Record<string, unknown>>> {
  await cluster.stopReplica(DOWN);
  await put(client, changed, randomly);
  await nextCheckpoint();
  const load = new RunningLoad(callers, async () => {
    const key = `key ${String(Math.floor(Math.random() * keys)).padStart(9, '0')}`;
    await client.put(key, 'under load '.padEnd(VALUE_SIZE, '.'));
  });
  const before = await load.during(() => pause(BEFORE_MILLIS));
  const during = await load.during(comeBack);
  await load.end();
  await cluster.level();
  const moved = await bytesReceived();
  return {
    callers,
    seconds: during.seconds,
    targets: during.value.length,
    blockBytesReceived: moved.block,
    putsASecondBefore: before.rate,
    putsASecondDuring: during.rate,
  };
}

/** The replica starts, and is level; the ops of the checkpoints that it fetched, in order. */
async function comeBack(): Promise<number[]> {
  const targets: number[] = [];
  await cluster.startReplica(DOWN);
  for (;;) {
    const state = cluster.state(DOWN);
    if (state?.syncing === true && targets.at(-1) !== state.checkpointOp) {
      targets.push(state.checkpointOp);
      say(`fetches the checkpoint of op ${state.checkpointOp}`);
    }
    const head = Math.max(...cluster.states().map(({ commitMax }) => commitMax));
    const isLevel = state?.status === 'normal' && !state.syncing && state.blocksMissing === 0;
    if (isLevel && targets.length > 0 && head - state.commitMin <= LEVEL_OPS) return targets;
    await turn();
  }
}

/** For both checkpoints that a peer may give: how many of its blocks the file lacks. */
function missingBlocks(): {
  readonly op: number;
  readonly blocks: number;
  readonly missing: number;
}[] {
  const peer = new RestingFile(cluster.path(0), CONFIG_DEFAULT);
  const own = new RestingFile(cluster.path(DOWN), CONFIG_DEFAULT);
  try {
    const { checkpoint, checkpointPrevious } = peer.superblock;
    return [checkpoint, checkpointPrevious].map((record) => {
      return { op: record.op, ...peer.missingIn(own, record) };
    });
  } finally {
    peer.close();
    own.close();
  }
}

async function put(to: Client, count: number, pick: (n: number) => number): Promise<void> {
  const round = Math.random().toString(36);
  let next = 0;
  const call = async (): Promise<void> => {
    while (next < count) {
      const n = pick(next);
      next += 1;
      if (next % 50_000 === 0) say(`${next} put`);
      const key = `key ${String(n).padStart(9, '0')}`;
      await to.put(key, `${n} ${round} `.padEnd(VALUE_SIZE, '.'));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
}

/** Ops of one key until a checkpoint above all that was written is proven. */
async function nextCheckpoint(): Promise<void> {
  const { checkpointInterval } = CONFIG_DEFAULT;
  const head = (): number => Math.max(...cluster.states().map(({ op }) => op));
  const wanted = (Math.ceil(head() / checkpointInterval) + 0.6) * checkpointInterval;
  while (head() < wanted) await client.put('tick', 'tock');
}

/** The checkpoint that the replica takes over, once it has begun to. */
async function syncTarget(): Promise<number> {
  for (;;) {
    const state = cluster.state(DOWN);
    if (state?.syncing === true) return state.checkpointOp;
    const head = Math.max(...cluster.states().map(({ op }) => op));
    if (state?.commitMin === head) throw new Error('it caught up by the log alone: more megabytes');
    await turn();
  }
}

/** Bytes that the replica has received since its start. */
async function bytesReceived(): Promise<{ readonly all: number; readonly block: number }> {
  const text = await (await fetch(`http://${cluster.httpAddress(DOWN)}/metrics`)).text();
  const lines = [...text.matchAll(/^vsr_bytes_received_total\{command="(\w+)"\} (\d+)/gm)];
  const bytes = lines.map(([, command, count]) => ({ command, count: Number(count) }));
  return {
    all: bytes.reduce((sum, { count }) => sum + count, 0),
    block: bytes.find(({ command }) => command === 'block')?.count ?? 0,
  };
}
