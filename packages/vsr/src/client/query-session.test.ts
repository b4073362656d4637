import { mix128, present } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REFUSAL_REASONS, type RefusalReason } from '../message/layout.ts';
import { type AnyMessage, encodeMessage, isCommand, type Message } from '../message/message.ts';
import { ClientId, Op, View } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import { CLIENT, CLUSTER, COMMON } from '../testing/client-fixture.ts';
import { type Query, type QueryEffect, QuerySession } from './query-session.ts';

const READ: Query = {
  level: 'linearizable',
  lagMax: 0,
  operation: 17,
  body: Uint8Array.of(1),
  prefer: 'primary',
};

function make(replicaCount = 3): QuerySession {
  return new QuerySession({
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

interface Sent {
  readonly replica: number;
  readonly message: Message<'query'>;
}

function sends(out: readonly QueryEffect[]): Sent[] {
  return out.flatMap((effect) => {
    if (effect.kind !== 'send' || !isCommand(effect.message, 'query')) return [];
    return [{ replica: effect.replica, message: effect.message }];
  });
}

function others(out: readonly QueryEffect[]): QueryEffect[] {
  return out.filter((effect) => effect.kind !== 'send');
}

function ask(session: QuerySession, query: Partial<Query> = {}): Sent & { readonly id: number } {
  const out: QueryEffect[] = [];
  const id = session.ask({ ...READ, ...query }, out);
  expect(others(out)).toEqual([]);
  const [sent, ...more] = sends(out);
  expect(more).toEqual([]);
  return { ...present(sent), id };
}

function answer(
  { message }: Sent,
  options: { readonly view?: number; readonly op: number },
): AnyMessage {
  const { client, checksum, query } = message.header;
  const view = options.view ?? 0;
  return encodeMessage(
    'queryReply',
    {
      ...COMMON,
      replica: view % 16,
      view: View(view),
      client,
      queryChecksum: checksum,
      query,
      op: Op(options.op),
    },
    Uint8Array.of(9),
    mix128,
  ) as AnyMessage;
}

function refusal({ message, replica }: Sent, reason: RefusalReason): AnyMessage {
  const { client, checksum } = message.header;
  return encodeMessage(
    'refusal',
    {
      ...COMMON,
      replica,
      view: View(0),
      client,
      requestChecksum: checksum,
      request: 0,
      reason: REFUSAL_REASONS[reason],
    },
    null,
    mix128,
  ) as AnyMessage;
}

function hear(session: QuerySession, message: AnyMessage): QueryEffect[] {
  const out: QueryEffect[] = [];
  session.onMessage(message, out);
  return out;
}

function tick(session: QuerySession, count: number): QueryEffect[] {
  const out: QueryEffect[] = [];
  for (let left = count; left > 0; left -= 1) session.onTick(out);
  return out;
}

describe('a query session', () => {
  it('has many queries in flight and tells their answers apart', () => {
    const session = make();
    const asked = [ask(session), ask(session), ask(session)];
    expect(new Set(asked.map(({ message }) => message.header.checksum)).size).toBe(3);
    expect(session.pending).toBe(3);
    for (const query of [...asked].reverse()) {
      const [effect, ...more] = hear(session, answer(query, { op: 1 }));
      expect(more).toEqual([]);
      expect(effect).toMatchObject({ kind: 'answered', id: query.id });
    }
    expect(session.pending).toBe(0);
    // Once more: nobody asks any longer.
    expect(hear(session, answer(present(asked[0]), { op: 1 }))).toEqual([]);
  });

  it('sends the highest op that its client has seen, from wherever', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ op: fc.nat(50), other: fc.boolean() })), (seen) => {
        const session = make();
        let highest = 0;
        for (const { op, other } of seen) {
          const query = ask(session);
          expect(query.message.header.floor).toBe(highest);
          if (other) session.see({ op: Op(op), view: View(0) });
          else hear(session, answer(query, { op }));
          highest = Math.max(highest, op);
          expect(session.floor).toBe(highest);
        }
      }),
    );
  });

  it('asks the primary that an answer has shown, or the nearest', () => {
    const session = make();
    hear(session, answer(ask(session), { view: 18, op: 1 }));
    expect(session.view).toBe(18);
    expect(ask(session).replica).toBe(2);
    session.setNearest(0);
    expect(ask(session, { prefer: 'nearest' }).replica).toBe(0);
    expect(ask(session).replica).toBe(2);
    // A view in which a slot leads that this client does not know.
    session.see({ op: Op(1), view: View(27) });
    expect(ask(session).replica).toBeLessThan(3);
  });

  it('asks the same of the others in turn, with growing pauses, until it is answered', () => {
    const session = make();
    const first = ask(session);
    const seen = [first.replica];
    let last: Sent = first;
    for (let round = 0; round < 5; round += 1) {
      const again = sends(tick(session, 50));
      expect(again.length).toBeGreaterThan(0);
      for (const sent of again) {
        expect(sent.message).toBe(first.message);
        seen.push(sent.replica);
        last = sent;
      }
    }
    expect(new Set(seen.slice(0, 3))).toEqual(new Set([0, 1, 2]));
    expect(others(hear(session, answer(last, { op: 4 })))).toHaveLength(1);
    expect(tick(session, 200)).toEqual([]);
  });

  it('asks elsewhere at once when a connection breaks, once round at most', () => {
    const session = make();
    const asked = ask(session);
    let target = asked.replica;
    const targets = [target];
    for (let breaks = 0; breaks < 6; breaks += 1) {
      const out: QueryEffect[] = [];
      session.onDisconnect(target, out);
      for (const sent of sends(out)) {
        target = sent.replica;
        targets.push(target);
      }
    }
    expect(targets).toHaveLength(3);
    expect(new Set(targets)).toEqual(new Set([0, 1, 2]));
    const out: QueryEffect[] = [];
    session.onDisconnect((target + 1) % 3, out);
    expect(out).toEqual([]);
  });

  it('forgets a query that was given up', () => {
    const session = make();
    const asked = ask(session);
    session.cancel(asked.id);
    expect(session.pending).toBe(0);
    expect(tick(session, 200)).toEqual([]);
    expect(hear(session, answer(asked, { op: 5 }))).toEqual([]);
    session.cancel(asked.id);
  });

  it.each(['bounded', 'local'] as const)(
    'tells that a %s read is refused when every replica has no answer',
    (level) => {
      const session = make();
      const first = ask(session, { level, lagMax: level === 'bounded' ? 5 : 0 });
      const [second] = sends(hear(session, refusal(first, 'tooStale')));
      const [third] = sends(hear(session, refusal(present(second), 'tooStale')));
      expect(hear(session, refusal(present(third), 'tooStale'))).toEqual([
        { kind: 'refused', id: first.id, reason: 'tooStale' },
      ]);
      expect(session.pending).toBe(0);
    },
  );

  it('tells so too when the others say nothing', () => {
    const session = make();
    const asked = ask(session, { level: 'local' });
    hear(session, refusal(asked, 'tooStale'));
    expect(others(tick(session, 50))).toEqual([
      { kind: 'refused', id: asked.id, reason: 'tooStale' },
    ]);
  });

  it('goes on with a linearizable read that nobody can answer yet', () => {
    const session = make();
    let asked: Sent = ask(session);
    for (let refusals = 0; refusals < 10; refusals += 1) {
      const out = [...hear(session, refusal(asked, 'tooStale')), ...tick(session, 60)];
      expect(others(out)).toEqual([]);
      asked = present(sends(out).at(-1));
    }
    expect(session.pending).toBe(1);
  });

  it('tells what every replica would refuse, and waits where one is busy', () => {
    const session = make();
    const asked = ask(session);
    expect(hear(session, refusal(asked, 'busy'))).toEqual([{ kind: 'busy', id: asked.id }]);
    expect(hear(session, refusal(asked, 'invalid'))).toEqual([
      { kind: 'refused', id: asked.id, reason: 'invalid' },
    ]);
  });

  it('asks the others at once when one sees no quorum, once round, and tells so each time', () => {
    const session = make();
    const first = ask(session);
    const told = { kind: 'no_quorum', id: first.id };
    let asked: Sent = first;
    for (const hops of [1, 1, 0]) {
      const out = hear(session, refusal(asked, 'noQuorum'));
      expect(others(out)).toEqual([told]);
      expect(sends(out)).toHaveLength(hops);
      asked = sends(out)[0] ?? asked;
    }
    // The timer brings it round again, and whoever has the quorum back answers.
    asked = present(sends(tick(session, 60))[0]);
    expect(hear(session, answer(asked, { op: 5 }))).toMatchObject([{ kind: 'answered' }]);
  });

  it('ignores what is not meant for it', () => {
    const session = make();
    const asked = ask(session);
    const mine = answer(asked, { op: 1 });
    const header = mine.header as Message<'queryReply'>['header'];
    for (const change of [{ cluster: 8n }, { client: ClientId(5n) }, { queryChecksum: 1n }]) {
      const other = { ...mine, header: { ...header, ...change } } as AnyMessage;
      expect(hear(session, other)).toEqual([]);
    }
    expect(hear(session, mine)).toHaveLength(1);
  });
});
