import { Forest, mix128, present } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPERATION_REGISTER, OPERATION_USER_MIN } from '../../message/batch.ts';
import { Checksum, ClientId, Op } from '../../std/numbers.ts';
import { CORE_TABLES } from './core-tables.ts';
import { type Session, Sessions, sessionNumber, sessionTables, verdictOf } from './sessions.ts';

function tableOf(): Forest {
  return new Forest({ checksum: mix128, blockSize: 4096, cacheSize: 4096, tables: CORE_TABLES });
}

function session(client: number, op: number, index = 0, changes: Partial<Session> = {}): Session {
  return {
    client: ClientId(BigInt(client)),
    session: sessionNumber(Op(op), index),
    request: 0,
    operation: 1,
    requestChecksum: Checksum(BigInt(client) * 1000n + BigInt(op)),
    op: Op(op),
    index,
    timestamp: op * 10,
    ...changes,
  };
}

/** Evicts all, and tells in which order. */
function evictionOrder(sessions: Sessions): bigint[] {
  const order: bigint[] = [];
  while (sessions.count > 0) order.push(sessions.evictOldest());
  return order;
}

describe('sessions', () => {
  it('remember the last request of a client and its reply', () => {
    const sessions = new Sessions(sessionTables(tableOf()), 4);
    expect(sessions.get(ClientId(5n))).toBeNull();
    const first = session(5, 3);
    sessions.put(first, Uint8Array.of(1, 2, 3));
    expect(sessions.get(ClientId(5n))).toEqual(first);
    expect(sessions.reply(ClientId(5n))).toEqual(Uint8Array.of(1, 2, 3));
    const next = { ...first, request: 1, op: Op(9), index: 2 };
    sessions.put(next, new Uint8Array(0));
    expect(sessions.get(ClientId(5n))).toEqual(next);
    expect(sessions.reply(ClientId(5n))).toEqual(new Uint8Array(0));
    expect(sessions.count).toBe(1);
  });

  it('come back from their table as they were', () => {
    const numbers = fc.record({
      client: fc.bigInt({ min: 1n, max: 2n ** 128n - 1n }).map(ClientId),
      session: fc.maxSafeNat(),
      request: fc.nat(0xffffffff),
      operation: fc.nat(0xffff),
      requestChecksum: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(Checksum),
      op: fc.maxSafeNat().map(Op),
      index: fc.nat(0xffffffff),
      timestamp: fc.maxSafeNat(),
    });
    const entries = fc.array(fc.tuple(numbers, fc.uint8Array({ maxLength: 50 })), { maxLength: 8 });
    fc.assert(
      fc.property(entries, (written) => {
        const forest = tableOf();
        const before = new Sessions(sessionTables(forest), 100);
        for (const [entry, reply] of written) before.put(entry, reply);
        const after = new Sessions(sessionTables(forest), 100);
        after.load();
        expect(after.count).toBe(before.count);
        for (const [{ client }] of written) {
          expect(after.get(client)).toEqual(before.get(client));
          expect(after.reply(client)).toEqual(before.reply(client));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('have numbers that grow with op and index', () => {
    const places = [
      [0, 1],
      [1, 0],
      [1, 1],
      [1, 16383],
      [2, 0],
      [1_000_000, 3],
    ] as const;
    const numbers = places.map(([op, index]) => sessionNumber(Op(op), index));
    expect([...numbers].sort((first, other) => first - other)).toEqual(numbers);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(() => sessionNumber(Op(1), 16384)).toThrow('index in range');
  });

  it('are full at their limit', () => {
    const sessions = new Sessions(sessionTables(tableOf()), 2);
    expect(sessions.full).toBe(false);
    sessions.put(session(1, 1), new Uint8Array(0));
    sessions.put(session(2, 2), new Uint8Array(0));
    expect(sessions.full).toBe(true);
    sessions.put(session(2, 3), new Uint8Array(0));
    expect(sessions.count).toBe(2);
  });
});

describe('the verdict on a request', () => {
  const LAST = Checksum(1n);
  const OTHER = Checksum(2n);
  const known = (request: number) =>
    session(5, 3, 0, { session: 100, request, requestChecksum: LAST });
  const asked = (number: number, request: number, requestChecksum = OTHER) => {
    return { operation: OPERATION_USER_MIN, session: number, request, requestChecksum };
  };
  const register = (requestChecksum = OTHER) => {
    return { operation: OPERATION_REGISTER, session: 0, request: 0, requestChecksum };
  };

  it.each([
    ['a first register', null, register(), 'executed'],
    ['that register again', known(0), register(LAST), 'duplicate'],
    ['another register', known(0), register(), 'out_of_order'],
    ['that register after other requests', known(7), register(LAST), 'out_of_order'],
    ['a request without a session', null, asked(100, 1), 'no_session'],
    ['one of an older session', known(7), asked(99, 8), 'session_too_low'],
    ['one of a newer session', known(7), asked(101, 8), 'no_session'],
    ['the next one', known(7), asked(100, 8), 'executed'],
    ['the last one again', known(7), asked(100, 7, LAST), 'duplicate'],
    ['another under its number', known(7), asked(100, 7), 'collision'],
    ['one before it', known(7), asked(100, 6), 'out_of_order'],
    ['one after the next', known(7), asked(100, 9), 'out_of_order'],
  ] as const)('that is %s', (_name, last, request, verdict) => {
    expect(verdictOf(last, request)).toBe(verdict);
  });
});

describe('eviction', () => {
  it('takes the session whose last execution is oldest, by op and then by index', () => {
    const sessions = new Sessions(sessionTables(tableOf()), 9);
    const empty = new Uint8Array(0);
    sessions.put(session(1, 5, 1), empty);
    sessions.put(session(2, 5, 0), empty);
    sessions.put(session(3, 4, 9), empty);
    sessions.put(session(4, 6, 0), empty);
    // Registered first, but it has executed since.
    sessions.put(session(5, 1), empty);
    sessions.put(session(5, 7, 0, { request: 1 }), empty);
    expect(evictionOrder(sessions)).toEqual([3n, 2n, 1n, 4n, 5n]);
  });

  it('forgets the client: number, reply and record', () => {
    const forest = tableOf();
    const sessions = new Sessions(sessionTables(forest), 4);
    sessions.put(session(1, 1), Uint8Array.of(1));
    expect(sessions.evictOldest()).toBe(1n);
    expect(sessions.get(ClientId(1n))).toBeNull();
    expect(() => sessions.reply(ClientId(1n))).toThrow('a session has a reply');
    sessions.load();
    expect(sessions.count).toBe(0);
    expect(() => sessions.evictOldest()).toThrow('there is one to evict');
  });

  it('goes in the same order on a replica that loaded the sessions', () => {
    const events = fc.array(
      fc.record({ client: fc.integer({ min: 1, max: 8 }), evict: fc.boolean() }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(events, (story) => {
        const forest = tableOf();
        const lived = new Sessions(sessionTables(forest), 100);
        story.forEach(({ client, evict }, at) => {
          if (evict && lived.count > 0) lived.evictOldest();
          // Several of one op, so that the index decides.
          lived.put(session(client, 1 + Math.floor(at / 3), at % 3), new Uint8Array(0));
        });
        // The same table, read in the order of its keys.
        const copy = tableOf();
        for (const { id } of CORE_TABLES) {
          for (const { key, value } of forest.table(id).range(new Uint8Array(0), null, 99)) {
            copy.table(id).put(key, value);
          }
        }
        const loaded = new Sessions(sessionTables(copy), 100);
        loaded.load();
        expect(evictionOrder(loaded)).toEqual(evictionOrder(lived));
      }),
      { numRuns: 60 },
    );
  });

  it('is decided by what each client did last', () => {
    const sessions = new Sessions(sessionTables(tableOf()), 9);
    for (let op = 1; op <= 5; op += 1) sessions.put(session(op, op), new Uint8Array(0));
    const first = present(sessions.get(ClientId(1n)));
    sessions.put({ ...first, request: 1, op: Op(9) }, new Uint8Array(0));
    expect(sessions.evictOldest()).toBe(2n);
  });
});
