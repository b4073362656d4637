import { mix128 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { OPERATION_REGISTER } from '../message/batch.ts';
import { EVICTION_REASONS, type EvictionReason } from '../message/layout.ts';
import { type AnyMessage, encodeMessage } from '../message/message.ts';
import { Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import {
  CLIENT,
  CLUSTER,
  COMMON,
  make,
  onlySend,
  others,
  ready,
  refusal,
  reply,
  sends,
  submitted,
  submittedOrAgain,
  tickUntilSend,
} from '../testing/client-fixture.ts';
import type { ClientEffect } from './client-effect.ts';

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
      const told = { notPrimary: [], busy: ['busy'], noQuorum: ['no_quorum'], invalid: [] }[reason];
      expect(others(after).map(({ kind }) => kind)).toEqual(told);
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
