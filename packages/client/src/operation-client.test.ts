import { OPERATION_NOOP } from '@kimberlite/vsr';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientError } from './errors.ts';
import { OperationClient, type OperationClientOptions } from './operation-client.ts';
import type { OperationQueryOptions } from './operations.ts';
import { clientErrorOf } from './testing/client-error.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';
import { ManualClock } from './testing/manual-clock.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

async function startReplica(): Promise<FakeReplica> {
  const replica = await new FakeReplica(new FakeCluster({ replicaCount: 1 }), 0).start();
  open.push({ close: () => replica.stop() });
  return replica;
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

describe('a client for operations', () => {
  it('asks one after another, with the bytes that it was given', async () => {
    const replica = await startReplica();
    const client = makeClient({ endpoints: [replica.endpoint] });
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    const asked = [20, 21, OPERATION_NOOP].map((operation) =>
      client.request(operation, new Uint8Array([operation])).catch((error: unknown) => error),
    );
    for (const error of await Promise.all(asked)) {
      expect(error).toMatchObject({ code: 'refused', definite: true });
    }
    const seen = replica.received
      .filter(({ header }) => header.request > 0)
      .map(({ header, body }) => [header.operation, [...body]]);
    expect(seen).toEqual([
      [20, [20]],
      [21, [21]],
      [OPERATION_NOOP, [OPERATION_NOOP]],
    ]);
    expect(client.description).toMatchObject({ replicaCount: 1 });
  });

  it('refuses a machine of another name, where one was named', async () => {
    const replica = await startReplica();
    replica.cluster.machine = 'mine';
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    const ask = (machine: string): Promise<unknown> => {
      const client = makeClient({ endpoints: [replica.endpoint], machine });
      return client.request(20, new Uint8Array(0), { timeout: 300 }).catch((error) => error);
    };
    expect(await ask('yours')).toMatchObject({ code: 'wrong_machine', definite: true });
    expect(replica.received).toEqual([]);
    expect(await ask('mine')).toMatchObject({ code: 'refused' });
    expect(() => makeClient({ endpoints: [replica.endpoint], machine: 'Not one' })).toThrow(
      /machine is a name/,
    );
  });

  it('says whether a request that got no answer may have happened', async () => {
    const replica = await startReplica();
    const client = makeClient({ endpoints: [replica.endpoint] });
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    await expect(client.request(20, new Uint8Array(0))).rejects.toMatchObject({ code: 'refused' });
    replica.script = (): void => {};
    await expect(client.request(20, new Uint8Array(0), { timeout: 200 })).rejects.toMatchObject({
      code: 'timeout',
      definite: false,
    });
    await replica.stop();
    const nobody = makeClient({ endpoints: [replica.endpoint] });
    await expect(nobody.request(20, new Uint8Array(0), { timeout: 200 })).rejects.toMatchObject({
      code: 'unreachable',
      definite: true,
    });
  });

  it('refuses what is no operation, and everything once it is closed', async () => {
    const client = makeClient({ endpoints: ['127.0.0.1:1'] });
    for (const operation of [0, 1, -1, 1.5, 0x10000]) {
      await expect(client.request(operation, new Uint8Array(0))).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    }
    const waiting = client.request(20, new Uint8Array(0));
    const ended = expect(waiting).rejects.toMatchObject({ code: 'closed', definite: true });
    await client.close();
    await ended;
    await expect(client.request(20, new Uint8Array(0))).rejects.toMatchObject({ code: 'closed' });
  });

  it('refuses arguments that make no sense, each alone', async () => {
    const replica = await startReplica();
    const misspelt = { endpoints: [replica.endpoint], lanes: 4 };
    expect(() => makeClient(misspelt)).toThrow('lanes is not an option of a client for operations');
    expect(() => makeClient({ endpoints: [replica.endpoint], queueCallsMax: 0 })).toThrow(
      'queueCallsMax is a whole number of 1',
    );
    const client = makeClient({ endpoints: [replica.endpoint] });
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    const { request } = client as unknown as {
      request: (...values: unknown[]) => Promise<unknown>;
    }; // SAFETY: as JavaScript calls it.
    const body = new Uint8Array(1);
    const cases: [unknown[], string][] = [
      [[20, body, { timout: 5 }], 'timout is not an option of request (did you mean timeout?)'],
      [[20, body, null], 'the options of request must be a plain object, not null'],
      [[20, 'text'], "a body is a Uint8Array, not 'text'"],
      [[20], 'a body is a Uint8Array, not undefined'],
      [[20, body, { signal: 1 }], 'signal is an AbortSignal, not 1'],
      [
        ['20', body],
        "operation '20' does not exist; operations of a state machine are 16 to 65535",
      ],
      [[5, body], 'operation 5 does not exist; operations of a state machine are 16 to 65535'],
    ];
    for (const [values, message] of cases) {
      await expect(request.apply(client, values)).rejects.toMatchObject({
        code: 'invalid_argument',
        message,
      });
    }
    const large = client.request(20, new Uint8Array(300_000));
    const innocent = client.request(20, body);
    await expect(large).rejects.toMatchObject({ code: 'too_large', definite: true });
    await expect(innocent).rejects.toMatchObject({
      code: 'refused',
      message: "the cluster's state machine does not take this operation with this body",
      remedy: expect.stringMatching(/docs\/state-machine\.md/),
    });
    expect(replica.received.filter(({ header }) => header.request > 0)).toHaveLength(1);
  });

  // A replica that vanished without a word: its requests would wait for ever on a dead connection.
  it('makes a connection anew that is silent while a request waits', async () => {
    const replica = await startReplica();
    const clock = new ManualClock();
    const client = new OperationClient({ endpoints: [replica.endpoint] }, clock);
    open.push(client);
    replica.onRegister = (): void => {};
    const asked = client.request(20, new Uint8Array(1), { timeout: 60_000 });
    const ended = expect(asked).rejects.toMatchObject({ code: 'refused', definite: true });
    await until(() => replica.received.length > 0);
    const silent = replica.received.length;
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    replica.onRegister = (request, peer, socket) => peer.answer(request, socket);
    replica.pause();
    clock.advance(3_500);
    await until(() => replica.received.length > silent);
    await ended;
  });

  it('ends a request at its deadline, whatever waits before it', async () => {
    const replica = await startReplica();
    const clock = new ManualClock();
    const client = new OperationClient({ endpoints: [replica.endpoint] }, clock);
    open.push(client);
    replica.script = (): void => {};
    const first = client.request(20, new Uint8Array(1), { timeout: 2_000 });
    const second = client.request(21, new Uint8Array(1), { timeout: 100 });
    const ended = [
      expect(first).rejects.toMatchObject({ code: 'timeout', definite: false }),
      expect(second).rejects.toMatchObject({ code: 'timeout', definite: true }),
    ];
    await until(() => replica.received.some(({ header }) => header.operation === 20));
    clock.advance(2_020);
    await Promise.all(ended);
  });

  it('asks a cluster without a quorum again until the deadline, then says so', async () => {
    const replica = await startReplica();
    const client = makeClient({ endpoints: [replica.endpoint] });
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'noQuorum');
    await expect(client.request(20, new Uint8Array(1), { timeout: 300 })).rejects.toMatchObject({
      code: 'no_quorum',
      definite: true,
    });
    expect(replica.received.filter(({ header }) => header.request > 0).length).toBeGreaterThan(1);
  });
});

describe('what waits in a client for operations', () => {
  const full = { code: 'queue_full', definite: true };
  const levels: OperationQueryOptions[] = [
    {},
    { consistency: { boundedMillis: 5 } },
    { consistency: 'local' },
  ];

  it('is bounded by count, requests and the queries of each level apart', async () => {
    const client = makeClient({ endpoints: ['127.0.0.1:1'], queueCallsMax: 2 }, new ManualClock());
    const body = new Uint8Array(0);
    const kinds = [
      () => client.request(20, body),
      ...levels.map((options) => () => client.query(20, body, options)),
      // Another bound, but of the same level as one above.
      () => client.query(20, body, { consistency: { boundedMillis: 6 } }),
    ];
    const waiting: Promise<ClientError>[] = [];
    for (const ask of kinds.slice(0, 4)) waiting.push(clientErrorOf(ask()), clientErrorOf(ask()));
    for (const ask of kinds) {
      const error = await clientErrorOf(ask());
      expect(error).toMatchObject(full);
      expect(error.message).toBe('too many calls are waiting to be sent');
    }
    await client.close();
    for (const error of await Promise.all(waiting)) expect(error.code).toBe('closed');
  });

  it('is bounded by bytes, and makes room when it is given up', async () => {
    const waiting: Promise<ClientError>[] = [];
    const client = makeClient(
      { endpoints: ['127.0.0.1:1'], queueBytesMax: 100 },
      new ManualClock(),
    );
    const asks = [
      (size: number, options = {}) => client.request(20, new Uint8Array(size), options),
      (size: number, options = {}) => client.query(20, new Uint8Array(size), options),
    ];
    for (const ask of asks) {
      const abort = new AbortController();
      // One alone may wait, whatever its size.
      const large = clientErrorOf(ask(200, { signal: abort.signal }));
      expect(await clientErrorOf(ask(1))).toMatchObject(full);
      abort.abort();
      expect(await large).toMatchObject({ code: 'aborted', definite: true });
      const first = clientErrorOf(ask(60));
      expect(await clientErrorOf(ask(41))).toMatchObject(full);
      const second = clientErrorOf(ask(40));
      expect(await clientErrorOf(ask(1))).toMatchObject(full);
      waiting.push(first, second);
    }
    await client.close();
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: 'closed', definite: true });
    }
  });

  it('does not count what is in flight', async () => {
    const replica = await startReplica();
    const options = { endpoints: [replica.endpoint], queueCallsMax: 1 };
    const client = makeClient(options, new ManualClock());
    replica.script = (): void => {};
    const body = new Uint8Array(1);
    const inFlight = clientErrorOf(client.request(20, body));
    await until(() => replica.received.some(({ header }) => header.operation === 20));
    const waiting = clientErrorOf(client.request(21, body));
    expect(await clientErrorOf(client.request(22, body))).toMatchObject(full);
    await client.close();
    expect(await inFlight).toMatchObject({ code: 'closed', definite: false });
    expect(await waiting).toMatchObject({ code: 'closed', definite: true });
  });
});

describe('a signal given to a request', () => {
  it('that has fired already refuses it, and nothing is sent', async () => {
    const replica = await startReplica();
    const client = makeClient({ endpoints: [replica.endpoint] });
    const reason = new Error('enough');
    const given = client.request(20, new Uint8Array(1), { signal: AbortSignal.abort(reason) });
    expect(await clientErrorOf(given)).toMatchObject({
      code: 'aborted',
      definite: true,
      cause: reason,
    });
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'invalid');
    await clientErrorOf(client.request(21, new Uint8Array(1)));
    expect(replica.received.map(({ header }) => header.operation)).not.toContain(20);
  });

  it('ends it wherever it is, and what is behind it goes on', async () => {
    const replica = await startReplica();
    const clock = new ManualClock();
    const client = makeClient({ endpoints: [replica.endpoint] }, clock);
    replica.script = (request, peer, socket) => {
      if (request.header.operation !== 20) peer.refuse(request, socket, 'invalid');
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const body = new Uint8Array(1);
    const inFlight = clientErrorOf(client.request(20, body, { signal: first.signal }));
    const waiting = clientErrorOf(client.request(21, body, { signal: second.signal }));
    const behind = clientErrorOf(client.request(22, body));
    const operations = (): number[] => replica.received.map(({ header }) => header.operation);
    await until(() => operations().includes(20));
    second.abort();
    expect(await waiting).toMatchObject({ code: 'aborted', definite: true });
    first.abort();
    expect(await inFlight).toMatchObject({ code: 'aborted', definite: false });
    const sent = operations().length;
    await vi.waitFor(() => {
      clock.advance(10);
      expect(operations()).toContain(22);
    });
    expect(await behind).toMatchObject({ code: 'refused' });
    expect(operations().slice(sent)).not.toContain(20);
    expect(operations()).not.toContain(21);
    const clients = replica.received.map(({ header }) => header.client);
    expect(new Set(clients).size).toBe(2);
  });
});
