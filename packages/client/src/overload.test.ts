import { type Message, Prng } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BusyPause } from './busy-pause.ts';
import { Caller } from './caller.ts';
import { Dispatcher } from './dispatcher.ts';
import { OperationClient } from './operation-client.ts';
import { parseEndpoint, settingsOf } from './options.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';
import { ManualClock } from './testing/manual-clock.ts';

const TIMEOUT = 2_000;
const KEY: Uint8Array = Buffer.from('k');

let clock: ManualClock;
let replica: FakeReplica;
let dispatcher: Dispatcher | undefined;
let caller: Caller;

beforeEach(async () => {
  clock = new ManualClock();
  replica = await new FakeReplica(new FakeCluster()).start();
  await restart();
  const warm = put();
  await passUntil(() => warm.ended !== null);
});

afterEach(async () => {
  await dispatcher?.close();
  await replica.stop();
});

/** How a call ended: its result, or the error; null while it goes on. */
interface Outcome {
  ended: unknown;
}

function outcomeOf(call: Promise<unknown>): Outcome {
  const outcome: Outcome = { ended: null };
  const end = (with_: unknown): void => {
    outcome.ended = with_;
  };
  call.then(end, end);
  return outcome;
}

function put(size = 1): Outcome {
  const value = new Uint8Array(size);
  return outcomeOf(
    caller.perform({}, (namespace) => {
      return { kind: 'put', namespace, key: KEY, value, previousBytesMax: null };
    }),
  );
}

/** Lets time pass until it is so. The network has its turn between two ticks. */
async function passUntil(condition: () => boolean): Promise<number> {
  const since = clock.now();
  await vi.waitFor(
    async () => {
      clock.advance(10);
      // A few turns, so that what was sent in this tick is answered before the next.
      for (let turn = 0; turn < 4; turn += 1) await new Promise((next) => setImmediate(next));
      expect(condition()).toBe(true);
    },
    { timeout: 20_000, interval: 0 },
  );
  return clock.now() - since;
}

/** The writes that arrived since there were so many of everything. */
function copies(since: number): Message<'request'>[] {
  return replica.received.slice(since).filter(({ header }) => header.request > 0);
}

/** Begins anew, with a dispatcher that has no session yet. */
async function restart(endpoints: readonly string[] = [replica.endpoint]): Promise<void> {
  await dispatcher?.close();
  const settings = settingsOf({ endpoints, requestTimeout: TIMEOUT, lanes: 1 });
  dispatcher = new Dispatcher(settings, () => {}, clock);
  caller = new Caller(dispatcher, settings.timeouts, KEY);
  dispatcher.open();
  await dispatcher.connected(TIMEOUT);
}

describe('a cluster that is full', () => {
  it('for a moment only is no error: the call is asked for again, and happens once', async () => {
    let refusals = 0;
    replica.script = (request, peer, socket) => {
      refusals += 1;
      if (refusals <= 2) peer.refuse(request, socket, 'busy');
      else peer.answer(request, socket);
    };
    const executed = replica.cluster.executed.length;
    const outcome = put();
    await passUntil(() => outcome.ended !== null);
    expect(outcome.ended).toMatchObject({ kind: 'put' });
    expect(replica.cluster.executed).toHaveLength(executed + 1);
  });

  it('until the deadline is told as overloaded, and the call did not happen', async () => {
    const since = replica.received.length;
    replica.script = (request, peer, socket) => peer.refuse(request, socket, 'busy');
    const [first, other] = [put(), put()];
    await passUntil(() => first.ended !== null && other.ended !== null);
    const told = { code: 'overloaded', definite: true, remedy: expect.stringContaining('Slow') };
    expect(first.ended).toMatchObject(told);
    expect(other.ended).toMatchObject(told);
    // It is asked ever more seldom, always by the same number: none of them was ever taken.
    const asked = copies(since);
    expect(asked.length).toBeGreaterThan(3);
    expect(asked.length).toBeLessThan(20);
    expect(new Set(asked.map(({ header }) => header.request)).size).toBe(1);
    expect(replica.cluster.executed).toHaveLength(1);
    replica.script = (request, peer, socket) => peer.answer(request, socket);
    const after = put();
    expect(await passUntil(() => after.ended !== null)).toBeLessThan(2_000);
    expect(after.ended).toMatchObject({ kind: 'put' });
  });

  it('after a copy that nobody answered leaves open whether the call happened', async () => {
    const since = replica.received.length;
    replica.script = (request, peer, socket) => {
      if (copies(since).length > 1) peer.refuse(request, socket, 'busy');
    };
    const outcome = put();
    await passUntil(() => outcome.ended !== null);
    expect(copies(since).length).toBeGreaterThan(5);
    expect(outcome.ended).toMatchObject({ code: 'timeout', definite: false });
  });

  it('that two endpoints name says so twice, which counts once', async () => {
    const { port } = parseEndpoint(replica.endpoint);
    await restart([replica.endpoint, `localhost:${port}`]);
    await passUntil(() => replica.connections() === 2);
    const since = replica.received.length;
    replica.script = (request, peer) => {
      if (copies(since).length >= 2) peer.refuseEverywhere(request, 'busy');
    };
    const outcome = put();
    await passUntil(() => outcome.ended !== null);
    // Of the first copy nobody has said anything.
    expect(outcome.ended).toMatchObject({ code: 'timeout', definite: false });
  });

  it('of reads is told as overloaded at the deadline', async () => {
    replica.onQuery = (query, peer, socket) => peer.refuse(query, socket, 'busy');
    const outcome = outcomeOf(
      caller.read({}, (namespace) => ({ kind: 'get', namespace, key: KEY, bytesMax: 10 })),
    );
    await passUntil(() => outcome.ended !== null);
    expect(outcome.ended).toMatchObject({ code: 'overloaded', definite: true });
  });

  it('of reads without a quorum is told as that, and answers when it is back', async () => {
    const get = (): Outcome =>
      outcomeOf(
        caller.read({}, (namespace) => ({ kind: 'get', namespace, key: KEY, bytesMax: 10 })),
      );
    replica.onQuery = (query, peer, socket) => peer.refuse(query, socket, 'noQuorum');
    const refused = get();
    await passUntil(() => refused.ended !== null);
    expect(refused.ended).toMatchObject({
      code: 'no_quorum',
      definite: true,
      message: 'the replicas that answer see no quorum; the call was not executed',
    });
    const patient = get();
    const asked = replica.queries.length;
    await passUntil(() => replica.queries.length > asked);
    replica.onQuery = (query, peer, socket) => peer.answerQuery(query, socket);
    await passUntil(() => patient.ended !== null);
    expect(patient.ended).toMatchObject({ kind: 'get' });
  });

  it('of registers is told as overloaded to calls that were never sent', async () => {
    replica.onRegister = (request, peer, socket) => peer.refuse(request, socket, 'busy');
    await restart();
    const outcome = put();
    await passUntil(() => outcome.ended !== null);
    expect(outcome.ended).toMatchObject({ code: 'overloaded', definite: true });
  });
});

describe('a large request', () => {
  /** Milliseconds until a request that nobody answers is sent for the second time. */
  async function secondCopyAfter(puts: number, size: number): Promise<number> {
    const since = replica.received.length;
    replica.script = () => {};
    for (let count = 0; count < puts; count += 1) put(size);
    await passUntil(() => copies(since).length === 1);
    return passUntil(() => copies(since).length === 2);
  }

  it('is sent again later than a small one: it is on its way for longer', async () => {
    const small = await secondCopyAfter(1, 100);
    expect(small).toBeLessThanOrEqual(200);
    await restart();
    expect(await secondCopyAfter(4, 60_000)).toBeGreaterThanOrEqual(210);
  });
});

describe('a client of operations', () => {
  it('asks a full cluster again until the deadline, then tells it as overloaded', async () => {
    const client = new OperationClient({ endpoints: [replica.endpoint] });
    try {
      let refusals = 0;
      replica.script = (request, peer, socket) => {
        refusals += 1;
        peer.refuse(request, socket, 'busy');
      };
      const outcome = outcomeOf(client.request(16, new Uint8Array(1), { timeout: 400 }));
      await vi.waitFor(() => expect(outcome.ended).not.toBeNull(), { timeout: 20_000 });
      expect(outcome.ended).toMatchObject({ code: 'overloaded', definite: true });
      expect(refusals).toBeGreaterThan(1);
    } finally {
      await client.close();
    }
  });
});

describe('the pause after a refusal', () => {
  it('doubles to a second or so, is spread, and is short again after an answer', () => {
    const pause = new BusyPause(new Prng(7n));
    const lasts = (): number => {
      pause.onBusy(0);
      let millis = 0;
      while (pause.isOn(millis)) millis += 1;
      return millis;
    };
    expect(pause.isOn(0)).toBe(false);
    const first = lasts();
    expect(first).toBeGreaterThanOrEqual(25);
    expect(first).toBeLessThanOrEqual(75);
    const longest = Array.from({ length: 20 }, lasts).slice(5);
    expect(Math.min(...longest)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...longest)).toBeLessThanOrEqual(1_500);
    expect(new Set(longest).size).toBeGreaterThan(5);
    pause.onAnswer();
    expect(lasts()).toBeLessThanOrEqual(75);
  });
});
