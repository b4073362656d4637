import { readFileSync } from 'node:fs';
import { createKernel, decodeResults, encodeCalls, KERNEL_CALLS } from '@kimberlite/kernel';
import { type ClusterConfig, CONFIG_DEV, type StoragePort, type Zone } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFault, type ServerFault } from './errors.ts';
import { startReplica } from './start-replica.ts';
import { formatDataFile } from './storage/data-file-format.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';
import type { TestClient } from './testing/test-client.ts';
import { TestCluster } from './testing/test-cluster.ts';

const utf8 = new TextEncoder();

/** A dev cluster with small messages, so that its files are formatted in no time. */
const CONFIG: ClusterConfig = { ...CONFIG_DEV, messageSizeMax: 64 * 1024 };
const namespace = utf8.encode('test');

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: TestCluster;
let clients: TestClient[];

beforeEach(() => {
  directory = temporaryDirectory();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  await cluster.stopAll();
  directory.remove();
});

async function begin(options: {
  readonly replicaCount: number;
  readonly powerLoss: 'none' | 'honest' | 'lying';
}): Promise<void> {
  cluster = new TestCluster({ ...options, directory: directory.path, config: CONFIG });
  await cluster.formatAll();
  await cluster.startAll();
}

async function connectClient(): Promise<TestClient> {
  const client = cluster.client();
  clients.push(client);
  await client.register();
  return client;
}

async function put(client: TestClient, key: string, value: string): Promise<void> {
  const body = encodeCalls([
    {
      kind: 'put',
      namespace,
      key: utf8.encode(key),
      value: utf8.encode(value),
      previousBytesMax: null,
    },
  ]);
  const results = decodeResults(await client.request(KERNEL_CALLS, body));
  expect(results?.[0]).toMatchObject({ kind: 'put' });
}

async function get(client: TestClient, key: string): Promise<string | null> {
  const body = encodeCalls([{ kind: 'get', namespace, key: utf8.encode(key), bytesMax: 1000 }]);
  const result = decodeResults(await client.request(KERNEL_CALLS, body))?.[0];
  if (result?.kind !== 'get') throw new Error('a get is answered by a get');
  const value = result.record?.value ?? null;
  return value === null ? null : Buffer.from(value).toString('utf8');
}

/** A disk that lost the superblock after the file was opened. */
class WithoutSuperblock implements StoragePort {
  readonly #inner: StoragePort;

  constructor(inner: StoragePort) {
    this.#inner = inner;
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    this.#inner.read(zone, offset, length, (bytes) => done(zone === 'superblock' ? null : bytes));
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    this.#inner.write(zone, offset, bytes, done);
  }
}

describe('replica processes', () => {
  for (const replicaCount of [1, 3, 5]) {
    it(`commit a request: ${replicaCount} on real files and sockets`, async () => {
      await begin({ replicaCount, powerLoss: 'none' });
      const client = await connectClient();
      await put(client, 'color', 'blue');
      expect(await get(client, 'color')).toBe('blue');
      expect(await get(client, 'absent')).toBeNull();
      expect(cluster.fatal).toEqual([]);
    });
  }

  it('have their files open for synchronous writes, and say how', async () => {
    await begin({ replicaCount: 1, powerLoss: 'none' });
    const replica = cluster.replicas[0];
    const status = replica?.status();
    expect(status?.dataFile.ioMode).toMatch(/dsync|fdatasync/);
    const http = replica?.httpAddress;
    const response = await fetch(`http://127.0.0.1:${http?.port}/status`);
    expect(await response.json()).toMatchObject({
      cluster: '77',
      replica: 0,
      data_file: { io_mode: status?.dataFile.ioMode, path: cluster.path(0) },
    });
  });

  it('go on when the primary is stopped, and take it back', async () => {
    await begin({ replicaCount: 3, powerLoss: 'none' });
    const client = await connectClient();
    await put(client, 'a', '1');
    const primary = cluster.primary();
    if (primary === null) throw new Error('somebody was primary');
    await cluster.stop(primary);
    await put(client, 'b', '2');
    expect(await get(client, 'a')).toBe('1');
    await cluster.start(primary);
    await put(client, 'c', '3');
    expect(await get(client, 'b')).toBe('2');
    expect(cluster.fatal).toEqual([]);
  });

  it('lose no acknowledged write when the power goes for all at once', async () => {
    await begin({ replicaCount: 3, powerLoss: 'honest' });
    const acknowledged = new Map<string, string>();
    let lost = 0;
    for (let round = 0; round < 3; round += 1) {
      const writers = await Promise.all([connectClient(), connectClient()]);
      let running = true;
      let acknowledgedNow = 0;
      const enough = Promise.withResolvers<void>();
      for (const [index, writer] of writers.entries()) {
        void (async (): Promise<void> => {
          for (let turn = 0; running; turn += 1) {
            const key = `${round}-${index}-${turn}`;
            await put(writer, key, `v${key}`);
            if (!running) return;
            acknowledged.set(key, `v${key}`);
            acknowledgedNow += 1;
            if (acknowledgedNow === 25) enough.resolve();
          }
        })().catch((error: unknown) => {
          // Once the power is gone a call may end in any way; before, each one must succeed.
          if (running) enough.reject(error);
        });
      }
      await enough.promise;
      running = false;
      lost += await cluster.cutPowerOfAll();
      for (const writer of writers) writer.close();
      await cluster.startAll();
    }
    const reader = await connectClient();
    expect(acknowledged.size).toBeGreaterThanOrEqual(75);
    for (const [key, value] of acknowledged) expect(await get(reader, key)).toBe(value);
    expect(lost).toBeGreaterThan(0);
    expect(cluster.fatal).toEqual([]);
  });

  it('lose acknowledged writes on disks that lie: the test above could fail', async () => {
    await begin({ replicaCount: 3, powerLoss: 'lying' });
    const writer = await connectClient();
    for (let turn = 0; turn < 5; turn += 1) await put(writer, `key${turn}`, 'value');
    expect(await get(writer, 'key0')).toBe('value');
    await cluster.cutPowerOfAll();
    writer.close();
    await cluster.startAll();
    const reader = await connectClient();
    expect(await get(reader, 'key0')).toBeNull();
  });

  it('stop and let go of their file after they have given up', async () => {
    await begin({ replicaCount: 1, powerLoss: 'none' });
    await cluster.stop(0);
    const died = Promise.withResolvers<ServerFault>();
    const log: string[] = [];
    const options = { configuration: cluster.configuration(0), stateMachine: createKernel() };
    const replica = await startReplica({
      ...options,
      writeLog: (line) => log.push(line),
      onFatal: died.resolve,
      wrapStorage: (inner) => new WithoutSuperblock(inner),
    });
    if (isFault(replica)) throw new Error(replica.message);
    expect(await died.promise).toMatchObject({ code: 'data_file_damaged' });
    expect(log.filter((line) => line.includes('giving up'))).toHaveLength(1);
    await replica.stop();
    await expect(fetch(`http://127.0.0.1:${replica.httpAddress?.port}/livez`)).rejects.toThrow();
    const again = await startReplica({ ...options, writeLog: () => {} });
    if (isFault(again)) throw new Error(again.message);
    await again.stop();
  });

  it('refuse what would harm, before anything is touched', async () => {
    await begin({ replicaCount: 1, powerLoss: 'none' });
    const stateMachine = createKernel();
    const first = cluster.replicas[0];
    const again = await startReplica({
      configuration: cluster.configuration(0),
      stateMachine,
      writeLog: () => {},
    });
    expect(again).toMatchObject({ code: 'data_file_locked' });

    const taken = first?.clientAddress ?? null;
    const other = new TestCluster({
      directory: directory.path,
      replicaCount: 2,
      config: CONFIG,
      powerLoss: 'none',
    });
    const slot = 1;
    const path = other.path(slot);
    const sizes = { config: CONFIG, cluster: 77n, slot, replicaCount: 2 };
    await formatDataFile({ path, stateMachine, ...sizes });
    const before = readFileSync(path);
    const configuration = other.configuration(slot, { clientAddress: taken });
    const refused = await startReplica({ configuration, stateMachine, writeLog: () => {} });
    expect(refused).toMatchObject({ code: 'port_in_use' });
    const shared = { host: '127.0.0.1', port: 1 };
    const twice = other.configuration(slot, { clientAddress: shared, peerAddress: shared });
    expect(
      await startReplica({ configuration: twice, stateMachine, writeLog: () => {} }),
    ).toMatchObject({
      code: 'configuration_invalid',
      message: 'client-address and peer-address are both 127.0.0.1:1',
    });
    expect(readFileSync(path).equals(before)).toBe(true);
    const mislaid = { ...stateMachine, tables: [{ id: 3, name: 'mine', combine: null }] };
    const misnumbered = { configuration, stateMachine: mislaid, writeLog: (): void => {} };
    expect(await startReplica(misnumbered)).toMatchObject({
      code: 'state_machine_failed',
      message: 'the state machine has a table mine with the id 3; ids are from 16 to 4294967295',
    });
    const unopened = {
      ...stateMachine,
      open: (): never => {
        throw new RangeError('not today');
      },
    };
    const unready = { configuration, stateMachine: unopened, writeLog: (): void => {} };
    expect(await startReplica(unready)).toMatchObject({
      code: 'state_machine_failed',
      message: "the state machine's open threw RangeError: not today",
    });
    // Nothing was left open by the refusals.
    const free = other.configuration(slot);
    const started = await startReplica({ configuration: free, stateMachine, writeLog: () => {} });
    if (isFault(started)) throw new Error(started.message);
    await started.stop();
  });
});
