import { HEADER_SIZE, type Message, OPERATION_NOOP } from '@kimberlite/vsr';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientError } from './errors.ts';
import { type RequestOutcome, RequestStage } from './testing/request-stage.ts';

/*
 * A session and replicas without sockets, on a clock by hand: a test says what each copy of a
 * request meets, and when time passes.
 */

const LIMITS = { callsMax: 100, bytesMax: 100_000 };
let stage: RequestStage;

beforeEach(() => {
  stage = new RequestStage(LIMITS);
});

/** Asks, and lets a replica have the first of it. */
async function asked(...operations: number[]): Promise<RequestOutcome[]> {
  const outcomes = operations.map((operation) => stage.ask(operation));
  await stage.settle();
  return outcomes;
}

function copiesOf(operation: number): Message<'request'>[] {
  return stage.copies.filter(({ header }) => header.operation === operation);
}

/** Sessions that were asked for. */
function sessions(): number {
  return new Set(stage.registers.map(({ header }) => header.client)).size;
}

describe('requests', () => {
  it('are sent in the order of the calls, each when the one before it is over', async () => {
    const operations = [20, 21, OPERATION_NOOP, 22, 23, 24];
    const outcomes = await asked(...operations);
    // However each ends: answered, refused for good, or turned away until there is room.
    for (const [turn, outcome] of outcomes.entries()) {
      expect(stage.operations()).toEqual(operations.slice(0, turn + 1));
      if (turn % 3 === 1) stage.refuse(stage.newest(), 'invalid');
      if (turn % 3 === 2) {
        stage.refuse(stage.newest(), 'busy');
        await stage.settle();
        await stage.pass(2_000);
      }
      if (turn % 3 !== 1) stage.reply(stage.newest());
      await stage.settle();
      if (turn % 3 === 1) expect(outcome.error).toMatchObject({ code: 'refused', definite: true });
      else expect(outcome.reply).toMatchObject({ op: 1, view: 0 });
    }
    // A number is used for other bytes only after a definite refusal.
    const numbers = stage.copies.map(({ header }) => [header.operation, header.request]);
    expect(new Map(numbers as [number, number][])).toEqual(
      new Map([
        [20, 1],
        [21, 2],
        [OPERATION_NOOP, 2],
        [22, 3],
        [23, 4],
        [24, 4],
      ]),
    );
    expect(sessions()).toBe(1);
    expect(stage.requests.isActive()).toBe(false);
  });

  it('wait for a session, and for a replica, without being sent', async () => {
    stage.onRegister = () => {};
    stage.disconnect();
    await asked(20);
    expect(sessions()).toBe(0);
    stage.connect();
    await stage.pass(1_000);
    expect(stage.registers.length).toBeGreaterThan(2);
    expect(stage.copies).toHaveLength(0);
  });

  it('that fit into no message of the cluster end alone', async () => {
    const large = stage.ask(20, { size: 5_000 });
    const [small] = await asked(21);
    expect(large.error).toMatchObject({ code: 'too_large', definite: true });
    stage.reply(stage.newest());
    await stage.settle();
    expect(small?.reply).not.toBeNull();
    expect(stage.operations()).toEqual([21]);
  });

  it('are sent again while the cluster is asked for nothing else', async () => {
    await asked(20);
    await stage.pass(1_000);
    expect(stage.copies.length).toBeGreaterThan(2);
    expect(new Set(stage.copies.map(({ bytes }) => bytes)).size).toBe(1);
    expect(stage.newest().bytes.length).toBe(HEADER_SIZE + 1);
  });
});

describe('the room for what waits', () => {
  it('is bounded by count and by bytes, and the one in flight takes none', async () => {
    stage = new RequestStage({ callsMax: 3, bytesMax: 100 });
    stage.onRegister = () => {};
    // One always may, whatever its size.
    expect(stage.requests.hasRoom(1_000)).toBe(true);
    stage.ask(20, { size: 60 });
    expect(stage.requests.hasRoom(41)).toBe(false);
    expect(stage.requests.hasRoom(40)).toBe(true);
    stage.ask(21, { size: 0 });
    stage.ask(22, { size: 0 });
    expect(stage.requests.hasRoom(0)).toBe(false);
    const [register] = stage.registers;
    if (register !== undefined) stage.reply(register);
    await stage.settle();
    expect(stage.operations()).toEqual([20]);
    expect(stage.requests.hasRoom(100)).toBe(true);
    expect(stage.requests.hasRoom(101)).toBe(false);
    stage.ask(23, { size: 100 });
    expect(stage.requests.hasRoom(0)).toBe(false);
    // Turned away, it waits again, and is counted again: nothing that was taken is thrown out.
    stage.refuse(stage.newest(), 'busy');
    await stage.settle();
    await stage.pass(2_000);
    expect(stage.requests.hasRoom(0)).toBe(false);
    stage.reply(stage.newest());
    await stage.settle();
    stage.reply(stage.newest());
    await stage.settle();
    expect(stage.operations()).toEqual([20, 21, 22]);
    expect(stage.requests.hasRoom(0)).toBe(true);
    expect(stage.requests.hasRoom(1)).toBe(false);
  });

  it('is free again when what waits is given up, overdue or closed', async () => {
    stage = new RequestStage({ callsMax: 1, bytesMax: 100 });
    await asked(20);
    const abort = new AbortController();
    stage.ask(21, { signal: abort.signal });
    expect(stage.requests.hasRoom(0)).toBe(false);
    abort.abort();
    expect(stage.requests.hasRoom(0)).toBe(true);
    stage.ask(22, { timeout: 50 });
    expect(stage.requests.hasRoom(0)).toBe(false);
    await stage.pass(50);
    expect(stage.requests.hasRoom(0)).toBe(true);
    stage.ask(23);
    stage.requests.close();
    expect(stage.requests.hasRoom(0)).toBe(true);
  });
});

describe('a signal', () => {
  it('ends a request that waits, which is never sent', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const [first] = await asked(20);
    const second = stage.ask(21, { signal: abort.signal });
    const third = stage.ask(22);
    abort.abort(reason);
    await stage.settle();
    expect(second.error).toMatchObject({
      code: 'aborted',
      definite: true,
      cause: reason,
      message: 'the call was aborted before it was sent',
    });
    stage.reply(stage.newest());
    await stage.settle();
    stage.reply(stage.newest());
    await stage.settle();
    expect([first?.reply, third.reply]).not.toContain(null);
    expect(stage.operations()).toEqual([20, 22]);
    expect(sessions()).toBe(1);
  });

  it('ends a request in flight, which may have happened, and its session with it', async () => {
    const abort = new AbortController();
    const first = stage.ask(20, { signal: abort.signal });
    const second = stage.ask(21);
    await stage.settle();
    const given = stage.newest();
    abort.abort();
    await stage.settle();
    expect(first.error).toMatchObject({
      code: 'aborted',
      definite: false,
      message: 'the call was aborted after it was sent; it may have happened',
    });
    // Neither time nor a broken connection sends it again, and nobody listens to its reply.
    stage.disconnect();
    stage.connect();
    stage.reply(given);
    await stage.pass(2_000);
    expect(copiesOf(20)).toEqual([given]);
    expect(sessions()).toBe(2);
    expect(stage.newest().header.operation).toBe(21);
    expect(stage.newest().header.client).not.toBe(given.header.client);
    stage.reply(stage.newest());
    await stage.settle();
    expect(second.reply).not.toBeNull();
  });

  it('that those behind a request in flight share ends each as what it is', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const outcomes = [20, 21, 22].map((operation) => stage.ask(operation, { signal }));
    await stage.settle();
    abort.abort();
    await stage.pass(1_000);
    const definite = outcomes.map(({ error }) => (error as ClientError).definite);
    expect(definite).toEqual([false, true, true]);
    // Nobody is left who needs a session.
    expect(sessions()).toBe(1);
    expect(stage.copies).toHaveLength(1);
    expect(stage.requests.isActive()).toBe(false);
  });

  it('ends a request that was turned away definitely, and leaves the session alone', async () => {
    const abort = new AbortController();
    const first = stage.ask(20, { signal: abort.signal });
    const second = stage.ask(21);
    await stage.settle();
    stage.refuse(stage.newest(), 'noQuorum');
    await stage.settle();
    abort.abort();
    await stage.pass(2_000);
    expect(first.error).toMatchObject({ code: 'aborted', definite: true });
    expect(stage.operations()).toEqual([20, 21]);
    stage.reply(stage.newest());
    await stage.settle();
    expect(second.reply).not.toBeNull();
    expect(sessions()).toBe(1);
    expect(copiesOf(20)).toHaveLength(1);
  });
});

describe('the end of requests', () => {
  it('at their deadline is definite for what waits; in flight, it ends the session', async () => {
    const first = stage.ask(20, { timeout: 500 });
    const second = stage.ask(21, { timeout: 100 });
    const third = stage.ask(22);
    await stage.settle();
    await stage.pass(100);
    expect(second.error).toMatchObject({
      code: 'timeout',
      definite: true,
      message: 'no answer within 100 ms; it was not sent',
    });
    await stage.pass(400);
    expect(first.error).toMatchObject({
      code: 'timeout',
      definite: false,
      message: 'no answer within 500 ms; it may have happened',
    });
    const given = copiesOf(20).length;
    await stage.pass(1_000);
    expect(copiesOf(20)).toHaveLength(given);
    expect(sessions()).toBe(2);
    stage.reply(stage.newest());
    await stage.settle();
    expect(third.reply).not.toBeNull();
  });

  it('says what the cluster said of it, and of all that waits', async () => {
    stage.onCopy = (copy) => stage.refuse(copy, 'busy');
    const first = stage.ask(20, { timeout: 1_000 });
    const second = stage.ask(21, { timeout: 100 });
    await stage.pass(100);
    const full = 'the cluster had more requests than it can take; the call was not executed';
    expect(second.error).toMatchObject({ code: 'overloaded', definite: true, message: full });
    await stage.pass(900);
    expect(first.error).toMatchObject({ code: 'overloaded', definite: true, message: full });
    expect(copiesOf(20).length).toBeGreaterThan(2);
    expect(copiesOf(21)).toHaveLength(0);
  });

  it('says that a full cluster gave no session', async () => {
    stage.onRegister = (register) => stage.refuse(register, 'busy');
    const [outcome] = await asked(20);
    await stage.pass(60_000);
    expect(outcome?.error).toMatchObject({ code: 'overloaded', definite: true });
  });

  it('says that nobody could be reached', async () => {
    const [first] = await asked(20);
    const second = stage.ask(21);
    stage.disconnect();
    await stage.pass(60_000);
    expect(first?.error).toMatchObject({ code: 'unreachable', definite: false });
    expect(second.error).toMatchObject({ code: 'unreachable', definite: true });
  });

  it('with the client is definite for what was not sent', async () => {
    const [first, second] = await asked(20, 21);
    stage.requests.close();
    await stage.settle();
    expect(first?.error).toMatchObject({ code: 'closed', definite: false });
    expect(second?.error).toMatchObject({
      code: 'closed',
      definite: true,
      message: 'the client was closed; the call was not sent',
    });
  });

  it('with its session, which is evicted, is not that of what waits', async () => {
    const [first, second] = await asked(20, 21);
    stage.evict(stage.newest());
    await stage.settle();
    expect(first?.error).toMatchObject({
      code: 'evicted',
      definite: false,
      message: 'the session was evicted (no_session); the request may have happened',
    });
    await stage.pass(20);
    // Clients that evict each other must not do it as fast as they can.
    expect(sessions()).toBe(1);
    await stage.pass(100);
    const given = stage.newest();
    expect(given.header.operation).toBe(21);
    stage.refuse(given, 'busy');
    stage.evict(given);
    await stage.pass(2_000);
    expect(second?.error).toBeNull();
    expect(sessions()).toBe(3);
    stage.reply(stage.newest());
    await stage.settle();
    expect(second?.reply).not.toBeNull();
  });
});

/** What happens at random: to the newest copy, to the client, or to the time. */
const HAPPENINGS = [
  'ask',
  'ask',
  'abort',
  'execute and reply',
  'execute in silence',
  'refuse as invalid',
  'turn away',
  'evict',
  'break',
  'pass a tick',
  'pass a second',
] as const;

/** One history; what it must not contain is asserted on the way. */
async function happen(history: readonly (typeof HAPPENINGS)[number][]): Promise<void> {
  const requests: { readonly outcome: RequestOutcome; readonly abort: AbortController }[] = [];
  /** Operations that the replica has executed, once each. */
  const executed: number[] = [];
  /** Copies that the replica has not dealt with: each is executed, refused, or lost. */
  let open: Message<'request'>[] = [];
  /** Sessions that are no more: what was asked in them is not executed. */
  const gone = new Set<bigint>();
  const execute = (copy: Message<'request'>): void => {
    const { client, operation } = copy.header;
    if (!gone.has(client) && !executed.includes(operation)) executed.push(operation);
  };
  stage.onCopy = (copy) => open.push(copy);
  for (const what of history) {
    const copy = open.shift();
    switch (what) {
      case 'ask': {
        const abort = new AbortController();
        const timeout = 100 + 700 * (requests.length % 3);
        const outcome = stage.ask(20 + requests.length, { timeout, signal: abort.signal });
        requests.push({ outcome, abort });
        break;
      }
      case 'abort':
        requests.findLast(({ outcome }) => outcome.error === null)?.abort.abort();
        break;
      case 'execute and reply':
        if (copy !== undefined) execute(copy);
        if (copy !== undefined && !gone.has(copy.header.client)) stage.reply(copy);
        break;
      case 'execute in silence':
        if (copy !== undefined) execute(copy);
        break;
      case 'refuse as invalid':
      case 'turn away':
        // Only of what is new to it: of what it has executed it repeats the reply.
        if (copy === undefined || executed.includes(copy.header.operation)) break;
        stage.refuse(copy, what === 'turn away' ? 'busy' : 'invalid');
        break;
      case 'evict':
        if (copy !== undefined) gone.add(copy.header.client);
        if (copy !== undefined) stage.evict(copy);
        break;
      case 'break':
        open = [];
        stage.disconnect();
        stage.connect();
        break;
      case 'pass a tick':
        await stage.pass(10);
        break;
      case 'pass a second':
        await stage.pass(1_000);
        break;
    }
    // What nobody has dealt with waits for the next happening.
    const isKept = ['ask', 'abort', 'pass a tick', 'pass a second'].includes(what);
    if (copy !== undefined && isKept) open.unshift(copy);
    await stage.settle();
  }
  // What is on its way may arrive at any time.
  for (const copy of open) execute(copy);
  await stage.pass(2_000);
  const firsts = stage.operations();
  expect(firsts).toEqual(firsts.toSorted((one, other) => one - other));
  for (const [index, { outcome }] of requests.entries()) {
    const operation = 20 + index;
    expect(outcome.reply === null).toBe(outcome.error !== null);
    if (outcome.reply !== null) expect(executed).toContain(operation);
    if ((outcome.error as ClientError | null)?.definite === true) {
      expect(executed).not.toContain(operation);
    }
  }
  expect(stage.requests.isActive()).toBe(false);
  expect(stage.requests.hasRoom(LIMITS.bytesMax + 1)).toBe(true);
}

describe('whatever happens to requests', () => {
  it('their order is kept, each ends, and definite is what has not happened', async () => {
    const histories = fc.array(fc.constantFrom(...HAPPENINGS), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        stage = new RequestStage(LIMITS);
        await happen(history);
      }),
      { numRuns: 200 },
    );
  });
});
