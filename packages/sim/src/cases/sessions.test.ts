import { mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  ClientId,
  EVICTION_REASONS,
  encodeMessage,
  isCommand,
  type Message,
  NO_REPLICA,
  OPERATION_REGISTER,
  REFUSAL_REASONS,
  View,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';
import { OPERATION_ADD } from '../workload/counter-machine.ts';

interface RawRequest {
  readonly client: bigint;
  readonly session: number;
  readonly request: number;
  readonly operation?: number;
  readonly body?: Uint8Array;
  readonly cluster?: bigint;
}

/** A request as any program could send it, well-behaved or not. */
function rawRequest(script: ScriptedCluster, raw: RawRequest): Message<'request'> {
  return encodeMessage(
    'request',
    {
      cluster: raw.cluster ?? script.tap.clusterId,
      replica: NO_REPLICA,
      view: View(0),
      release: 0,
      incarnation: 0n,
      client: ClientId(raw.client),
      session: raw.session,
      request: raw.request,
      operation: raw.operation ?? OPERATION_ADD,
    },
    raw.body ?? (raw.operation === OPERATION_REGISTER ? null : new Uint8Array([9, 1])),
    mix128,
  );
}

/** Sends it from the node of client 0, and lets it arrive. */
function sendRaw(script: ScriptedCluster, to: number, message: Message<'request'>): void {
  const node = script.cluster.options.replicaCount;
  script.cluster.network.send(node, to, message as AnyMessage); // SAFETY: a request.
  script.run(10);
}

function register(script: ScriptedCluster, to: number, client: bigint): void {
  sendRaw(
    script,
    to,
    rawRequest(script, { client, session: 0, request: 0, operation: OPERATION_REGISTER }),
  );
}

/** Answers that reached the node of client 0 for this id. */
class Answers {
  private readonly script: ScriptedCluster;
  private readonly client: bigint;
  private readonly caught: ReturnType<ScriptedCluster['watch']>;

  constructor(script: ScriptedCluster, client: bigint) {
    this.script = script;
    this.client = client;
    this.caught = this.script.watch({ to: script.cluster.options.replicaCount });
  }

  private messages(): AnyMessage[] {
    return this.caught.packets.map(messageIn);
  }

  replies(): Message<'reply'>[] {
    return this.messages().flatMap((message) =>
      isCommand(message, 'reply') && message.header.client === this.client ? message : [],
    );
  }

  evictions(): number[] {
    return this.messages().flatMap((message) =>
      isCommand(message, 'eviction') && message.header.client === this.client
        ? message.header.reason
        : [],
    );
  }

  refusals(): number[] {
    return this.messages().flatMap((message) =>
      isCommand(message, 'refusal') && message.header.client === this.client
        ? message.header.reason
        : [],
    );
  }
}

const SESSIONS_MAX = 7;

describe('an eviction', () => {
  it('for a client that nobody knows says so', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    sendRaw(script, primary, rawRequest(script, { client: 77n, session: 16_384, request: 1 }));
    expect(answers.evictions()).toEqual([EVICTION_REASONS.noSession]);
    expect(script.read(9)).toBe(0);
  });

  it('is told only by the primary', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const evictions = script.watch({ command: 'eviction' });
    // Forwarded, so that the primary answers; it has never seen this client and can't reach it.
    sendRaw(
      script,
      at(backups, 0),
      rawRequest(script, { client: 77n, session: 16_384, request: 1 }),
    );
    expect(evictions.packets.filter(({ from }) => from !== primary)).toEqual([]);
  });

  it('for the older of two sessions of one client says that it is too low', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    register(script, primary, 77n);
    const first = at(answers.replies(), 0).header.session;
    // Pushed out by others, and then its register comes once more, late.
    for (let client = 0n; client < BigInt(SESSIONS_MAX); client += 1n)
      register(script, primary, 1_000n + client);
    expect(script.events('session_evicted', primary).some(({ client }) => client === 77n)).toBe(
      true,
    );
    register(script, primary, 77n);
    const second = at(answers.replies(), 1).header.session;
    expect(second).toBeGreaterThan(first);
    sendRaw(script, primary, rawRequest(script, { client: 77n, session: first, request: 1 }));
    expect(answers.evictions()).toEqual([EVICTION_REASONS.sessionTooLow]);
    // The newer one is not harmed by it.
    sendRaw(script, primary, rawRequest(script, { client: 77n, session: second, request: 1 }));
    expect(at(answers.replies(), 2).header).toMatchObject({ request: 1, session: second });
  });

  it('for two requests with one number says that they collide', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    register(script, primary, 77n);
    const { session } = at(answers.replies(), 0).header;
    sendRaw(script, primary, rawRequest(script, { client: 77n, session, request: 1 }));
    const body = new Uint8Array([9, 100]);
    sendRaw(script, primary, rawRequest(script, { client: 77n, session, request: 1, body }));
    expect(answers.evictions()).toEqual([EVICTION_REASONS.requestCollision]);
    expect(script.read(9)).toBe(1);
  });

  it('for the second of two that come while the first is under way waits for the first', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    register(script, primary, 77n);
    const { session } = at(answers.replies(), 0).header;
    const acks = script.drop({ command: 'prepareOk' });
    sendRaw(script, primary, rawRequest(script, { client: 77n, session, request: 1 }));
    const body = new Uint8Array([9, 100]);
    sendRaw(script, primary, rawRequest(script, { client: 77n, session, request: 1, body }));
    expect(answers.evictions()).toEqual([]);
    expect(script.events('dropped', primary).at(-1)?.reason).toBe('client_busy');
    acks.remove();
    script.run(40);
    expect(answers.replies()).toHaveLength(2);
    expect(script.read(9)).toBe(1);
  });

  it('from an older view does not end a session of a newer one', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const client = at(script.cluster.clients, 0);
    script.add(1, 1);
    const caught = script.drop({ from: client.node, command: 'request' });
    script.submit(addOne(1));
    script.runUntil(() => caught.packets.length > 0);
    const message = messageIn(at(caught.packets, 0));
    if (!isCommand(message, 'request')) throw new Error('only those were kept');
    const { view } = script.state(primary);
    for (const old of [0, view]) {
      const { session, request } = message.header;
      const eviction = encodeMessage(
        'eviction',
        {
          cluster: script.tap.clusterId,
          replica: primary,
          view: View(old),
          release: 0,
          incarnation: 0n,
          client: client.id,
          session,
          request,
          reason: EVICTION_REASONS.noSession,
        },
        null,
        mix128,
      );
      client.receive(eviction as AnyMessage); // SAFETY: an eviction.
      expect(client.registered).toBe(old < view);
    }
    expect(script.cluster.totals).toMatchObject({ sessionsEvicted: 1, indefiniteReplies: 1 });
  });
});

describe('at the limit of sessions', () => {
  it('the one whose last execution is the oldest goes, whatever the order of registration', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: SESSIONS_MAX });
    for (const client of [3, 1, 6, 0, 5, 2, 4]) script.add(1, 1, client);
    const ids = script.cluster.clients.map(({ id }) => id);
    for (const [place, oldest] of [3, 1, 6].entries()) {
      register(script, primary, 500n + BigInt(place));
      expect(script.events('session_evicted', primary).at(-1)?.client).toBe(ids[oldest]);
      expect(script.state(primary).sessions).toBe(SESSIONS_MAX);
    }
    script.runUntil(() => script.converged());
    // The same choice on all, also on one that comes back from its checkpoint and replays.
    for (const slot of [0, 1, 2]) {
      const evicted = script.events('session_evicted', slot).map(({ client }) => client);
      expect(evicted).toEqual([ids[3], ids[1], ids[6]]);
    }
  });

  it('of two last executed in one op the first in its batch goes', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: SESSIONS_MAX });
    const { pipelineMax } = script.cluster.options.config;
    for (let client = 0; client < SESSIONS_MAX; client += 1) script.add(1, 1, client);
    const acks = script.drop({ command: 'prepareOk' });
    const answers = [1, 2, 3, 4].map((client) => script.submit(addOne(2), client));
    script.run(3);
    expect(script.state(primary).pipelineLength).toBe(pipelineMax);
    // These two wait, and travel together; the later client is the first in the batch.
    for (const client of [6, 5]) {
      answers.push(script.submit(addOne(2), client));
      script.run(3);
    }
    acks.remove();
    script.runUntil(() => answers.every(({ body }) => body !== null), 100);
    for (const client of [0, 1, 2, 3, 4]) script.add(1, 1, client);
    for (const client of [6, 5]) {
      register(script, primary, 500n + BigInt(client));
      const evicted = script.events('session_evicted', primary).at(-1)?.client;
      expect(evicted).toBe(at(script.cluster.clients, client).id);
    }
  });

  it('a register in a batch ends the oldest at once, for the rest of the batch too', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: SESSIONS_MAX });
    const { pipelineMax } = script.cluster.options.config;
    for (let client = 0; client < SESSIONS_MAX; client += 1) script.add(1, 1, client);
    const oldest = at(script.cluster.clients, 0);
    const oldestId = oldest.id;
    const acks = script.drop({ command: 'prepareOk' });
    // Four ops fill the pipeline; what comes then waits, and travels as one batch.
    for (let client = 1; client <= pipelineMax; client += 1) script.submit(addOne(2), client);
    script.run(3);
    expect(script.state(primary).pipelineLength).toBe(pipelineMax);
    register(script, primary, 500n);
    script.submit(addOne(3), 0);
    script.run(3);
    expect(script.state(primary).queueLength).toBe(2);
    acks.remove();
    script.runUntil(() => script.cluster.totals.sessionsEvicted > 0, 100);
    const eviction = at(script.events('session_evicted', primary), 0);
    expect(eviction).toMatchObject({ client: oldestId, index: 0 });
    const request = script
      .events('executed', primary)
      .find((event) => event.outcome === 'no_session');
    expect(request).toMatchObject({ client: oldestId, op: eviction.op, index: 1, reply: null });
    // Evicted while it was under way: its caller is told that nobody knows.
    expect(script.cluster.totals.indefiniteReplies).toBe(1);
    expect(script.read(3, 1)).toBe(0);
    script.runUntil(() => script.converged());
    for (const slot of [0, 1, 2])
      expect(at(script.events('session_evicted', slot), 0)).toEqual(eviction);
  });

  it('a request that stands before the register in its batch is still executed', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: SESSIONS_MAX });
    const { pipelineMax } = script.cluster.options.config;
    for (let client = 0; client < SESSIONS_MAX; client += 1) script.add(1, 1, client);
    const acks = script.drop({ command: 'prepareOk' });
    for (let client = 1; client <= pipelineMax; client += 1) script.submit(addOne(2), client);
    script.run(3);
    const answer = script.submit(addOne(3), 0);
    script.run(3);
    register(script, primary, 500n);
    acks.remove();
    script.runUntil(() => answer.body !== null, 100);
    // The next oldest went instead.
    const eviction = at(script.events('session_evicted', primary), -1);
    expect(eviction.client).toBe(at(script.cluster.clients, pipelineMax + 1).id);
    expect(script.read(3)).toBe(1);
  });

  it('an evicted client comes back with a new session and goes on', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: 2 });
    script.add(1, 1, 0);
    script.add(1, 1, 1);
    for (let client = 0n; client < BigInt(SESSIONS_MAX); client += 1n)
      register(script, primary, 500n + client);
    const lost = script.submit(addOne(1), 0);
    script.runUntil(() => script.cluster.totals.sessionsEvicted === 1, 50);
    expect(lost.body).toBeNull();
    expect(script.add(1, 1, 0)).toBe(3);
  });
});

describe('a register', () => {
  it('that comes again opens no second session, before and after it is committed', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    const acks = script.drop({ command: 'prepareOk' });
    register(script, primary, 77n);
    register(script, primary, 77n);
    expect(script.state(primary).queueLength + script.state(primary).pipelineLength).toBe(1);
    acks.remove();
    script.runUntil(() => answers.replies().length > 0, 100);
    register(script, primary, 77n);
    const sessions = new Set(answers.replies().map(({ header }) => header.session));
    expect(answers.replies().length).toBe(2);
    expect(sessions.size).toBe(1);
    expect(script.state(primary).sessions).toBe(2);
  });

  it('that is known to the log but not to the table of a new primary is waited for', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const next = at(backups, 0);
    const node = script.cluster.options.replicaCount;
    const answers = new Answers(script, 77n);
    const acks = script.drop({ command: 'prepareOk' });
    register(script, primary, 77n);
    script.crash(primary);
    script.runUntil(() => script.state(next).isPrimary, 400);
    const again = rawRequest(script, {
      client: 77n,
      session: 0,
      request: 0,
      operation: OPERATION_REGISTER,
    });
    script.cluster.network.send(node, next, again as AnyMessage); // SAFETY: a request.
    script.run(5);
    expect(answers.evictions()).toEqual([]);
    expect(script.state(next)).toMatchObject({ pipelineLength: 1, queueLength: 0 });
    acks.remove();
    script.runUntil(() => answers.replies().length > 0, 100);
    expect(script.state(next).sessions).toBe(2);
  });
});

describe('a request', () => {
  it('whose reply is lost is answered again without being executed again', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const client = at(script.cluster.clients, 0);
    const lost = script.drop({ to: client.node, command: 'reply' });
    const answer = script.submit(addOne(1));
    script.runUntil(() => lost.packets.length >= 3);
    lost.remove();
    script.runUntil(() => answer.body !== null);
    const ops = new Set(
      lost.packets.map((packet) => {
        const message = messageIn(packet);
        return isCommand(message, 'reply') ? message.header.op : -1;
      }),
    );
    expect(ops.size).toBe(1);
    expect(script.read(1)).toBe(1);
    expect(script.state(primary).isPrimary).toBe(true);
  });

  it('that is replayed long after its answer changes nothing', () => {
    const { script } = settle({ replicaCount: 3 });
    const client = at(script.cluster.clients, 0);
    const requests = script.watch({ from: client.node, command: 'request' });
    for (let count = 0; count < 5; count += 1) script.add(1, 1);
    for (const packet of requests.packets.slice()) {
      for (const to of [0, 1, 2]) script.replay({ ...packet, to });
    }
    script.run(30);
    expect(script.read(1)).toBe(5);
  });

  it.each([
    { name: 'a number too high', number: 3, shift: 0, reason: 'request_out_of_order' },
    { name: 'a session that is not there yet', number: 1, shift: 1, reason: 'session_ahead' },
  ])('with $name is dropped and counted', ({ number, shift, reason }) => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    register(script, primary, 77n);
    const session = at(answers.replies(), 0).header.session + shift;
    sendRaw(script, primary, rawRequest(script, { client: 77n, session, request: number }));
    expect(script.events('dropped', primary).at(-1)).toMatchObject({ command: 'request', reason });
    expect(answers.replies()).toHaveLength(1);
    expect(script.read(9)).toBe(0);
  });

  it('that registers anew within a session is dropped and counted', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    register(script, primary, 77n);
    const { session } = at(answers.replies(), 0).header;
    sendRaw(script, primary, rawRequest(script, { client: 77n, session, request: 1 }));
    expect(answers.replies()).toHaveLength(2);
    register(script, primary, 77n);
    const reason = 'request_out_of_order';
    expect(script.events('dropped', primary).at(-1)).toMatchObject({ command: 'request', reason });
    expect(answers.replies()).toHaveLength(2);
  });

  it.each([
    { name: 'of an unknown operation', operation: 99, body: new Uint8Array(0) },
    { name: 'of an operation of the core', operation: 3, body: new Uint8Array(0) },
    { name: 'with a body of the wrong size', operation: OPERATION_ADD, body: new Uint8Array(3) },
    { name: 'that is too large', operation: OPERATION_ADD, body: new Uint8Array(4_000) },
  ])('$name is refused, definitely, by every replica', ({ operation, body }) => {
    const { script } = settle({ replicaCount: 3 });
    const answers = new Answers(script, 77n);
    for (const slot of [0, 1, 2]) {
      sendRaw(
        script,
        slot,
        rawRequest(script, { client: 77n, session: 1, request: 1, operation, body }),
      );
    }
    const { invalid } = REFUSAL_REASONS;
    expect(answers.refusals()).toEqual([invalid, invalid, invalid]);
    expect(script.add(9, 1)).toBe(1);
  });

  it('that was refused leaves its number to the next one', () => {
    const { script } = settle({ replicaCount: 3 });
    script.add(1, 1);
    script.submit({ operation: 99, body: new Uint8Array(1) });
    script.runUntil(() => script.cluster.totals.definiteRefusals === 1, 20);
    expect(script.add(1, 1)).toBe(2);
    expect(script.cluster.totals.sessionsEvicted).toBe(0);
  });

  it('for another cluster is dropped and counted', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const cluster = script.tap.clusterId ^ 1n;
    sendRaw(script, primary, rawRequest(script, { client: 77n, session: 1, request: 1, cluster }));
    expect(script.events('dropped', primary).at(-1)?.reason).toBe('wrong_cluster');
  });
});

describe('sessions', () => {
  it('outlive primaries, a crash of everybody, checkpoints and state transfer', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 3 });
    const ids = script.cluster.clients.map(({ id }) => id);
    const late = at(backups, 1);
    for (const client of [0, 1, 2]) script.add(1, 1, client);
    script.isolate(late);
    for (let count = 0; count < 70; count += 1) script.add(2, 1);
    script.heal();
    script.runUntil(() => script.events('sync_finished', late).length > 0);
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const slot of [0, 1, 2]) script.crash(slot);
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]) && script.primary() !== null);
    script.crash(script.primary() ?? primary);
    for (const client of [0, 1, 2]) script.add(1, 1, client);
    expect(script.read(1)).toBe(6);
    expect(script.cluster.clients.map(({ id }) => id)).toEqual(ids);
    expect(script.cluster.totals.sessionsEvicted).toBe(0);
  });

  it('answer a retry from a replica that came to them by state transfer alone', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    const late = at(backups, 1);
    const idle = at(script.cluster.clients, 1);
    script.isolate(late);
    const requests = script.watch({ from: idle.node, command: 'request' });
    script.add(4, 1, 1);
    for (let count = 0; count < 70; count += 1) script.add(2, 1);
    script.heal();
    script.runUntil(() => script.events('sync_finished', late).length > 0);
    script.runUntil(() => script.converged([0, 1, 2]));
    const replies = script.watch({ from: late, to: idle.node, command: 'reply' });
    script.replay({ ...at(requests.packets, 0), to: late });
    script.run(5);
    const reply = messageIn(at(replies.packets, 0));
    expect([...reply.body]).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(script.state(primary).isPrimary).toBe(true);
    expect(script.read(4)).toBe(1);
  });
});
