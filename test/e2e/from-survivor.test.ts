import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runProgram } from '@kimberlite/cli';
import { Client, ClientError } from '@kimberlite/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { capturedIo } from '../../packages/cli/src/testing/captured-io.ts';
import { type Ended, runKimberlite } from '../support/kimberlite.ts';
import { CLUSTER, ProxiedCluster, slots } from '../support/proxied-cluster.ts';
import { ServerProcess } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const MINUTES = 60_000;
vi.setConfig({ testTimeout: 5 * MINUTES, hookTimeout: 2 * MINUTES });

/** More than two checkpoint intervals of `--size=dev`, and some ops above the last of them. */
const WRITES = 180;
const SURVIVOR = 2;
const NEW_CLUSTER = 1234n;
/** Nothing listens there: reserved, and never given out. */
const DEAD = '127.0.0.1:1,127.0.0.1:1,127.0.0.1:1';

let directory: ReturnType<typeof temporaryDirectory>;
let acknowledged: Map<string, string>;
const running: { stop(): Promise<unknown> }[] = [];

beforeEach(() => {
  directory = temporaryDirectory();
  acknowledged = new Map();
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
  directory.remove();
});

async function start(cluster: ProxiedCluster): Promise<ProxiedCluster> {
  running.push(cluster);
  await cluster.startAll();
  await cluster.whole();
  return cluster;
}

async function write(cluster: ProxiedCluster, count: number): Promise<void> {
  const client = new Client({ endpoints: cluster.endpoints(), requestTimeout: 20_000 });
  try {
    for (let turn = 0; turn < count; turn += 1) {
      const key = `key ${acknowledged.size}`;
      await client.put(key, `value of ${key}`);
      acknowledged.set(key, `value of ${key}`);
    }
  } finally {
    await client.close();
  }
}

/** Keys whose acknowledged value is not there. */
async function lost(cluster: ProxiedCluster): Promise<string[]> {
  const client = new Client({ endpoints: cluster.endpoints(), requestTimeout: 20_000 });
  const missing: string[] = [];
  try {
    for (const [key, value] of acknowledged) {
      const record = await client.get(key);
      if (Buffer.from(record?.value ?? []).toString() !== value) missing.push(key);
    }
  } finally {
    await client.close();
  }
  return missing;
}

function recover(...words: readonly string[]): Promise<Ended> {
  return runKimberlite('recover', ...words);
}

function fromSurvivor(path: string, ...words: readonly string[]): Promise<Ended> {
  return recover(`--from-survivor=${path}`, `--new-cluster=${NEW_CLUSTER}`, ...words);
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** A member that lost its file once: the state tells of the one that took its place. */
async function replaceFile(old: ProxiedCluster, slot: number): Promise<void> {
  await old.kill(slot);
  rmSync(old.path(slot));
  const others = slots().filter((other) => other !== slot);
  // Just after a primary has died nobody is healthy, and `recover` refuses.
  await old.whole(others);
  const http = others.map((other) => `127.0.0.1:${old.port(other, 'http')}`).join(',');
  const { code, stderr } = await recover(
    `--data-file=${old.path(slot)}`,
    `--replica=${slot}`,
    `--endpoints=${old.endpoints().join(',')}`,
    `--http=${http}`,
  );
  expect(stderr).toBe('');
  expect(code).toBe(0);
  await old.start(slot);
  await old.whole();
}

describe('a majority that is lost for good', () => {
  it('leaves a survivor, of which a new cluster is made that has every write', async () => {
    const old = await start(await ProxiedCluster.make(directory.path));
    await write(old, WRITES / 2);
    await replaceFile(old, 1);
    await write(old, WRITES / 2);
    await old.whole();
    const survivor = old.path(SURVIVOR);
    expect(await fromSurvivor(survivor, '--dry-run')).toMatchObject({ code: 28 });
    await old.killAll();
    await running.pop()?.stop();
    for (const slot of slots()) if (slot !== SURVIVOR) rmSync(old.path(slot));
    const before = digest(survivor);

    const into = join(directory.path, 'new');
    await expectRefusals(survivor, into);
    expect(digest(survivor)).toBe(before);
    const made = await fromSurvivor(
      survivor,
      `--into=${into}`,
      `--endpoints=${DEAD}`,
      `--yes-i-lose=${CLUSTER}`,
      '--output=json',
    );
    expect(made.stderr).toBe('');
    expect(made.code).toBe(0);
    const record = JSON.parse(made.stdout) as Readonly<Record<string, unknown>>;
    expect(record).toMatchObject({ replica: SURVIVOR, head_certain: true, broken_by: null });
    expect(record['kept_op']).toBe(record['head_op']);
    expect(digest(survivor)).toBe(before);

    const next = await start(await ProxiedCluster.over({ directory: into, cluster: NEW_CLUSTER }));
    expect(await lost(next)).toEqual([]);
    // At once: the log is shorter than a pipeline and ends in its root.
    const primary = await next.primary();
    await next.kill(primary);
    await write(next, 5);
    await next.start(primary);
    await next.whole();
    // A file that is recovered here gets the state at once, though nothing has committed half an
    // interval above its checkpoint, and listens to all its peers: also to the one that once took
    // the place of a lost one in the old cluster.
    await replaceFile(next, 2);
    await next.kill(0);
    await write(next, 5);
    await next.start(0);
    await next.whole();
    await expectStrangersRefused(next, survivor);
    // Through several checkpoints, and with each replica as a witness of the state.
    await write(next, WRITES);
    await next.whole();
    await next.kill(await next.primary());
    await write(next, 5);
    expect(await lost(next)).toEqual([]);
  });
});

/** What is of the old cluster: a client, and a replica on the file of the survivor. */
async function expectStrangersRefused(next: ProxiedCluster, survivor: string): Promise<void> {
  const client = new Client({ endpoints: next.endpoints(), cluster: CLUSTER });
  try {
    const failure = await client.put('old', 'client').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ClientError);
    expect(failure).toMatchObject({ code: 'wrong_cluster', definite: true });
  } finally {
    await client.close();
  }
  await next.kill(SURVIVOR);
  const addresses = next.peerAddresses(SURVIVOR);
  const mistaken = ServerProcess.start({
    dataFile: survivor,
    addresses,
    more: [`--cluster=${NEW_CLUSTER}`],
  });
  await expect(mistaken).rejects.toThrow(/data_file_wrong_cluster/);
  const stranger = await ServerProcess.start({ dataFile: survivor, addresses });
  running.push(stranger);
  await until(
    () =>
      stranger.log.find((line) => line.includes('it refused this replica: wrong_cluster')) ?? null,
    { within: MINUTES, what: 'the old replica is refused', explain: () => stranger.log.join('\n') },
  );
  expect((await stranger.status())?.state.status).not.toBe('normal');
  await running.pop()?.stop();
  await next.start(SURVIVOR);
  await next.whole();
}

/** While a member may live, and where nobody confirms it; nothing is made or changed. */
async function expectRefusals(survivor: string, into: string): Promise<void> {
  // A process that takes connections and says nothing, as one does that is stopped.
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' ? (address?.port ?? 0) : 0);
    });
  });
  const alive = `127.0.0.1:${port}`;
  const sure = `--yes-i-lose=${CLUSTER}`;
  const attempts: readonly (readonly [readonly string[], number, string])[] = [
    [[`--endpoints=127.0.0.1:1,127.0.0.1:1,${alive}`, sure], 5, alive],
    [[`--endpoints=${DEAD}`, `--peers=${alive}`, sure], 5, alive],
    [[`--endpoints=${DEAD}`, `--http=${alive}`, sure], 5, alive],
    [[`--endpoints=${DEAD}`], 5, 'nobody confirmed it'],
    [[`--endpoints=${DEAD}`, '--yes-i-lose=8'], 5, 'not the number'],
    [['--endpoints=127.0.0.1:1', sure], 2, 'names 1 of 3 replicas'],
    [[sure], 2, '--endpoints must name the old cluster'],
  ];
  try {
    for (const [words, expected, says] of attempts) {
      const io = capturedIo();
      const all = ['recover', '--from-survivor', survivor, '--into', into, ...words];
      expect(await runProgram(all, io)).toBe(expected);
      expect(io.err()).toContain(says);
      expect(existsSync(into)).toBe(false);
    }
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
