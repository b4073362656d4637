import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Caller } from './caller.ts';
import { Dispatcher } from './dispatcher.ts';
import { ClientError } from './errors.ts';
import { type ClientOptions, settingsOf } from './options.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';
import { ManualClock } from './testing/manual-clock.ts';

/*
 * A real replica's sockets and a clock that stands still: what the network does is waited for, and
 * time passes only where a test says so, however slow the machine is.
 */

const TIMEOUT = 2_000;
const PAUSE = 100;
const TICK = 10;
let replica: FakeReplica;
let clock: ManualClock;
let dispatcher: Dispatcher;

beforeEach(async () => {
  replica = await new FakeReplica(new FakeCluster()).start();
  clock = new ManualClock();
  const settings = settingsOf({ endpoints: [replica.endpoint], lanes: 1 });
  dispatcher = new Dispatcher(settings, () => {}, clock);
  dispatcher.open();
  await dispatcher.connected(TIMEOUT);
});
afterEach(async () => {
  await dispatcher.close();
  await replica.stop();
});

/** A put under way, and how it ended once it has. */
function put(timeout: number): { ended: unknown } {
  const bytes = Buffer.from('k');
  const call = {
    kind: 'put',
    namespace: bytes,
    key: bytes,
    value: bytes,
    previousBytesMax: null,
  } as const;
  const outcome: { ended: unknown } = { ended: null };
  const settle = (value: unknown): void => {
    outcome.ended = value;
  };
  void dispatcher.call({ call, read: null, timeout, signal: null }).then(settle, settle);
  return outcome;
}

/** Until the network and the promises have come to that; no time of the client passes. */
async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000, interval: 1 });
}

async function ended(outcome: { readonly ended: unknown }): Promise<ClientError> {
  await until(() => outcome.ended !== null);
  if (!(outcome.ended instanceof ClientError)) throw new Error('it failed');
  return outcome.ended;
}

describe('the deadline of a call that replicas without quorum refuse', () => {
  it('is waited for, and the call, sent again meanwhile, definitely did not happen', async () => {
    const warm = put(TIMEOUT);
    await until(() => warm.ended !== null);
    let refusals = 0;
    replica.script = (request, peer, socket) => {
      refusals += 1;
      peer.refuse(request, socket, 'noQuorum');
    };
    const outcome = put(3 * (PAUSE + TICK) + PAUSE / 2);
    for (let turn = 1; turn <= 3; turn += 1) {
      await until(() => refusals === turn && dispatcher.status().queued === 1);
      expect(outcome.ended).toBeNull();
      clock.advance(PAUSE - TICK);
      expect(dispatcher.status()).toMatchObject({ queued: 1, inFlight: 0 });
      clock.advance(2 * TICK);
      expect(dispatcher.status()).toMatchObject({ queued: 0, inFlight: 1 });
    }
    // Refused once more: it waits for its next turn when its time is up.
    await until(() => refusals === 4 && dispatcher.status().queued === 1);
    clock.advance(PAUSE - TICK);
    expect(await ended(outcome)).toMatchObject({ code: 'no_quorum', definite: true });
    replica.script = (request, peer, socket) => peer.answer(request, socket);
    const after = put(TIMEOUT);
    clock.advance(2 * TICK);
    await until(() => after.ended !== null);
    expect(after.ended).toMatchObject({ kind: 'put' });
  });

  it('that comes while a copy is under way leaves open whether it happened', async () => {
    const warm = put(TIMEOUT);
    await until(() => warm.ended !== null);
    let received = 0;
    replica.script = () => {
      received += 1;
    };
    const outcome = put(TIMEOUT);
    await until(() => received === 1);
    clock.advance(TIMEOUT);
    expect(await ended(outcome)).toMatchObject({ code: 'timeout', definite: false });
  });
});

describe('deadlines by kind of call', () => {
  /** Ends of a small put, a large one and a get that nobody answers, in milliseconds. */
  async function endsOf(options: Partial<ClientOptions>): Promise<number[]> {
    const { timeouts } = settingsOf({ endpoints: [replica.endpoint], ...options });
    replica.script = () => {};
    replica.onQuery = () => {};
    const bytes = Buffer.from('k');
    const caller = new Caller(dispatcher, timeouts, bytes);
    const putOf = (value: Uint8Array) => (namespace: Uint8Array) =>
      ({ kind: 'put', namespace, key: bytes, value, previousBytesMax: null }) as const;
    const ends: (number | null)[] = [null, null, null];
    const begun = clock.now();
    [
      caller.perform({}, putOf(bytes)),
      caller.perform({}, putOf(new Uint8Array(20 * 1024))),
      caller.read({}, (namespace) => ({ kind: 'get', namespace, key: bytes, bytesMax: 10 })),
    ].forEach((call, place) => {
      call.catch(() => {
        ends[place] = clock.now() - begun;
      });
    });
    // What is rejected is told before time goes on.
    for (let step = 0; step < 30; step += 1) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => !ends.includes(null));
    return ends.map((end) => end ?? 0);
  }

  it('give a large write more time than a small one', async () => {
    expect(await endsOf({})).toEqual([5_000, 15_000, 5_000]);
  });

  it('are one deadline where only one is given', async () => {
    expect(await endsOf({ requestTimeout: 2_000 })).toEqual([2_000, 2_000, 2_000]);
  });

  it('are what is asked for', async () => {
    const asked = { requestTimeout: 3_000, batchTimeout: 20_000, readTimeout: 1_000 };
    expect(await endsOf(asked)).toEqual([3_000, 20_000, 1_000]);
  });
});
