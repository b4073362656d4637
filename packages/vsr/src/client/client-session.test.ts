import { mix128 } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPERATION_REGISTER } from '../message/batch.ts';
import {
  EVICTION_REASONS,
  type EvictionReason,
  REFUSAL_REASONS,
  type RefusalReason,
} from '../message/layout.ts';
import { type AnyMessage, encodeMessage, isCommand, type Message } from '../message/message.ts';
import { ClientId, Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import type { ClientEffect } from './client-effect.ts';
import { ClientSession } from './client-session.ts';

const CLUSTER = 7n;
const CLIENT = ClientId(99n);
const COMMON = { cluster: CLUSTER, release: 1, incarnation: 5n };

function make(replicaCount = 3): ClientSession {
  return new ClientSession({
    cluster: CLUSTER,
    client: CLIENT,
    replicaCount,
    checksum: mix128,
    prng: new Prng(1n),
    release: 1,
    retryTicksMin: 10,
    retryTicksMax: 40,
  });
}

function sends(out: readonly ClientEffect[]): { replica: number; message: Message<'request'> }[] {
  const found: { replica: number; message: Message<'request'> }[] = [];
  for (const effect of out) {
    if (effect.kind !== 'send') continue;
    if (!isCommand(effect.message, 'request')) throw new Error('clients send requests only');
    found.push({ replica: effect.replica, message: effect.message });
  }
  return found;
}

function others(out: readonly ClientEffect[]): ClientEffect[] {
  return out.filter((effect) => effect.kind !== 'send');
}

function onlySend(out: readonly ClientEffect[]): { replica: number; message: Message<'request'> } {
  const found = sends(out);
  expect(found).toHaveLength(1);
  const first = found[0];
  if (first === undefined) throw new Error('one send');
  return first;
}

function reply(request: Message<'request'>, view: number, session: number): AnyMessage {
  return encodeMessage(
    'reply',
    {
      ...COMMON,
      replica: view % 16,
      view: View(view),
      client: request.header.client,
      requestChecksum: request.header.checksum,
      session,
      op: Op(12),
      timestamp: 1,
      index: 0,
      request: request.header.request,
      operation: request.header.operation,
    },
    new Uint8Array(0),
    mix128,
  );
}

function refusal(request: Message<'request'>, replica: number, reason: RefusalReason): AnyMessage {
  return encodeMessage(
    'refusal',
    {
      ...COMMON,
      replica,
      view: View(0),
      client: request.header.client,
      requestChecksum: request.header.checksum,
      request: request.header.request,
      reason: REFUSAL_REASONS[reason],
    },
    null,
    mix128,
  );
}

function eviction(view: number, session: number, reason: EvictionReason): AnyMessage {
  return encodeMessage(
    'eviction',
    {
      ...COMMON,
      replica: 0,
      view: View(view),
      client: CLIENT,
      session,
      request: 1,
      reason: EVICTION_REASONS[reason],
    },
    null,
    mix128,
  );
}

/** A registered session: session number 40, primary in slot 1 of view 17. */
function ready(replicaCount = 3): ClientSession {
  const session = make(replicaCount);
  const out: ClientEffect[] = [];
  session.register(out);
  const request = sends(out)[0]?.message;
  if (request === undefined) throw new Error('a register was sent');
  session.onMessage(reply(request, 17, 40), []);
  expect(session.state).toBe('ready');
  return session;
}

function submitted(session: ClientSession): { replica: number; message: Message<'request'> } {
  const out: ClientEffect[] = [];
  session.submit(16, new Uint8Array([1, 2, 3]), out);
  return onlySend(out);
}

/** What is in flight, as it is sent again; a new request when nothing is. */
function submittedOrAgain(session: ClientSession): Message<'request'> {
  if (session.state === 'ready') return submitted(session).message;
  const [again] = tickUntilSend(session).sent;
  if (again === undefined) throw new Error('something was sent again');
  return again.message;
}

/** Ticks until something is sent again. */
function tickUntilSend(session: ClientSession): {
  ticks: number;
  sent: { replica: number; message: Message<'request'> }[];
} {
  for (let ticks = 1; ticks <= 1000; ticks += 1) {
    const out: ClientEffect[] = [];
    session.onTick(out);
    if (out.length > 0) return { ticks, sent: sends(out) };
  }
  throw new Error('a request in flight is sent again within its longest pause');
}

/** The heartbeat with which a new primary tells its clients that it leads. */
function heartbeat(view: number, replica: number, cluster = CLUSTER): AnyMessage {
  const fields = {
    commitChecksum: ZERO_CHECKSUM,
    checkpointId: ZERO_CHECKSUM,
    commit: Op(9),
    op: Op(9),
    checkpointOp: Op(0),
    durableOp: Op(9),
    monotonic: 1,
  };
  const common = { ...COMMON, cluster, replica, view: View(view) };
  return encodeMessage('commit', { ...common, ...fields }, null, mix128);
}

describe('a new primary that says so', () => {
  it('is sent what is in flight at once, in identical bytes, and what comes next', () => {
    const session = ready();
    const first = submitted(session);
    expect(first.replica).toBe(1);
    const out: ClientEffect[] = [];
    session.onMessage(heartbeat(18, 2), out);
    const again = onlySend(out);
    expect(again.replica).toBe(2);
    expect(again.message.bytes).toEqual(first.message.bytes);
    // What is refused now is indefinite: the other copy may still execute.
    session.onMessage(refusal(first.message, 1, 'noQuorum'), []);
    expect(session.state).toBe('busy');
    session.onMessage(reply(first.message, 18, 40), []);
    expect(submitted(session).replica).toBe(2);
  });

  it('is heard once, and not when it leads no newer view or belongs elsewhere', () => {
    const session = ready();
    submitted(session);
    const out: ClientEffect[] = [];
    const ignored = [heartbeat(17, 1), heartbeat(1, 1), heartbeat(18, 1), heartbeat(18, 2, 8n)];
    for (const message of ignored) session.onMessage(message, out);
    expect(out).toEqual([]);
    session.onMessage(heartbeat(18, 2), out);
    session.onMessage(heartbeat(18, 2), out);
    expect(sends(out)).toHaveLength(1);
  });
});

describe('registration', () => {
  it('goes to every replica as request 0 of session 0, and the reply names the session', () => {
    const session = make();
    const out: ClientEffect[] = [];
    session.register(out);
    expect(session.state).toBe('registering');
    expect(sends(out).map((send) => send.replica)).toEqual([0, 1, 2]);
    const request = sends(out)[0]?.message;
    if (request === undefined) throw new Error('a register was sent');
    expect(request.header).toMatchObject({ session: 0, request: 0, operation: OPERATION_REGISTER });
    const answers: ClientEffect[] = [];
    session.onMessage(reply(request, 2, 40), answers);
    expect(answers).toEqual([{ kind: 'registered', session: 40 }]);
    expect(session).toMatchObject({ state: 'ready', session: 40, view: 2 });
  });

  it('is repeated with identical bytes until it is answered', () => {
    const session = make();
    const out: ClientEffect[] = [];
    session.register(out);
    const first = sends(out)[0]?.message;
    const again = tickUntilSend(session);
    expect(again.ticks).toBeGreaterThanOrEqual(1);
    for (const send of again.sent) expect(send.message.bytes).toEqual(first?.bytes);
  });

  it('is not ended by a refusal, whatever its reason', () => {
    const session = make();
    const out: ClientEffect[] = [];
    session.register(out);
    const request = sends(out)[0]?.message;
    if (request === undefined) throw new Error('a register was sent');
    for (const reason of ['notPrimary', 'busy', 'noQuorum', 'invalid'] as const) {
      const after: ClientEffect[] = [];
      session.onMessage(refusal(request, 0, reason), after);
      const told = reason === 'noQuorum' ? [{ kind: 'no_quorum' }] : [];
      expect(others(after)).toEqual(told);
      expect(session.state).toBe('registering');
    }
  });
});

describe('requests', () => {
  it('go to the primary that the last reply named, numbered by one', () => {
    const session = ready();
    for (let number = 1; number <= 3; number += 1) {
      const { replica, message } = submitted(session);
      expect(replica).toBe(1);
      expect(message.header).toMatchObject({ session: 40, request: number, view: 0 });
      const out: ClientEffect[] = [];
      session.onMessage(reply(message, 17, 0), out);
      expect(out.map((effect) => effect.kind)).toEqual(['reply']);
      expect(session.state).toBe('ready');
    }
  });

  it('are sent again, to the primary and to another, with pauses that grow to the longest', () => {
    const session = ready();
    const { message } = submitted(session);
    const pauses: number[] = [];
    const asked = new Set<number>();
    for (let round = 0; round < 6; round += 1) {
      const { ticks, sent } = tickUntilSend(session);
      pauses.push(ticks);
      expect(sent.map((send) => send.replica)).toContain(1);
      expect(sent).toHaveLength(2);
      for (const send of sent) {
        asked.add(send.replica);
        expect(send.message.bytes).toEqual(message.bytes);
      }
    }
    expect(asked).toEqual(new Set([0, 1, 2]));
    expect(pauses[0]).toBeLessThanOrEqual(13);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(50);
    expect(pauses[5]).toBeGreaterThanOrEqual(30);
    for (const pause of pauses) expect(pause).toBeGreaterThanOrEqual(7);
  });

  it('wait longer for a cluster that is known to be slow, within the longest pause', () => {
    const session = ready();
    for (let number = 1; number <= 40; number += 1) {
      const { message } = submitted(session);
      for (let tick = 0; tick < 15; tick += 1) session.onTick([]);
      session.onMessage(reply(message, 17, 0), []);
    }
    submitted(session);
    const { ticks } = tickUntilSend(session);
    expect(ticks).toBeGreaterThanOrEqual(20);
    expect(ticks).toBeLessThanOrEqual(38);
    for (let number = 1; number <= 60; number += 1) {
      const out: ClientEffect[] = [];
      session.onMessage(reply(submittedOrAgain(session), 17, 0), out);
    }
    submitted(session);
    expect(tickUntilSend(session).ticks).toBeLessThanOrEqual(13);
  });

  it('ignore replies to other bytes, to other clients and of other clusters', () => {
    const session = ready();
    const first = submitted(session);
    session.onMessage(reply(first.message, 17, 0), []);
    const second = submitted(session);
    const foreign = encodeMessage(
      'request',
      { ...second.message.header, cluster: 8n },
      new Uint8Array([1, 2, 3]),
      mix128,
    );
    const out: ClientEffect[] = [];
    session.onMessage(reply(first.message, 17, 0), out);
    session.onMessage(reply(foreign, 17, 0), out);
    session.onMessage({ ...foreign }, out);
    expect(out).toEqual([]);
    expect(session.state).toBe('busy');
  });

  it('take a reply of an older view, and keep the newer view', () => {
    const session = ready();
    const { message } = submitted(session);
    const out: ClientEffect[] = [];
    session.onMessage(reply(message, 16, 0), out);
    expect(out.map((effect) => effect.kind)).toEqual(['reply']);
    expect(session.view).toBe(17);
    expect(submitted(session).replica).toBe(1);
  });

  it('move on at once when the connection to their replica breaks, once round at most', () => {
    const session = ready();
    submitted(session);
    const out: ClientEffect[] = [];
    session.onDisconnect(0, out);
    session.onDisconnect(2, out);
    expect(out).toEqual([]);
    session.onDisconnect(1, out);
    expect(onlySend(out).replica).not.toBe(1);
    for (let turn = 0; turn < 10; turn += 1) session.onDisconnect(turn % 3, out);
    expect(sends(out).length).toBeLessThanOrEqual(2);
  });

  it('of a cluster of one are sent to it again and again', () => {
    const session = make(1);
    const out: ClientEffect[] = [];
    session.register(out);
    const register = onlySend(out);
    session.onMessage(reply(register.message, 16, 3), []);
    submitted(session);
    expect(tickUntilSend(session).sent.map((send) => send.replica)).toEqual([0]);
  });
});

describe('refusals', () => {
  it('notPrimary moves to the other replicas at once, then waits for the timer', () => {
    const session = ready();
    const { replica, message } = submitted(session);
    const tried = [replica];
    for (let turn = 0; turn < 5; turn += 1) {
      const out: ClientEffect[] = [];
      session.onMessage(refusal(message, tried.at(-1) ?? 0, 'notPrimary'), out);
      expect(others(out)).toEqual([]);
      for (const send of sends(out)) tried.push(send.replica);
    }
    expect(tried).toHaveLength(3);
    expect(session.state).toBe('busy');
    // Nobody leads: the next round comes soon, however slow answers were before.
    const { sent, ticks } = tickUntilSend(session);
    expect(sent.length).toBeGreaterThan(0);
    expect(ticks).toBeLessThanOrEqual(5);
  });

  it('busy is waited out at the same primary', () => {
    const session = ready();
    const { message } = submitted(session);
    const out: ClientEffect[] = [];
    session.onMessage(refusal(message, 1, 'busy'), out);
    expect(out).toEqual([]);
    expect(tickUntilSend(session).sent.map((send) => send.replica)).toContain(1);
  });

  it('noQuorum of the only copy is definite, and its number is used again', () => {
    const session = ready();
    const { message } = submitted(session);
    const out: ClientEffect[] = [];
    session.onMessage(refusal(message, 1, 'noQuorum'), out);
    expect(out).toEqual([{ kind: 'refused', reason: 'noQuorum', definite: true }]);
    expect(session.state).toBe('ready');
    const next = submitted(session);
    expect(next.message.header.request).toBe(message.header.request);
  });

  it('noQuorum after a second copy is not reported: the first may still execute', () => {
    const session = ready();
    const { message } = submitted(session);
    tickUntilSend(session);
    const out: ClientEffect[] = [];
    session.onMessage(refusal(message, 1, 'noQuorum'), out);
    expect(others(out)).toEqual([{ kind: 'no_quorum' }]);
    expect(session.state).toBe('busy');
  });

  it('invalid ends the request; definite only without a second copy', () => {
    for (const copies of [1, 2]) {
      const session = ready();
      const { message } = submitted(session);
      if (copies === 2) tickUntilSend(session);
      const out: ClientEffect[] = [];
      session.onMessage(refusal(message, 1, 'invalid'), out);
      expect(out).toEqual([{ kind: 'refused', reason: 'invalid', definite: copies === 1 }]);
      expect(session.state).toBe('ready');
    }
  });

  it('of another request are ignored', () => {
    const session = ready();
    const first = submitted(session);
    session.onMessage(reply(first.message, 17, 0), []);
    submitted(session);
    const out: ClientEffect[] = [];
    session.onMessage(refusal(first.message, 1, 'noQuorum'), out);
    expect(out).toEqual([]);
  });
});

describe('evictions', () => {
  it('end the session', () => {
    for (const reason of ['noSession', 'sessionTooLow', 'requestCollision'] as const) {
      const session = ready();
      submitted(session);
      const out: ClientEffect[] = [];
      session.onMessage(eviction(17, 40, reason), out);
      expect(out).toEqual([{ kind: 'evicted', reason }]);
      expect(session.state).toBe('evicted');
      session.onTick(out);
      session.onDisconnect(1, out);
      session.onMessage(eviction(17, 40, reason), out);
      expect(out).toHaveLength(1);
    }
  });

  it('of an older view or another session are ignored', () => {
    const session = ready();
    submitted(session);
    const out: ClientEffect[] = [];
    session.onMessage(eviction(16, 40, 'noSession'), out);
    session.onMessage(eviction(17, 39, 'sessionTooLow'), out);
    expect(out).toEqual([]);
    expect(session.state).toBe('busy');
  });
});

describe('any order of events', () => {
  // A request number never names two different requests unless the first was definitely refused.
  it('keeps request numbers unique, and reports each request once', () => {
    const action = fc.constantFrom(
      'tick',
      'reply',
      'notPrimary',
      'busy',
      'noQuorum',
      'invalid',
      'disconnect',
      'stale',
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const session = ready();
        const numbers = new Map<number, bigint>();
        let current: Message<'request'> | null = null;
        let body = 0;
        let copies = 0;
        for (const name of actions) {
          const out: ClientEffect[] = [];
          if (session.state === 'ready') {
            body += 1;
            copies = 0;
            session.submit(16, new Uint8Array([body & 0xff, body >> 8]), out);
            current = onlySend(out).message;
            const known = numbers.get(current.header.request);
            expect(known === undefined).toBe(true);
            numbers.set(current.header.request, current.header.checksum);
          }
          if (current === null) throw new Error('something is in flight');
          copies += sends(out).length;
          const after: ClientEffect[] = [];
          if (name === 'tick') for (let count = 0; count < 15; count += 1) session.onTick(after);
          else if (name === 'reply') session.onMessage(reply(current, 17, 0), after);
          else if (name === 'disconnect') session.onDisconnect(copies % 3, after);
          else if (name === 'stale') session.onMessage(eviction(3, 40, 'noSession'), after);
          else session.onMessage(refusal(current, 1, name), after);
          copies += sends(after).length;
          for (const send of sends(after)) expect(send.message).toBe(current);
          const ends = others(after).filter(({ kind }) => kind !== 'no_quorum');
          expect(ends.length).toBe(session.state === 'ready' ? 1 : 0);
          const [end] = ends;
          if (end?.kind === 'refused') {
            expect(end.definite).toBe(copies === 1);
            numbers.delete(current.header.request);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
