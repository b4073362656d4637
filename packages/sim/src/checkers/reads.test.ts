import { Checksum, mix128 } from '@kimberlite/store';
import {
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  type Message,
  OPERATION_NOOP,
  OPERATION_REGISTER,
  Op,
  type ReadLevel,
  View,
  writeBatch,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import {
  CounterModel,
  counterWorkload,
  OPERATION_ADD,
  OPERATION_READ,
} from '../workload/counter-machine.ts';
import { OneHistory } from './history.ts';
import { type QueriedEvent, Reads } from './reads.ts';
import { Replies } from './replies.ts';
import { Violation } from './violation.ts';

// Canaries: the checker is shown reads with one thing wrong, and the same without.

const ALICE = ClientId(100n);
const BOB = ClientId(200n);
const NAME = 5;

function request(number: number, noop = false): Message<'request'> {
  const register = number === 0;
  return encodeMessage(
    'request',
    {
      cluster: 1n,
      replica: 255,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: ALICE,
      session: register ? 0 : 16384,
      request: number,
      operation: register ? OPERATION_REGISTER : noop ? OPERATION_NOOP : OPERATION_ADD,
    },
    new Uint8Array(register || noop ? [] : [NAME, 1]),
    mix128,
  );
}

/** A history in which the counter has the value op - 1 after each op, and a clock. */
class World {
  now = 1_000_000;
  readonly reads: Reads;
  private readonly log: OneHistory;
  private readonly replies: Replies;

  constructor(options: { readonly slowClock?: boolean } = {}) {
    this.log = new OneHistory(3);
    this.replies = new Replies(this.log, CONFIG_SIMULATION, new CounterModel());
    this.reads = new Reads({
      history: this.log,
      replies: this.replies,
      queries: counterWorkload.queries ?? null,
      replicaCount: 3,
      now: () => this.now,
      trueDuration: (_slot, micros) => (options.slowClock === true ? 2 * micros : micros),
    });
    for (let op = 1; op <= 5; op += 1) this.commit(op);
  }

  /** One more op, which belongs to the core and leaves the counter alone. */
  commitNoop(op: number): void {
    this.commit(op, true);
  }

  private commit(op: number, noop = false): void {
    const checksum = BigInt(1000 * op + 1);
    this.log.observePrepare(checksum, op === 1 ? 7n : BigInt(1000 * (op - 1) + 1));
    const body = new Uint8Array(4096);
    const end = writeBatch(body, 0, [request(op - 1, noop)]);
    const entry = this.log.onCommitted(0, {
      kind: 'committed',
      op: Op(op),
      view: View(0),
      checksum: Checksum(checksum),
      timestamp: op * 100,
      count: 1,
      body: body.subarray(0, end),
    });
    if (entry !== null) this.replies.onHistory(entry);
  }

  /** Somebody has an answer of this op now. */
  answered(op: number, client: ClientId = BOB): void {
    this.replies.onRead(op);
    this.reads.onSeen(client, op);
  }
}

function queried(
  checksum: bigint,
  op: number,
  level: ReadLevel = 'linearizable',
  lagMax = 0,
): QueriedEvent {
  return {
    kind: 'queried',
    op: Op(op),
    level,
    lagMax,
    queryChecksum: Checksum(checksum),
    operation: OPERATION_READ,
    body: Uint8Array.of(NAME),
    reply: valueOf(op - 1),
  };
}

function valueOf(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[0] = value;
  return bytes;
}

function reply(checksum: bigint, op: number, value: number): Message<'queryReply'> {
  return encodeMessage(
    'queryReply',
    {
      cluster: 1n,
      replica: 0,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: ClientId(9n),
      queryChecksum: Checksum(checksum),
      query: 1,
      op: Op(op),
    },
    valueOf(value),
    mix128,
  );
}

function verdict(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Violation) return error.checker;
    throw error;
  }
  return 'nothing';
}

describe('reads', () => {
  it('are right at any op of the history that their level allows, in any order', () => {
    const { reads } = new World();
    for (const [index, op] of [3, 5, 2, 4].entries()) {
      const checksum = BigInt(index + 1);
      reads.onAsked(ALICE, checksum);
      expect(verdict(() => reads.onQueried(1, queried(checksum, op)))).toBe('nothing');
    }
  });

  it('see nothing of ops that belong to the core', () => {
    const world = new World();
    world.commitNoop(6);
    world.reads.onAsked(ALICE, 1n);
    const same = { ...queried(1n, 6), reply: valueOf(4) };
    expect(verdict(() => world.reads.onQueried(0, same))).toBe('nothing');
    world.reads.onAsked(ALICE, 2n);
    const other = { ...queried(2n, 6), reply: valueOf(5) };
    expect(verdict(() => world.reads.onQueried(0, other))).toBe('reads');
  });

  it('catch a wrong answer', () => {
    const { reads } = new World();
    reads.onAsked(ALICE, 1n);
    const wrong = { ...queried(1n, 4), reply: valueOf(2) };
    expect(verdict(() => reads.onQueried(0, wrong))).toBe('reads');
  });

  it('catch the state of an op that nobody committed, and an answer to no question', () => {
    const { reads } = new World();
    reads.onAsked(ALICE, 1n);
    expect(verdict(() => reads.onQueried(0, queried(1n, 6)))).toBe('reads');
    expect(verdict(() => reads.onQueried(0, queried(2n, 5)))).toBe('reads');
  });

  it('catch a linearizable answer from before what anybody had seen when it was asked', () => {
    const world = new World();
    world.reads.onAsked(ALICE, 1n);
    world.answered(4);
    world.reads.onAsked(ALICE, 2n);
    expect(verdict(() => world.reads.onQueried(0, queried(1n, 3)))).toBe('nothing');
    expect(verdict(() => world.reads.onQueried(0, queried(2n, 3)))).toBe('reads');
    expect(verdict(() => world.reads.onQueried(0, queried(2n, 4)))).toBe('nothing');
  });

  it('let a local answer be older, but not for who has seen more', () => {
    const world = new World();
    world.answered(4, BOB);
    world.reads.onAsked(ALICE, 1n);
    world.reads.onAsked(BOB, 2n);
    expect(verdict(() => world.reads.onQueried(0, queried(1n, 3, 'local')))).toBe('nothing');
    expect(verdict(() => world.reads.onQueried(0, queried(2n, 3, 'local')))).toBe('reads');
  });

  it.each([
    [{ slowClock: false }, 100_000, 'nothing'],
    [{ slowClock: false }, 100_010, 'reads'],
    [{ slowClock: true }, 100_010, 'nothing'],
    [{ slowClock: true }, 200_010, 'reads'],
  ])(
    'hold a bounded answer to its bound by true time: %o, %i microseconds',
    (clock, late, found) => {
      const world = new World(clock);
      world.answered(4);
      world.now += late;
      world.reads.onAsked(ALICE, 1n);
      expect(verdict(() => world.reads.onQueried(0, queried(1n, 3, 'bounded', 100)))).toBe(found);
      expect(verdict(() => world.reads.onQueried(0, queried(1n, 4, 'bounded', 100)))).toBe(
        'nothing',
      );
    },
  );

  it('catch a client that hears what no replica said, or what it did not ask', () => {
    const { reads } = new World();
    reads.onAsked(ALICE, 1n);
    reads.onQueried(0, queried(1n, 4));
    expect(verdict(() => reads.onAnswered(ALICE, reply(1n, 4, 2)))).toBe('reads');
    expect(verdict(() => reads.onAnswered(ALICE, reply(1n, 3, 2)))).toBe('reads');
    expect(verdict(() => reads.onAnswered(BOB, reply(1n, 4, 3)))).toBe('reads');
    expect(verdict(() => reads.onAnswered(ALICE, reply(1n, 4, 3)))).toBe('nothing');
    // What one has read, nobody who asks later may miss.
    reads.onAsked(BOB, 2n);
    expect(verdict(() => reads.onQueried(0, queried(2n, 3)))).toBe('reads');
  });
});
