import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from './client.ts';
import type { ClientError } from './errors.ts';
import type { ClientOptions } from './options.ts';
import type { ReadOptions } from './read-mode.ts';
import { clientErrorOf } from './testing/client-error.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

async function startCluster(replicaCount: number): Promise<{
  cluster: FakeCluster;
  replicas: readonly FakeReplica[];
  endpoints: readonly string[];
}> {
  const cluster = new FakeCluster({ replicaCount });
  const replicas: FakeReplica[] = [];
  for (let slot = 0; slot < replicaCount; slot += 1) {
    const replica = await new FakeReplica(cluster, slot).start();
    open.push({ close: () => replica.stop() });
    replicas.push(replica);
  }
  return { cluster, replicas, endpoints: replicas.map((replica) => replica.endpoint) };
}

function makeClient(options: ClientOptions): Client {
  const client = new Client(options);
  open.push(client);
  return client;
}

describe('reads', () => {
  it('take no session, and those of one turn share a query', async () => {
    const { cluster, replicas, endpoints } = await startCluster(3);
    cluster.values.set('61', { value: new Uint8Array([1]), revision: 1 });
    const client = makeClient({ endpoints });
    await client.connected();
    const found = await Promise.all([client.get('a'), client.get('a'), client.get('b')]);
    expect(found.map((entry) => entry?.modRevision ?? null)).toEqual([1, 1, null]);
    expect(replicas.flatMap(({ queries }) => queries)).toHaveLength(1);
    expect(replicas.flatMap(({ received }) => received)).toEqual([]);
    expect(client.status()).toMatchObject({ sessions: 0, inFlight: 0, queued: 0 });
  });

  it('name their level, and the highest op that the client has seen', async () => {
    const { cluster, replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    cluster.op = 7;
    await client.put('a', 'one');
    await client.get('a');
    cluster.op = 3;
    await client.get('a', { consistency: 'local' });
    await client.get('a', { consistency: { boundedMillis: 250 } });
    const asked = replicas.flatMap(({ queries }) => queries).map(({ header }) => header);
    expect(asked).toMatchObject([
      { level: 0, lagMax: 0, floor: 7 },
      { level: 2, lagMax: 0, floor: 7 },
      { level: 1, lagMax: 250, floor: 7 },
    ]);
  });

  it('are asked elsewhere when a replica says nothing', async () => {
    const { replicas, endpoints } = await startCluster(3);
    const client = makeClient({ endpoints });
    for (const replica of replicas.slice(1)) replica.onQuery = () => {};
    await expect(client.get('a', { consistency: 'local' })).resolves.toBeNull();
  });

  it('end with too_stale when no replica can keep the bound', async () => {
    const { replicas, endpoints } = await startCluster(3);
    const client = makeClient({ endpoints });
    await vi.waitFor(() => {
      expect(client.status().endpoints.map(({ state }) => state)).not.toContain('connecting');
    });
    for (const replica of replicas) {
      replica.onQuery = (query, peer, socket) => peer.refuse(query, socket, 'tooStale');
    }
    const read = client.get('a', { consistency: { boundedMillis: 5 } });
    expect(await clientErrorOf(read)).toMatchObject({ code: 'too_stale', definite: true });
    for (const { queries } of replicas) expect(queries.length).toBeGreaterThan(0);
    // What is to be linearizable waits for its deadline instead.
    expect(await clientErrorOf(client.get('a', { timeout: 80 }))).toMatchObject({
      code: 'timeout',
    });
  });

  it('that nobody answers change nothing, however they end', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.connected();
    const reason = new Error('enough');
    const abort = new AbortController();
    for (const replica of replicas) replica.onQuery = () => abort.abort(reason);
    expect(await clientErrorOf(client.get('a', { signal: abort.signal }))).toMatchObject({
      code: 'aborted',
      definite: true,
      cause: reason,
    });
    for (const replica of replicas) replica.onQuery = () => {};
    expect(await clientErrorOf(client.stream.length('s', { timeout: 50 }))).toMatchObject({
      code: 'timeout',
      definite: true,
      remedy: expect.not.stringContaining('reading'),
    });
    const open = clientErrorOf(client.range({ prefix: '' }));
    await client.close();
    expect(await open).toMatchObject({ code: 'closed', definite: true });
  });

  it('of one level do not keep back those of another', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.connected();
    const [replica] = replicas;
    if (replica === undefined) throw new Error('a replica was started');
    // No quorum: nothing that is linearizable has an answer.
    replica.onQuery = (query, peer, socket) => {
      if (query.header.level !== 0) peer.answerQuery(query, socket);
    };
    const stuck = new Set<number>();
    const asked: Promise<ClientError>[] = [];
    for (let turn = 0; turn < 17; turn += 1) {
      asked.push(clientErrorOf(client.get('a')));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => {
      for (const { header } of replica.queries) stuck.add(header.query);
      expect(stuck.size).toBe(16);
    });
    await expect(client.get('a', { consistency: 'local' })).resolves.toBeNull();
    await client.close();
    for (const error of await Promise.all(asked)) expect(error.code).toBe('closed');
  });

  it.each([
    { consistency: 'eventual' },
    { consistency: null },
    { consistency: {} },
    { consistency: { boundedMillis: 0 } },
    { consistency: { boundedMillis: 1.5 } },
    { prefer: 'cheapest' },
  ])('refuse %j', async (options) => {
    const { endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    expect(await clientErrorOf(client.get('a', options as ReadOptions))).toMatchObject({
      code: 'invalid_argument',
    });
  });
});
