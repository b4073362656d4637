import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RefusalReason } from '../message/layout.ts';
import type { Message } from '../message/message.ts';
import {
  make,
  onlySend,
  others,
  ready,
  refusal,
  reply,
  type SentRequest,
  sends,
  submitted,
  tickUntilSend,
} from '../testing/client-fixture.ts';
import type { ClientEffect } from './client-effect.ts';
import type { ClientSession } from './client-session.ts';

/** What the session does when this replica refuses. */
function refuse(
  session: ClientSession,
  message: Message<'request'>,
  replica: number,
  reason: RefusalReason,
): ClientEffect[] {
  const out: ClientEffect[] = [];
  session.onMessage(refusal(message, replica, reason), out);
  return out;
}

describe('refusals', () => {
  it('notPrimary moves to the other replicas at once, then waits for the timer', () => {
    const session = ready();
    const { replica, message } = submitted(session);
    const tried = [replica];
    for (let turn = 0; turn < 5; turn += 1) {
      const out = refuse(session, message, tried.at(-1) ?? 0, 'notPrimary');
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

  for (const reason of ['busy', 'noQuorum'] as const) {
    it(`${reason} of the only copy is definite, and its number is used again`, () => {
      const session = ready();
      const { message } = submitted(session);
      const out = refuse(session, message, 1, reason);
      expect(out).toEqual([{ kind: 'refused', reason, definite: true }]);
      expect(session.state).toBe('ready');
      const next = submitted(session);
      expect(next.message.header.request).toBe(message.header.request);
    });

    it(`${reason} of the second copy is not reported while the first may execute`, () => {
      const session = ready();
      const { message } = submitted(session);
      const { sent } = tickUntilSend(session);
      const told = { kind: reason === 'busy' ? 'busy' : 'no_quorum' };
      expect(others(refuse(session, message, 1, reason))).toEqual([told]);
      expect(session.state).toBe('busy');
      if (reason !== 'busy') return; // It asks elsewhere, so there are more copies.
      for (const { replica } of sent.slice(1)) {
        expect(refuse(session, message, replica, reason)).toEqual([told]);
      }
      const out = refuse(session, message, 1, reason);
      expect(out).toEqual([{ kind: 'refused', reason, definite: true }]);
    });

    it(`${reason} is definite when all before it was refused as notPrimary`, () => {
      const session = ready();
      const { message } = submitted(session);
      const again = onlySend(refuse(session, message, 1, 'notPrimary'));
      const out = refuse(session, message, again.replica, reason);
      expect(out).toEqual([{ kind: 'refused', reason, definite: true }]);
    });
  }

  it('busy is waited out at the same primary, which alone is asked again', () => {
    const session = ready();
    const { message } = submitted(session);
    tickUntilSend(session);
    expect(sends(refuse(session, message, 2, 'busy'))).toEqual([]);
    expect(tickUntilSend(session).sent.map(({ replica }) => replica)).toEqual([2]);
    // It said nothing this time: it may be gone.
    expect(tickUntilSend(session).sent).toHaveLength(2);
  });

  it('busy of a register sends the register to the refuser alone, and is told', () => {
    const session = make();
    const out: ClientEffect[] = [];
    session.register(out);
    const [first] = sends(out);
    if (first === undefined) throw new Error('a register was sent');
    expect(refuse(session, first.message, 1, 'busy')).toEqual([{ kind: 'busy' }]);
    expect(tickUntilSend(session).sent.map(({ replica }) => replica)).toEqual([1]);
  });

  it('invalid ends the request; definite only when no other copy is out', () => {
    for (const copies of [1, 2]) {
      const session = ready();
      const { message } = submitted(session);
      if (copies === 2) tickUntilSend(session);
      const out = refuse(session, message, 1, 'invalid');
      expect(out).toEqual([{ kind: 'refused', reason: 'invalid', definite: copies === 1 }]);
      expect(session.state).toBe('ready');
    }
  });

  it('of another request are ignored', () => {
    const session = ready();
    const first = submitted(session);
    session.onMessage(reply(first.message, 17, 0), []);
    submitted(session);
    expect(refuse(session, first.message, 1, 'noQuorum')).toEqual([]);
  });
});

describe('a large request', () => {
  const BODY = new Uint8Array(100_000);

  it('is sent to one replica at a time, each in its turn', () => {
    const session = ready();
    const out: ClientEffect[] = [];
    session.submit(16, BODY, out);
    const targets = [onlySend(out).replica];
    for (let round = 0; round < 6; round += 1) {
      const { sent, ticks } = tickUntilSend(session);
      expect(ticks).toBeGreaterThanOrEqual(13);
      expect(sent).toHaveLength(1);
      for (const { replica } of sent) {
        expect(replica).not.toBe(targets.at(-1));
        targets.push(replica);
      }
    }
    expect(new Set(targets)).toEqual(new Set([0, 1, 2]));
  });

  // In a view change every replica refuses: the copies of many sessions would hold it up.
  it('does not go round where nobody leads', () => {
    const session = ready();
    const out: ClientEffect[] = [];
    session.submit(16, BODY, out);
    const { message } = onlySend(out);
    for (let round = 0; round < 5; round += 1) {
      expect(refuse(session, message, 1, 'notPrimary')).toEqual([]);
      const { sent, ticks } = tickUntilSend(session);
      expect(sent).toHaveLength(1);
      expect(ticks).toBeGreaterThanOrEqual(9);
      expect(ticks).toBeLessThanOrEqual(15);
    }
  });
});

describe('what the transport does not take', () => {
  it('is no copy: another replica is asked at once, and its refusal is definite', () => {
    const session = ready();
    const { replica, message } = submitted(session);
    const out: ClientEffect[] = [];
    session.onUnsent(replica, message, out);
    const again = onlySend(out);
    expect(again.replica).not.toBe(replica);
    expect(refuse(session, message, again.replica, 'busy')).toEqual([
      { kind: 'refused', reason: 'busy', definite: true },
    ]);
  });

  it('is no copy either while an earlier one is written out', () => {
    const session = ready();
    const { message } = submitted(session);
    const { sent } = tickUntilSend(session);
    for (const _ of sent) session.onHeld(message);
    expect(refuse(session, message, 1, 'busy')).toEqual([
      { kind: 'refused', reason: 'busy', definite: true },
    ]);
  });

  it('of an earlier request, or of a register, asks nobody else', () => {
    const session = make();
    const out: ClientEffect[] = [];
    session.register(out);
    const [register] = sends(out);
    if (register === undefined) throw new Error('a register was sent');
    const after: ClientEffect[] = [];
    session.onUnsent(2, register.message, after);
    session.onMessage(reply(register.message, 17, 40), []);
    submitted(session);
    session.onUnsent(1, register.message, after);
    session.onHeld(register.message);
    expect(after).toEqual([]);
  });
});

/** Where a copy of the request in flight is. */
type Copy = 'on_its_way' | 'in_log' | 'lost' | 'refused' | 'unsent';

/**
 * A cluster as the session's claim sees it: each copy that is sent is, once, put into a log, lost,
 * answered with silence, or refused by whoever it reached. Requests in a log may execute whenever
 * they like. Refusals arrive in any order.
 */
class World {
  readonly session: ClientSession = ready();
  private message: Message<'request'> | null = null;
  private copies: Copy[] = [];
  private definite = 0;
  private body = 0;

  /** Definite refusals so far. */
  get refusals(): number {
    return this.definite;
  }

  act(name: string, which: number): void {
    if (this.session.state === 'ready') this.submit(which);
    const message = this.message;
    if (message === null) throw new Error('something is in flight');
    const out: ClientEffect[] = [];
    const at = which % Math.max(1, this.copies.length);
    const here = this.copies[at] === 'on_its_way';
    switch (name) {
      case 'tick':
        for (let count = 0; count < 15; count += 1) this.session.onTick(out);
        break;
      case 'disconnect':
        // What went there may be lost, or not.
        this.session.onDisconnect(which % 3, out);
        break;
      case 'log':
        if (here) this.copies[at] = 'in_log';
        break;
      case 'lose':
        if (here) this.copies[at] = 'lost';
        break;
      case 'answer':
        if (this.copies.includes('in_log')) this.session.onMessage(reply(message, 17, 0), out);
        break;
      default:
        if (!here) return;
        this.copies[at] = 'refused';
        // SAFETY: the rest are reasons.
        this.session.onMessage(refusal(message, which % 3, name as RefusalReason), out);
    }
    this.take(out, which);
  }

  private submit(which: number): void {
    // Now and then the same again: its bytes are the same while its number is.
    if (which % 3 > 0) this.body += 1;
    this.copies = [];
    const out: ClientEffect[] = [];
    this.session.submit(16, new Uint8Array([this.body & 0xff, this.body >> 8]), out);
    this.message = onlySend(out).message;
    this.take(out, which);
  }

  /** Carries out what the session asks for; some copies the transport does not take. */
  private take(out: ClientEffect[], which: number): void {
    for (const effect of out) {
      if (effect.kind === 'send') {
        const [sent] = sends([effect]);
        if (sent !== undefined) this.send(sent, which, out);
      } else if (effect.kind === 'refused') {
        expect(effect.definite).toBe(true);
        expect(this.copies.filter((copy) => copy !== 'refused' && copy !== 'unsent')).toEqual([]);
        this.definite += 1;
      } else if (effect.kind === 'reply') {
        expect(this.copies).toContain('in_log');
      }
    }
  }

  private send({ replica, message }: SentRequest, which: number, out: ClientEffect[]): void {
    const number = this.copies.length;
    if ((which + number) % 7 === 0) {
      this.copies.push('unsent');
      this.session.onUnsent(replica, message, out);
    } else if ((which + number) % 5 === 0) {
      this.copies.push('unsent');
      this.session.onHeld(message);
    } else this.copies.push('on_its_way');
  }
}

describe('any order of events', () => {
  // A request number never names two different requests unless the first was definitely refused:
  // the claim of ClientSession, against a model of what may become of copies.
  it('reports a definite refusal only when every copy that left was refused', () => {
    const action = fc.tuple(
      fc.constantFrom(
        'tick',
        'disconnect',
        'log',
        'lose',
        'answer',
        'notPrimary',
        'busy',
        'busy',
        'noQuorum',
      ),
      fc.nat({ max: 20 }),
    );
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const world = new World();
        for (const [name, which] of actions) world.act(name, which);
        refusals += world.refusals;
      }),
      { numRuns: 200 },
    );
    expect(refusals).toBeGreaterThan(0);
  });
});
