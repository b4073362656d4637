import { type Call, encodeCalls, KERNEL_CALLS } from '@kimberlite/kernel';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientError } from './errors.ts';
import { OperationClient, type OperationClientOptions } from './operation-client.ts';
import type { OperationQueryOptions } from './operations.ts';
import { clientErrorOf } from './testing/client-error.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';
import { ManualClock } from './testing/manual-clock.ts';

const OPERATION = 40;
const BODY = Uint8Array.of(1, 2);
/** What the fake replicas know as a request. */
const CALL: Call = { kind: 'get', namespace: BODY, key: BODY, bytesMax: 10 };

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** Replicas that answer a query with its own body, backwards. */
async function startCluster(replicaCount: number): Promise<{
  readonly cluster: FakeCluster;
  readonly replicas: readonly FakeReplica[];
  readonly first: FakeReplica;
  readonly endpoints: readonly string[];
}> {
  const cluster = new FakeCluster({ replicaCount });
  const replicas: FakeReplica[] = [];
  for (let slot = 0; slot < replicaCount; slot += 1) {
    const replica = await new FakeReplica(cluster, slot).start();
    open.push({ close: () => replica.stop() });
    replica.onQuery = (query, peer, socket) => {
      peer.answerQueryWith(query, socket, query.body.slice().reverse());
    };
    replicas.push(replica);
  }
  const [first] = replicas;
  if (first === undefined) throw new Error('a cluster has replicas');
  return { cluster, replicas, first, endpoints: replicas.map(({ endpoint }) => endpoint) };
}

function makeClient(options: OperationClientOptions, clock?: ManualClock): OperationClient {
  const client = new OperationClient(options, clock);
  open.push(client);
  return client;
}

/** Until the network and the promises have come to that; no time of the client passes. */
async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000, interval: 1 });
}

describe('queries of a state machine of one’s own', () => {
  it('are answered with bytes, an op and a view, at each level, without a session', async () => {
    const { cluster, first, endpoints } = await startCluster(1);
    cluster.op = 5;
    cluster.view = 3;
    const client = makeClient({ endpoints });
    const levels: OperationQueryOptions[] = [
      {},
      { consistency: { boundedMillis: 250 } },
      { consistency: 'local', prefer: 'primary' },
      { consistency: 'linearizable', prefer: 'nearest' },
    ];
    for (const options of levels) {
      const reply = await client.query(OPERATION, BODY, options);
      expect(reply).toEqual({ body: Uint8Array.of(2, 1), op: 5, view: 3 });
    }
    expect(first.queries.map(({ header }) => header)).toMatchObject([
      { operation: OPERATION, level: 0, lagMax: 0 },
      { operation: OPERATION, level: 1, lagMax: 250 },
      { operation: OPERATION, level: 2, lagMax: 0 },
      { operation: OPERATION, level: 0, lagMax: 0 },
    ]);
    expect(first.received).toEqual([]);
  });

  it('never go back behind a reply to a request, and go on beside one', async () => {
    const { cluster, first, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    cluster.op = 7;
    const reply = await client.request(KERNEL_CALLS, encodeCalls([CALL]));
    expect(reply.body.constructor).toBe(Uint8Array);
    cluster.op = 3;
    first.script = (): void => {};
    let isAnswered = false;
    const hanging = client.request(41, BODY).finally(() => {
      isAnswered = true;
    });
    const closed = expect(hanging).rejects.toMatchObject({ code: 'closed' });
    await until(() => first.received.some(({ header }) => header.operation === 41));
    expect((await client.query(OPERATION, BODY, { consistency: 'local' })).op).toBe(7);
    expect(first.queries.at(-1)?.header.floor).toBe(7);
    expect(isAnswered).toBe(false);
    await client.close();
    await closed;
  });

  it('are asked elsewhere when a replica says nothing, or is gone', async () => {
    const { replicas, first, endpoints } = await startCluster(3);
    const client = makeClient({ endpoints });
    for (const replica of replicas.slice(1)) replica.onQuery = () => {};
    await client.query(OPERATION, BODY, { consistency: 'local' });
    for (const replica of replicas.slice(1)) await replica.stop();
    await client.query(OPERATION, BODY);
    expect(first.queries.length).toBeGreaterThan(1);
  });

  it('end as refused where the state machine does not answer them', async () => {
    const { first, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    first.onQuery = (query, peer, socket) => peer.refuse(query, socket, 'invalid');
    expect(await clientErrorOf(client.query(OPERATION, BODY))).toMatchObject({
      code: 'refused',
      definite: true,
      message: expect.stringContaining('as a query'),
      remedy: expect.stringMatching(/isQuery.+docs\/state-machine\.md/),
    });
  });

  it('end with too_stale when no replica can keep the bound', async () => {
    const { replicas, endpoints } = await startCluster(3);
    const client = makeClient({ endpoints });
    for (const replica of replicas) {
      replica.onQuery = (query, peer, socket) => peer.refuse(query, socket, 'tooStale');
    }
    const bounded = client.query(OPERATION, BODY, { consistency: { boundedMillis: 5 } });
    expect(await clientErrorOf(bounded)).toMatchObject({
      code: 'too_stale',
      definite: true,
      message: 'no replica could give an answer of the last 5 ms; nothing was changed',
    });
  });

  it('end at their deadline with what the replicas said, and change nothing', async () => {
    const { first, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    const outcomes: unknown[] = [];
    for (const reason of ['noQuorum', 'busy', null] as const) {
      first.onQuery = (query, peer, socket) => {
        if (reason !== null) peer.refuse(query, socket, reason);
      };
      const { code, definite } = await clientErrorOf(
        client.query(OPERATION, BODY, { timeout: 150 }),
      );
      outcomes.push([code, definite]);
    }
    expect(outcomes).toEqual([
      ['no_quorum', true],
      ['overloaded', true],
      ['timeout', true],
    ]);
  });

  it('end early when no replica can be reached, or none speaks to this client', async () => {
    const { cluster, first, endpoints } = await startCluster(1);
    cluster.machine = 'mine';
    const other = makeClient({ endpoints, machine: 'yours' });
    expect(await clientErrorOf(other.query(OPERATION, BODY))).toMatchObject({
      code: 'wrong_machine',
    });
    await first.stop();
    const clock = new ManualClock();
    const nobody = makeClient({ endpoints }, clock);
    let error: ClientError | null = null;
    const ended = clientErrorOf(nobody.query(OPERATION, BODY, { timeout: 60_000 })).then(
      (reason) => {
        error = reason;
      },
    );
    await vi.waitFor(() => {
      clock.advance(100);
      expect(error).toMatchObject({ code: 'unreachable', definite: true });
    });
    await ended;
    expect(clock.now()).toBeLessThan(60_000);
  });

  it('end when their signal or the client ends', async () => {
    const { first, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    const reason = new Error('enough');
    const abort = new AbortController();
    const { signal } = abort;
    first.onQuery = () => abort.abort(reason);
    expect(await clientErrorOf(client.query(OPERATION, BODY, { signal }))).toMatchObject({
      code: 'aborted',
      definite: true,
      cause: reason,
      message: 'the read was aborted; nothing was changed',
    });
    const seen = first.queries.length;
    expect(await clientErrorOf(client.query(OPERATION, BODY, { signal }))).toMatchObject({
      code: 'aborted',
      message: 'the call was aborted before it was sent',
    });
    expect(first.queries).toHaveLength(seen);
    const waiting = clientErrorOf(client.query(OPERATION, BODY));
    await client.close();
    expect(await waiting).toMatchObject({ code: 'closed', definite: true });
    expect(await clientErrorOf(client.query(OPERATION, BODY))).toMatchObject({ code: 'closed' });
  });

  it('wait for those before them, of their own level alone', async () => {
    const { first, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    const held: (() => void)[] = [];
    first.onQuery = (query, peer, socket) => {
      const answer = (): void => peer.answerQueryWith(query, socket, query.body);
      if (query.header.level === 0) held.push(answer);
      else answer();
    };
    const asked = Array.from({ length: 66 }, () => client.query(OPERATION, BODY));
    await client.query(OPERATION, BODY, { consistency: 'local' });
    const sent = new Set(first.queries.map(({ header }) => header.query));
    // 64 linearizable ones and the local one.
    expect(sent.size).toBe(65);
    first.onQuery = (query, peer, socket) => peer.answerQueryWith(query, socket, query.body);
    for (const answer of held) answer();
    expect(await Promise.all(asked)).toHaveLength(66);
  });

  it('refuse arguments that make no sense, each alone', async () => {
    const { first, endpoints } = await startCluster(1);
    const client = makeClient({ endpoints });
    const { query } = client as unknown as {
      query: (...values: unknown[]) => Promise<unknown>;
    }; // SAFETY: as JavaScript calls it.
    const exists = 'operations of a state machine are 16 to 65535';
    const cases: [unknown[], string][] = [
      // Of the core: `request` takes it, a query has no place in the log.
      [[2, BODY], `operation 2 does not exist; ${exists}`],
      [['40', BODY], `operation '40' does not exist; ${exists}`],
      [[OPERATION, 'text'], "a body is a Uint8Array, not 'text'"],
      [[OPERATION, BODY, null], 'the options of query must be a plain object, not null'],
      [
        [OPERATION, BODY, { consistancy: 'local' }],
        'consistancy is not an option of query (did you mean consistency?)',
      ],
      [[OPERATION, BODY, { namespace: 'x' }], 'namespace is not an option of query'],
      [
        [OPERATION, BODY, { prefer: 'cheapest' }],
        "prefer is 'primary' or 'nearest', not 'cheapest'",
      ],
      [[OPERATION, BODY, { signal: 1 }], 'signal is an AbortSignal, not 1'],
    ];
    for (const [values, message] of cases) {
      const error = await clientErrorOf(query.apply(client, values));
      expect(error).toMatchObject({ code: 'invalid_argument', message });
    }
    for (const options of [{ timeout: 0 }, { consistency: { boundedMillis: 0 } }]) {
      const error = await clientErrorOf(client.query(OPERATION, BODY, options));
      expect(error.code).toBe('invalid_argument');
    }
    const large = clientErrorOf(client.query(OPERATION, new Uint8Array(300_000)));
    await expect(client.query(OPERATION, BODY)).resolves.toMatchObject({ op: 1 });
    expect(await large).toMatchObject({ code: 'too_large', definite: true });
    expect(first.queries).toHaveLength(1);
  });
});
