import { Checksum, mix128 } from '@kimberlite/store';
import {
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  type Message,
  OPERATION_REGISTER,
  Op,
  type ReplicaSnapshot,
  type TraceEvent,
  View,
  writeBatch,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { replicaState } from '../testing/replica-state.ts';
import { CounterModel, OPERATION_ADD } from '../workload/counter-machine.ts';
import { checkBounds } from './bounds.ts';
import { type CommittedEvent, OneHistory } from './history.ts';
import { OnePrimary } from './one-primary.ts';
import { checkQuorumDurable } from './quorum-durable.ts';
import { Replies } from './replies.ts';
import { StoresEqual } from './stores-equal.ts';
import { Violation } from './violation.ts';

// Canaries: each checker is shown a history with one thing wrong, and one without.

const ALICE = ClientId(100n);
const BOB = ClientId(200n);

function request(client: ClientId, number: number, body: number[]): Message<'request'> {
  const register = number === 0;
  return encodeMessage(
    'request',
    {
      cluster: 1n,
      replica: 255,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client,
      session: register ? 0 : 16384 + (client === BOB ? 1 : 0),
      request: number,
      operation: register ? OPERATION_REGISTER : OPERATION_ADD,
    },
    new Uint8Array(body),
    mix128,
  );
}

function committed(op: number, requests: Message<'request'>[], salt = 0): CommittedEvent {
  const body = new Uint8Array(4096);
  const end = writeBatch(body, 0, requests);
  return {
    kind: 'committed',
    op: Op(op),
    view: View(0),
    checksum: Checksum(BigInt(1000 * op + salt + 1)),
    timestamp: op * 100,
    count: requests.length,
    body: body.subarray(0, end),
  };
}

/** A history of two clients that register and add; parents are known. */
function history(): {
  readonly log: OneHistory;
  readonly commit: (slot: number, event: CommittedEvent) => void;
  readonly replies: Replies;
} {
  const log = new OneHistory(3);
  const replies = new Replies(log, CONFIG_SIMULATION, new CounterModel());
  for (let op = 1; op < 10; op += 1) {
    log.observePrepare(BigInt(1000 * op + 1), op === 1 ? 7n : BigInt(1000 * (op - 1) + 1));
    log.observePrepare(BigInt(1000 * op + 2), 999n);
  }
  const commit = (slot: number, event: CommittedEvent): void => {
    const entry = log.onCommitted(slot, event);
    if (entry !== null) replies.onHistory(entry);
  };
  return { log, commit, replies };
}

const REGISTERS = committed(1, [request(ALICE, 0, []), request(BOB, 0, [])]);
const ADD_ALICE = committed(2, [request(ALICE, 1, [5, 3])]);

function broken(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Violation) return error.checker;
    throw error;
  }
  return 'nothing';
}

describe('one history', () => {
  it('accepts equal commits of all replicas, also again after a restart', () => {
    const { log, commit } = history();
    for (const slot of [0, 1]) {
      commit(slot, REGISTERS);
      commit(slot, ADD_ALICE);
    }
    log.onRestart(0);
    commit(0, ADD_ALICE);
    expect(log.head).toBe(2);
  });

  it('catches another prepare at a committed op', () => {
    const { commit } = history();
    commit(0, REGISTERS);
    const other = committed(1, [request(BOB, 0, [])], 1);
    expect(broken(() => commit(1, other))).toBe('one_history');
  });

  it('catches a broken chain', () => {
    const { commit } = history();
    commit(0, REGISTERS);
    const unchained = committed(2, [request(ALICE, 1, [5, 3])], 1);
    expect(broken(() => commit(0, unchained))).toBe('one_history');
  });

  it('catches a gap and a step back', () => {
    const { commit } = history();
    commit(0, REGISTERS);
    expect(broken(() => commit(0, committed(3, [])))).toBe('one_history');
    commit(0, ADD_ALICE);
    expect(broken(() => commit(0, ADD_ALICE))).toBe('one_history');
  });

  it('catches timestamps that stand still', () => {
    const { commit } = history();
    commit(0, REGISTERS);
    expect(broken(() => commit(0, { ...ADD_ALICE, timestamp: 101 }))).toBe('timestamps');
  });
});

function reply(op: number, asked: Message<'request'>, value: number, index = 0): Message<'reply'> {
  const body = new Uint8Array(8);
  body[0] = value;
  return encodeMessage(
    'reply',
    {
      cluster: 1n,
      replica: 0,
      view: View(0),
      release: 1,
      incarnation: 1n,
      client: asked.header.client,
      requestChecksum: asked.header.checksum,
      session: asked.header.session,
      op: Op(op),
      timestamp: 1,
      index,
      request: asked.header.request,
      operation: asked.header.operation,
    },
    body,
    mix128,
  );
}

describe('replies', () => {
  const ask = request(ALICE, 1, [5, 3]);
  const asked = { operation: OPERATION_ADD, body: new Uint8Array([5, 3]) };

  function ready(): ReturnType<typeof history> {
    const all = history();
    all.commit(0, REGISTERS);
    all.commit(0, ADD_ALICE);
    return all;
  }

  it('accept the answer of the model', () => {
    const { replies } = ready();
    replies.onInvoked(ALICE);
    replies.onReplied(ALICE, asked, reply(2, ask, 3));
    expect(replies.answeredOp).toBe(2);
  });

  it('catch a wrong answer, an op that nobody committed, and another request at the place', () => {
    const { replies } = ready();
    expect(broken(() => replies.onReplied(ALICE, asked, reply(2, ask, 4)))).toBe('replies');
    const early = reply(3, ask, 3);
    expect(broken(() => replies.onReplied(ALICE, asked, early))).toBe('acknowledged_writes');
    const elsewhere = reply(1, ask, 3);
    expect(broken(() => replies.onReplied(ALICE, asked, elsewhere))).toBe('acknowledged_writes');
  });

  it('catch an answer from before the request began', () => {
    const { commit, replies } = ready();
    const bob = request(BOB, 1, [5, 1]);
    commit(0, committed(3, [bob]));
    replies.onInvoked(BOB);
    replies.onReplied(BOB, { operation: OPERATION_ADD, body: bob.body }, reply(3, bob, 4));
    // Asked after the answer of op 3 was known, yet answered with op 2.
    replies.onInvoked(ALICE);
    expect(broken(() => replies.onReplied(ALICE, asked, reply(2, ask, 3)))).toBe('replies');
  });

  it('catch a replica that executes a duplicate', () => {
    const { commit, replies } = ready();
    commit(0, committed(3, [ask]));
    const again = (
      outcome: 'executed' | 'duplicate',
    ): Extract<TraceEvent, { kind: 'executed' }> => ({
      kind: 'executed',
      op: Op(3),
      index: 0,
      client: ALICE,
      request: 1,
      operation: OPERATION_ADD,
      outcome,
      reply: null,
    });
    replies.onExecuted(again('duplicate'));
    expect(broken(() => replies.onExecuted(again('executed')))).toBe('replies');
  });

  it('catch an execution of what was refused for sure', () => {
    const { commit, replies } = history();
    commit(0, REGISTERS);
    replies.onRefusedDefinitely(ask.header.checksum);
    expect(broken(() => commit(0, ADD_ALICE))).toBe('replies');
  });

  it('allow it to who asks the same again, under the number that was refused', () => {
    const { commit, replies } = history();
    commit(0, REGISTERS);
    replies.onRefusedDefinitely(ask.header.checksum);
    replies.onSending(ask.header.checksum);
    expect(broken(() => commit(0, ADD_ALICE))).toBe('nothing');
  });

  it('catch the eviction of another session than the idlest', () => {
    const all = history();
    const registers = Array.from({ length: 7 }, (_, index) =>
      request(ClientId(BigInt(index + 1)), 0, []),
    );
    all.commit(0, committed(1, registers));
    all.commit(0, committed(2, [request(ALICE, 0, [])]));
    const evicted = (client: ClientId): Extract<TraceEvent, { kind: 'session_evicted' }> => ({
      kind: 'session_evicted',
      client,
      op: Op(2),
      index: 0,
    });
    all.replies.onEvicted(evicted(ClientId(1n)));
    expect(broken(() => all.replies.onEvicted(evicted(ClientId(2n))))).toBe('replies');
  });
});

describe('other checkers', () => {
  it('catch two primaries of a view', () => {
    const primaries = new OnePrimary();
    primaries.onPrimary(1, 1);
    primaries.onPrimary(1, 1);
    primaries.onPrimary(2, 2);
    expect(broken(() => primaries.onPrimary(2, 1))).toBe('one_primary');
    expect(broken(() => primaries.onPrimary(1, 5))).toBe('one_primary');
  });

  it('catch a commit with too few copies', () => {
    const disk = (held: bigint) => ({ wasDurable: (checksum: bigint) => checksum === held });
    const entry = { op: 4, checksum: 9n };
    checkQuorumDurable(entry, [disk(9n), disk(1n), disk(9n)]);
    const few = (): void => checkQuorumDurable(entry, [disk(9n), disk(1n), disk(1n)]);
    expect(broken(few)).toBe('quorum_durable');
  });

  it('catch different states at one op', () => {
    const stores = new StoresEqual();
    stores.onCheckpoint(0, 16, 5n);
    stores.onCheckpoint(1, 16, 5n);
    expect(broken(() => stores.onCheckpoint(2, 16, 6n))).toBe('stores_equal');
  });

  it('catch numbers out of bounds', () => {
    const state = replicaState({
      isPrimary: true,
      view: View(1),
      logView: View(1),
      op: Op(40),
      commitMin: Op(38),
      commitMax: Op(38),
      checkpointOp: Op(32),
      clockSynchronized: true,
      pipelineLength: 2,
      sessions: 7,
    });
    const bounds = (change: Partial<ReplicaSnapshot>): string =>
      broken(() =>
        checkBounds({ ...state, ...change }, { config: CONFIG_SIMULATION, replicaCount: 3 }),
      );
    expect(bounds({})).toBe('nothing');
    expect(bounds({ commitMin: Op(41), commitMax: Op(41) })).toBe('bounds');
    expect(bounds({ commitMax: Op(37) })).toBe('bounds');
    expect(bounds({ pipelineLength: 5 })).toBe('bounds');
    expect(bounds({ sessions: 8 })).toBe('bounds');
    expect(bounds({ limitedBytes: 8192, limitedBytesMax: 8192 })).toBe('nothing');
    expect(bounds({ limitedBytes: 2 * 8192, limitedBytesMax: 8192 })).toBe('bounds');
    expect(bounds({ op: Op(65) })).toBe('bounds');
    expect(bounds({ logView: View(2) })).toBe('bounds');
  });
});
