import { afterEach, describe, expect, it } from 'vitest';
import { text } from './bytes.ts';
import { Client, connect } from './client.ts';
import { ClientError } from './errors.ts';
import type { ClientOptions } from './options.ts';
import { clientErrorOf } from './testing/client-error.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

async function startReplica(cluster: FakeCluster, slot = 0): Promise<FakeReplica> {
  const replica = await new FakeReplica(cluster, slot).start();
  open.push({ close: () => replica.stop() });
  return replica;
}

async function startCluster(replicaCount: number): Promise<{
  cluster: FakeCluster;
  replicas: readonly FakeReplica[];
  endpoints: readonly string[];
}> {
  const cluster = new FakeCluster({ replicaCount });
  const replicas: FakeReplica[] = [];
  for (let slot = 0; slot < replicaCount; slot += 1) {
    const replica = await startReplica(cluster, slot);
    // Only the primary of the view answers, as in a real cluster; the others stay silent.
    const only: FakeReplica['script'] = (request, peer, socket) => {
      if (peer.slot === cluster.view % 16) peer.answer(request, socket);
    };
    replica.script = only;
    replica.onRegister = only;
    replicas.push(replica);
  }
  return { cluster, replicas, endpoints: replicas.map((replica) => replica.endpoint) };
}

function makeClient(options: ClientOptions): Client {
  const client = new Client(options);
  open.push(client);
  return client;
}

async function failure(promise: Promise<unknown>): Promise<ClientError> {
  const error = await clientErrorOf(promise);
  expect(error.remedy.length).toBeGreaterThan(10);
  return error;
}

describe('calls', () => {
  it('put and get strings and bytes, and tell an absent key by null', async () => {
    const { endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    expect(await client.put('a', 'one')).toEqual({ revision: 1, previous: null });
    expect(await client.put(new Uint8Array([0xff, 0]), new Uint8Array([1, 2]))).toMatchObject({
      revision: 2,
    });
    const found = await client.get('a');
    expect(found === null ? null : text(found.value)).toBe('one');
    expect(found).toMatchObject({ createRevision: 1, modRevision: 1, version: 1 });
    expect((await client.get(new Uint8Array([0xff, 0])))?.value).toEqual(new Uint8Array([1, 2]));
    expect(await client.get('absent')).toBeNull();
  });

  it('get a value that is longer than the first reservation by asking again', async () => {
    const { cluster, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    const long = new Uint8Array(50_000).fill(7);
    await client.put('long', long);
    expect((await client.get('long'))?.value).toEqual(long);
    const gets = cluster.executed.flat().filter((call) => call.kind === 'get');
    expect(gets).toHaveLength(2);
  });

  it('made together share requests, and answers go to their callers', async () => {
    const { cluster, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.put('warm', 'up');
    const before = cluster.executed.length;
    const keys = Array.from({ length: 500 }, (_, index) => `key ${index}`);
    const revisions = await Promise.all(keys.map((key) => client.put(key, key)));
    expect(new Set(revisions.map((answer) => answer.revision)).size).toBe(500);
    expect(cluster.executed.length - before).toBeLessThanOrEqual(4);
    const values = await Promise.all(keys.map((key) => client.get(key)));
    expect(values.map((found) => (found === null ? null : text(found.value)))).toEqual(keys);
  });

  it('are gathered while all lanes have a request in flight', async () => {
    const { cluster, replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints, lanes: 1 });
    await client.put('warm', 'up');
    const held: (() => void)[] = [];
    const [replica] = replicas;
    if (replica === undefined) throw new Error('one replica');
    const arrived = new Promise<void>((resolve) => {
      replica.script = (request, peer, socket) => {
        held.push(() => peer.answer(request, socket));
        resolve();
      };
    });
    const first = client.put('first', '1');
    await arrived;
    const rest = Promise.all(['a', 'b', 'c'].map((key) => client.put(key, key)));
    replica.script = (request, peer, socket) => peer.answer(request, socket);
    held[0]?.();
    await Promise.all([first, rest]);
    expect(cluster.executed.slice(1).map((calls) => calls.length)).toEqual([1, 3]);
  });

  it('are cut by the size of a message and by the room for replies', async () => {
    const { cluster, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints, lanes: 1 });
    const value = new Uint8Array(40_000);
    await Promise.all(Array.from({ length: 20 }, (_, index) => client.put(`k${index}`, value)));
    for (const calls of cluster.executed) expect(calls.length).toBeLessThanOrEqual(6);
    const before = cluster.executed.length;
    await Promise.all(Array.from({ length: 200 }, () => client.get('absent')));
    const requests = cluster.executed.slice(before);
    expect(requests.length).toBeGreaterThanOrEqual(4);
    for (const calls of requests) expect(calls.length).toBeLessThanOrEqual(64);
  });

  it('copy what they are given', async () => {
    const { cluster, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    const value = new Uint8Array([1]);
    const done = client.put('a', value);
    value[0] = 9;
    await done;
    expect((await client.get('a'))?.value).toEqual(new Uint8Array([1]));
    expect(cluster.executed.flat()).toHaveLength(2);
  });

  it('range over a prefix asks for exactly its keys', async () => {
    const { cluster, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await failure(client.range({ prefix: 'r/' })); // The fake cluster knows no ranges.
    expect(cluster.executed.flat()).toMatchObject([
      { kind: 'range', from: Buffer.from('r/'), to: Buffer.from('r0'), limit: 100 },
    ]);
  });

  it('ask for older revisions, and tell which can be read where one cannot', async () => {
    const { cluster, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    expect(await failure(client.get('k', { revision: 3 }))).toMatchObject({
      code: 'compacted',
      definite: true,
      revision: 5,
    });
    expect(await failure(client.compact(10))).toMatchObject({
      code: 'future_revision',
      definite: true,
      revision: 9,
    });
    expect(await client.compact(4)).toEqual({ watermark: 4 });
    expect(await failure(client.get('k', { revision: 0.5 }))).toMatchObject({
      code: 'invalid_argument',
    });
    // A page without entries that is not the last, and the last.
    const page = await client.range({}, { revision: 6 });
    expect(page).toMatchObject({ entries: [], more: true, next: Uint8Array.of(109, 0) });
    const entries: unknown[] = [];
    for await (const entry of client.scan({ prefix: '' }, { revision: 6 })) entries.push(entry);
    expect(entries).toEqual([]);
    const starts = cluster.executed.flat().flatMap((call) => {
      return call.kind === 'rangeAt' ? [`${call.revision} ${[...call.from].join()}`] : [];
    });
    expect(starts.slice(-2)).toEqual(['6 ', '6 109,0']);
  });

  it('tell refusals of the kernel as definite errors, a failed compare as an answer', async () => {
    const { endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    expect(await failure(client.stream.length('s'))).toMatchObject({
      code: 'unknown_stream',
      definite: true,
    });
    expect(
      await failure(client.stream.append('s', ['event'], { expectedOffset: 3 })),
    ).toMatchObject({ code: 'wrong_offset', definite: true, length: 12 });
    expect(await client.compareAndSwap('k', { expected: null, value: 'v' })).toEqual({
      succeeded: false,
      revision: null,
      current: null,
    });
  });

  it('too large for the cluster are refused, whether its sizes are known yet or not', async () => {
    const { cluster, endpoints } = await startCluster(1);
    cluster.messageSizeMax = 8192;
    const message = expect.stringMatching(
      /^the call takes 20\d\d\d bytes; .* room for [78]\d\d\d$/,
    );
    const client = makeClient({ endpoints });
    const value = new Uint8Array(20_000);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await failure(client.put('k', value))).toMatchObject({
        code: 'too_large',
        definite: true,
        message,
      });
    }
    await client.put('k', 'small');
    expect(cluster.executed).toHaveLength(1);
  });

  it('above the bound of the queue are refused, definitely', async () => {
    const client = makeClient({ endpoints: ['127.0.0.1:9'], queueCallsMax: 3 });
    const calls = Array.from({ length: 5 }, () => failure(client.put('k', 'v')));
    const [, , , fourth] = calls;
    expect(await fourth).toMatchObject({ code: 'queue_full', definite: true });
    await client.close();
    const codes = (await Promise.all(calls)).map((error) => error.code);
    expect(codes).toEqual(['closed', 'closed', 'closed', 'queue_full', 'queue_full']);
  });
});

describe('deadlines and signals', () => {
  it('end a call that was sent as indefinite', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.put('warm', 'up');
    for (const replica of replicas) replica.script = () => {};
    expect(await failure(client.put('k', 'v', { timeout: 60 }))).toMatchObject({
      code: 'timeout',
      definite: false,
      remedy: expect.stringContaining('Find out by reading'),
    });
  });

  it('end a call that was never sent as definite', async () => {
    const { replicas, endpoints } = await startCluster(1);
    for (const replica of replicas) replica.onRegister = () => {};
    const client = makeClient({ endpoints });
    expect(await failure(client.put('k', 'v', { timeout: 60 }))).toMatchObject({
      code: 'timeout',
      definite: true,
      remedy: expect.not.stringContaining('reading'),
    });
  });

  it('abort a call: definite before it is sent, indefinite afterwards', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.put('warm', 'up');
    const reason = new Error('enough');
    expect(
      await failure(client.put('k', 'v', { signal: AbortSignal.abort(reason) })),
    ).toMatchObject({ code: 'aborted', definite: true, cause: reason });

    const queued = new AbortController();
    const waiting = failure(client.put('k', 'v', { signal: queued.signal }));
    queued.abort(reason);
    expect(await waiting).toMatchObject({ code: 'aborted', definite: true, cause: reason });

    const sent = new AbortController();
    for (const replica of replicas) replica.script = () => sent.abort(reason);
    expect(await failure(client.put('k', 'v', { signal: sent.signal }))).toMatchObject({
      code: 'aborted',
      definite: false,
    });
  });

  it('leave the lane usable: a late answer settles nothing and the next call goes on', async () => {
    const { cluster, replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints, lanes: 1 });
    await client.put('warm', 'up');
    const [replica] = replicas;
    if (replica === undefined) throw new Error('one replica');
    const held: (() => void)[] = [];
    replica.script = (request, peer, socket) => {
      held.push(() => peer.answer(request, socket));
    };
    await failure(client.put('late', '1', { timeout: 40 }));
    const next = client.put('next', '2');
    replica.script = (request, peer, socket) => peer.answer(request, socket);
    held[0]?.();
    expect(await next).toMatchObject({ revision: cluster.revision });
    expect(client.status().inFlight).toBe(0);
  });
});

describe('replicas', () => {
  it('that do not answer are passed over; the same bytes go to the next one', async () => {
    const { cluster, replicas, endpoints } = await startCluster(3);
    const client = makeClient({ endpoints });
    await client.put('warm', 'up');
    cluster.view = 1;
    await client.put('k', 'v');
    const copies = replicas.flatMap((replica) =>
      replica.received.filter((request) => request.header.request === 2),
    );
    expect(copies.length).toBeGreaterThanOrEqual(2);
    for (const copy of copies) expect(copy.bytes).toEqual(copies[0]?.bytes);
    expect(cluster.executed.map((calls) => calls.length)).toEqual([1, 1]);
    expect(client.status()).toMatchObject({ view: 1, primary: 1 });
  });

  it('that die are replaced at once by the next one', async () => {
    const { cluster, replicas, endpoints } = await startCluster(3);
    const client = makeClient({ endpoints });
    await client.connected();
    await client.put('warm', 'up');
    cluster.view = 2;
    const changes: string[] = [];
    client.onConnection((event) => changes.push(event.kind));
    await replicas[0]?.stop();
    await client.put('k', 'v');
    expect(changes).toContain('disconnected');
    expect(client.status().primary).toBe(2);
  });

  it('that come back are connected again, and sessions survive them', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const [replica] = replicas;
    if (replica === undefined) throw new Error('one replica');
    const client = makeClient({ endpoints, requestTimeout: 10_000 });
    await client.put('a', '1');
    const session = replica.received[0]?.header.client;
    replica.breakAll();
    await client.put('b', '2');
    expect(replica.received.every((request) => request.header.client === session)).toBe(true);
  });

  it('that refuse as notPrimary or busy are asked again without failing the call', async () => {
    for (const reason of ['notPrimary', 'busy'] as const) {
      const { cluster, replicas, endpoints } = await startCluster(1);
      const client = makeClient({ endpoints });
      await client.put('warm', 'up');
      const [replica] = replicas;
      if (replica === undefined) throw new Error('one replica');
      let refusals = 0;
      replica.script = (request, peer, socket) => {
        refusals += 1;
        if (refusals <= 2) peer.refuse(request, socket, reason);
        else peer.answer(request, socket);
      };
      await client.put('k', 'v');
      expect(refusals).toBe(3);
      expect(cluster.executed).toHaveLength(2);
    }
  });

  it('that call a request invalid end its calls, definitely after a single copy', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.put('warm', 'up');
    for (const replica of replicas) {
      replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    }
    expect(await failure(client.put('k', 'v'))).toMatchObject({ code: 'refused', definite: true });
  });

  it('that evict end what is in flight as indefinite; later calls get a new session', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.put('warm', 'up');
    const [replica] = replicas;
    if (replica === undefined) throw new Error('one replica');
    replica.script = (request, peer, socket) => peer.evict(request, socket, 'noSession');
    expect(await failure(client.put('k', 'v'))).toMatchObject({ code: 'evicted', definite: false });
    replica.script = (request, peer, socket) => peer.answer(request, socket);
    await client.put('k', 'v');
    const clients = new Set(replica.received.map((request) => request.header.client));
    expect(clients.size).toBe(2);
  });
});

describe('connecting', () => {
  it('learns the cluster where none was named', async () => {
    const { endpoints } = await startCluster(1);
    const client = await connect({ endpoints });
    open.push(client);
    expect(client.status()).toMatchObject({ state: 'connected', cluster: 77n });
  });

  it('says so before the deadline when the cluster is another one', async () => {
    const { endpoints } = await startCluster(1);
    const started = performance.now();
    const error = await failure(connect({ endpoints, cluster: 5n, requestTimeout: 20_000 }));
    expect(error).toMatchObject({ code: 'wrong_cluster', definite: true });
    expect(error.message).toContain('cluster 77');
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('says so, and asks nothing, when the cluster runs another state machine', async () => {
    const { replicas, endpoints, cluster } = await startCluster(1);
    cluster.machine = 'mine';
    const error = await failure(connect({ endpoints, requestTimeout: 20_000 }));
    expect(error).toMatchObject({ code: 'wrong_machine', definite: true });
    expect(error.message).toContain('it runs another state machine than kimberlite.kernel');
    // The replica refuses it by itself, too.
    for (const replica of replicas) replica.greeting = 'wrongMachine';
    expect(await failure(connect({ endpoints, requestTimeout: 20_000 }))).toMatchObject({
      code: 'wrong_machine',
    });
    expect(replicas.flatMap(({ received, queries }) => [...received, ...queries])).toEqual([]);
  });

  it('says so before the deadline when the version is another one', async () => {
    const { replicas, endpoints } = await startCluster(1);
    for (const replica of replicas) replica.greeting = 'wrongVersion';
    const error = await failure(connect({ endpoints, requestTimeout: 20_000 }));
    expect(error).toMatchObject({ code: 'wrong_version', definite: true });
  });

  it('says so before the deadline when what listens is no replica', async () => {
    const { replicas, endpoints } = await startCluster(1);
    for (const replica of replicas) replica.greeting = 'garbage';
    const error = await failure(connect({ endpoints, requestTimeout: 20_000 }));
    expect(error).toMatchObject({ code: 'rejected', definite: true });
  });

  it('says so before the deadline when nothing listens', async () => {
    const { replicas, endpoints } = await startCluster(1);
    for (const replica of replicas) await replica.stop();
    const client = makeClient({ endpoints, requestTimeout: 20_000 });
    const started = performance.now();
    const error = await failure(client.get('k'));
    expect(error).toMatchObject({ code: 'unreachable', definite: true });
    expect(error.message).toContain(endpoints[0]);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('tells rejections as events and in the status', async () => {
    const { endpoints } = await startCluster(1);
    const client = makeClient({ endpoints, cluster: 5n });
    const event = await new Promise((resolve) => client.onConnection(resolve));
    expect(event).toMatchObject({ kind: 'rejected', endpoint: endpoints[0] });
    expect(client.status()).toMatchObject({ state: 'rejected' });
  });

  it('works with one good endpoint among bad ones', async () => {
    const { endpoints } = await startCluster(1);
    const client = await connect({ endpoints: ['127.0.0.1:9', ...endpoints] });
    open.push(client);
    await client.put('k', 'v');
  });
});

describe('close', () => {
  it('settles every pending call, is idempotent, and refuses later calls', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints, lanes: 1 });
    await client.put('warm', 'up');
    const [replica] = replicas;
    if (replica === undefined) throw new Error('one replica');
    const arrived = new Promise<void>((resolve) => {
      replica.script = () => resolve();
    });
    const sent = failure(client.put('sent', '1'));
    await arrived;
    const queued = failure(client.put('queued', '2'));
    const closes = [client.close(), client.close()];
    expect(await sent).toMatchObject({ code: 'closed', definite: false });
    expect(await queued).toMatchObject({ code: 'closed', definite: true });
    await Promise.all(closes);
    await client.close();
    expect(await failure(client.get('k'))).toMatchObject({ code: 'closed', definite: true });
    expect(await failure(client.connected())).toMatchObject({ code: 'closed', definite: true });
    expect(client.status().state).toBe('closed');
  });

  // The moment of the close walks through connect, greeting, register, request and reply.
  it('is safe at every moment of a call', async () => {
    const { endpoints } = await startCluster(3);
    for (let moment = 0; moment < 40; moment += 1) {
      const client = new Client({ endpoints });
      const calls = [client.put('a', '1'), client.get('a'), client.connected()];
      const outcomes = Promise.allSettled(calls);
      for (let turn = 0; turn < moment; turn += 1) {
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
      }
      await client.close();
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') {
          expect(outcome.reason).toBeInstanceOf(ClientError);
          expect(outcome.reason).toMatchObject({ code: 'closed' });
        }
      }
    }
  });

  it('leaves no connection behind', async () => {
    const { replicas, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    await client.put('k', 'v');
    await client.close();
    await expect.poll(() => replicas[0]?.connections()).toBe(0);
  });
});
