import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '@kimberlite/cli';
import { Client, ClientError } from '@kimberlite/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { capturedIo } from '../../packages/cli/src/testing/captured-io.ts';
import { Gate } from '../support/gate.ts';
import { type Ended, kimberlite, runKimberlite } from '../support/kimberlite.ts';
import { CLUSTER, ProxiedCluster } from '../support/proxied-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const MINUTES = 60_000;
vi.setConfig({ testTimeout: 4 * MINUTES, hookTimeout: 2 * MINUTES });

/** Ops between two checkpoints of `--size=dev`. */
const INTERVAL = 72;
const WRITERS = 4;
const KEYS_PER_WRITER = 60;
/** So that the state is larger than what sockets hold for a reader that does not read. */
const VALUE_SIZE = 56 * 1024;
/** Of what is written over it: so that checkpoints come soon. */
const LATER_SIZE = 4 * 1024;
/** Bytes of an answer that a slow reader takes before he stops. */
const TAKEN = 1024 * 1024;
const NEW_CLUSTER = 4321n;

let directory: ReturnType<typeof temporaryDirectory>;
const running: { stop(): Promise<unknown> }[] = [];
const gates: Gate[] = [];

beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  for (const gate of gates.splice(0)) gate.close();
  for (const each of running.splice(0)) await each.stop();
  directory.remove();
});

async function start(cluster: ProxiedCluster): Promise<ProxiedCluster> {
  running.push(cluster);
  await cluster.startAll();
  await cluster.whole();
  return cluster;
}

async function gateBefore(cluster: ProxiedCluster, slot: number): Promise<Gate> {
  const gate = await Gate.before(cluster.port(slot, 'http'), TAKEN);
  gates.push(gate);
  return gate;
}

interface Acknowledged {
  readonly turn: number;
  readonly revision: number;
}

/** Writers that write large values and then over them, each its own keys, until told to stop. */
class Load {
  /** By key, all puts that were acknowledged, oldest first. */
  readonly acknowledged = new Map<string, Acknowledged[]>();
  readonly #clients: Client[] = [];
  readonly #done: Promise<void>[] = [];
  #stopping = false;

  constructor(endpoints: readonly string[]) {
    for (let writer = 0; writer < WRITERS; writer += 1) {
      const client = new Client({ endpoints: [...endpoints], requestTimeout: 30_000, lanes: 1 });
      this.#clients.push(client);
      const done = this.#write(client, writer);
      done.catch(() => {}); // Whoever stops it is told.
      this.#done.push(done);
    }
  }

  /** Puts that were acknowledged so far. */
  get count(): number {
    return [...this.acknowledged.values()].reduce((sum, puts) => sum + puts.length, 0);
  }

  /** Of each key, the newest turn that was acknowledged by now. */
  newest(): Map<string, number> {
    return new Map([...this.acknowledged].map(([key, puts]) => [key, puts.at(-1)?.turn ?? 0]));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    try {
      await Promise.all(this.#done);
    } finally {
      await Promise.all(this.#clients.map((client) => client.close()));
    }
  }

  async #write(client: Client, writer: number): Promise<void> {
    for (let turn = 0; !this.#stopping; turn += 1) {
      const key = `key ${writer} ${turn % KEYS_PER_WRITER}`;
      const size = turn < KEYS_PER_WRITER ? VALUE_SIZE : LATER_SIZE;
      const { revision } = await client.put(key, `${turn} `.padEnd(size, '.'));
      const puts = this.acknowledged.get(key) ?? [];
      puts.push({ turn, revision });
      this.acknowledged.set(key, puts);
    }
  }
}

interface Stored {
  readonly turn: number;
  readonly revision: number;
}

async function readAll(cluster: ProxiedCluster): Promise<Map<string, Stored>> {
  const client = new Client({ endpoints: cluster.endpoints(), requestTimeout: 30_000 });
  const found = new Map<string, Stored>();
  try {
    for await (const { key, value, modRevision } of client.scan({ prefix: 'key ' })) {
      const turn = Number.parseInt(Buffer.from(value ?? []).toString(), 10);
      found.set(Buffer.from(key).toString(), { turn, revision: modRevision });
    }
    return found;
  } finally {
    await client.close();
  }
}

function create(path: string, http: readonly string[]): Promise<Ended> {
  return runKimberlite('backup', 'create', path, `--http=${http.join(',')}`, '-o', 'json');
}

async function metric(cluster: ProxiedCluster, slot: number, series: string): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${cluster.port(slot, 'http')}/metrics`);
  const line = (await page.text()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.split(' ')[1] ?? 0);
}

describe('a backup of a running cluster', () => {
  it('is one state, though a slow reader takes it under load through checkpoints', async () => {
    const old = await start(await ProxiedCluster.make(directory.path));
    const load = new Load(old.endpoints());
    const slot = 1;
    const waiting = old.waiting('the load goes on');
    try {
      await until(() => (load.count > WRITERS * KEYS_PER_WRITER ? true : null), waiting);
      const before = load.newest();
      const gate = await gateBefore(old, slot);
      const path = join(directory.path, 'full.backup');
      const taking = create(path, [gate.address]);
      await until(() => (gate.holding > 0 ? true : null), old.waiting('the reader stops'));
      const from = (await old.status(slot))?.state.checkpointOp ?? 0;
      await until(async () => {
        const { checkpointOp = 0 } = (await old.status(slot))?.state ?? {};
        return checkpointOp >= from + 4 * INTERVAL ? true : null;
      }, waiting);
      gate.open();
      const made = await taking;
      expect(made.stderr).toBe('');
      expect(made.code).toBe(0);
      const { op, checkpoint_op: checkpointOp } = JSON.parse(made.stdout) as Record<string, number>;
      expect(checkpointOp).toBeLessThanOrEqual(from);
      expect(op).toBeGreaterThanOrEqual(checkpointOp ?? 0);
      // How much was read out just before it was written over depends on how much the buffers of
      // the connection took; that it is, is shown in the simulator (sim/cases/backup.test.ts).
      expect(await metric(old, slot, 'vsr_backup_bytes_total{read="in_turn"}')).toBeGreaterThan(0);
      await load.stop();
      await old.whole();
      await expectRestores(path, { load, before });
      const client = new Client({ endpoints: old.endpoints(), cluster: NEW_CLUSTER });
      const failure = await client.put('key', 'x').catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ClientError);
      expect(failure).toMatchObject({ code: 'wrong_cluster' });
      await client.close();
    } finally {
      await load.stop();
    }
  });

  it('ends with a killed replica, is had from the next, not from one left alone', async () => {
    const cluster = await start(await ProxiedCluster.make(directory.path));
    const load = new Load(cluster.endpoints());
    try {
      const waiting = cluster.waiting('the load goes on');
      await until(() => (load.count > WRITERS * KEYS_PER_WRITER ? true : null), waiting);
      await load.stop();
      await cluster.whole();
      const primary = await cluster.primary();
      const [first = 0, second = 0] = [0, 1, 2].filter((slot) => slot !== primary);
      await expectNothingLeft('SIGTERM', cluster, first);
      for (const alone of [true, false]) {
        const path = join(directory.path, `killed-${alone}.backup`);
        const gate = await gateBefore(cluster, first);
        const other = `127.0.0.1:${cluster.port(second, 'http')}`;
        const io = capturedIo();
        const http = alone ? gate.address : `${gate.address},${other}`;
        const words = ['backup', 'create', path, `--http=${http}`];
        const taking = runProgram(words, io);
        await until(() => (gate.holding > 0 ? true : null), cluster.waiting('the reader stops'));
        await cluster.kill(first);
        gate.open();
        expect(await taking).toBe(alone ? 4 : 0);
        expect(io.err()).toContain('the connection was closed before the end');
        expect(existsSync(path)).toBe(!alone);
        expect(readdirSync(directory.path).filter((name) => name.endsWith('.partial'))).toEqual([]);
        await cluster.start(first);
        await cluster.whole();
      }
      await expectLesserRefused(cluster, first);
    } finally {
      await load.stop();
    }
  });
});

/** A command that is told to end in the middle leaves no part of a backup behind. */
async function expectNothingLeft(
  signal: NodeJS.Signals,
  cluster: ProxiedCluster,
  slot: number,
): Promise<void> {
  const gate = await gateBefore(cluster, slot);
  const path = join(directory.path, 'interrupted.backup');
  const { file, args, options } = kimberlite(['backup', 'create', path, `--http=${gate.address}`]);
  const child = spawn(file, args, { ...options, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await until(() => (gate.holding > 0 ? true : null), cluster.waiting('the reader stops'));
  expect(existsSync(`${path}.partial`)).toBe(true);
  child.kill(signal);
  expect(await ended).toEqual([null, signal]);
  expect(existsSync(path) || existsSync(`${path}.partial`)).toBe(false);
  gate.open();
}

/** A replica that is left alone gives a backup only where that is wanted, and says so. */
async function expectLesserRefused(cluster: ProxiedCluster, left: number): Promise<void> {
  const http = [0, 1, 2].map((slot) => `127.0.0.1:${cluster.port(slot, 'http')}`);
  for (const slot of [0, 1, 2]) if (slot !== left) await cluster.kill(slot);
  await until(async () => {
    return (await cluster.status(left))?.state.quorumSeen === false ? true : null;
  }, cluster.waiting('it misses the others'));
  const path = join(directory.path, 'alone.backup');
  const refused = await create(path, http);
  expect(refused.code).toBe(9);
  expect(refused.stdout + refused.stderr).toContain('1 of 3 replicas answered, and none of them');
  expect(existsSync(path)).toBe(false);
  const words = ['backup', 'create', path, `--http=${http.join(',')}`, '--without-quorum'];
  const made = await runKimberlite(...words, '-o', 'json');
  expect(made.stderr).toMatch(/^warning: 1 of 3 replicas .* above op \d+ may be missing\.\n/);
  expect(made.code).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({ quorum: false, replicas_answered: 1 });
}

/** Three replicas made of the backup have exactly what was written up to its newest revision. */
async function expectRestores(
  path: string,
  written: { readonly load: Load; readonly before: ReadonlyMap<string, number> },
): Promise<void> {
  const verified = await runKimberlite('backup', 'verify', path);
  expect(verified).toMatchObject({ code: 0, stderr: '' });
  const into = join(directory.path, 'restored');
  const words = [`--into=${into}`, `--new-cluster=${NEW_CLUSTER}`];
  const restored = await runKimberlite('backup', 'restore', path, ...words);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).toContain(`of cluster ${CLUSTER}`);
  const next = await start(await ProxiedCluster.over({ directory: into, cluster: NEW_CLUSTER }));
  const found = await readAll(next);
  const newest = Math.max(...[...found.values()].map(({ revision }) => revision));
  const expected = new Map<string, Stored>();
  for (const [key, puts] of written.load.acknowledged) {
    const last = puts.findLast(({ revision }) => revision <= newest);
    if (last !== undefined) expected.set(key, last);
  }
  expect(found).toEqual(expected);
  for (const [key, turn] of written.before) {
    expect(found.get(key)?.turn).toBeGreaterThanOrEqual(turn);
  }
  // It goes on, through checkpoints of its own, with any of the three.
  await next.kill(await next.primary());
  const client = new Client({ endpoints: next.endpoints(), requestTimeout: 20_000 });
  for (let turn = 0; turn < 2 * INTERVAL; turn += 1) {
    const { revision } = await client.put('key 0 0', `${turn}`);
    expect(revision).toBeGreaterThan(newest);
  }
  await client.close();
}
