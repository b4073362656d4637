import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { OPERATION_REGISTER } from '../../message/batch.ts';
import type { PrepareMessage } from '../../message/message.ts';
import { setSlots } from '../../std/bitset.ts';
import { Op } from '../../std/numbers.ts';
import { checkpointIdAfter } from '../../testing/checkpoint-id.ts';
import { counterMachine, OPERATION_ADD } from '../../testing/counter-machine.ts';
import { heartbeatOf, leadViewOne, prepareOkOf } from '../../testing/lead.ts';
import {
  chainOf,
  extendChain,
  fixtureRoot,
  makeRequest,
  prepareAfter,
} from '../../testing/log-fixture.ts';
import { fromPeer, ReplicaHarness } from '../../testing/replica-harness.ts';
import { sessionNumber } from '../execution/sessions.ts';

const CHAIN = chainOf(12);

function at(op: number): PrepareMessage {
  return present(CHAIN[op]);
}

function backup(): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 1 }).start();
  expect(harness.replica.status).toBe('normal');
  harness.takeAll();
  return harness;
}

/** Ops acknowledged since the last call. */
function acks(harness: ReplicaHarness): number[] {
  return harness.take('prepareOk').map(({ to, message }) => {
    expect(to).toBe(0);
    return message.header.op;
  });
}

describe('a backup', () => {
  it('acknowledges only when body and redundant header are on disk', () => {
    const harness = backup();
    harness.deliver(at(1));
    expect(harness.waiting).toEqual(['write_prepare']);
    expect(acks(harness)).toEqual([]);
    harness.complete('write_prepare');
    expect(harness.waiting).toEqual(['write_headers']);
    expect(acks(harness)).toEqual([]);
    harness.complete('write_headers');
    const [ack] = harness.take('prepareOk');
    expect(ack?.message.header).toMatchObject({
      op: 1,
      prepareChecksum: at(1).header.checksum,
      view: 0,
      durable: 1,
    });
  });

  it('acknowledges each op by itself: writes may finish out of order', () => {
    const harness = backup();
    for (const op of [1, 2, 3]) harness.deliver(at(op));
    expect(harness.waiting).toEqual(['write_prepare', 'write_prepare', 'write_prepare']);
    harness.complete('write_prepare');
    harness.complete('write_headers');
    expect(acks(harness)).toEqual([1]);
    harness.settle();
    expect(acks(harness)).toEqual([2, 3]);
  });

  it('acknowledges again when a prepare is sent again, without writing it again', () => {
    const harness = backup();
    harness.deliver(at(1));
    harness.settle();
    expect(acks(harness)).toEqual([1]);
    harness.deliver(at(1));
    expect(harness.waiting).toEqual([]);
    expect(acks(harness)).toEqual([1]);
  });

  it('does not acknowledge a prepare that is still being written, however often it comes', () => {
    const harness = backup();
    harness.deliver(at(1));
    harness.deliver(at(1));
    expect(harness.waiting).toEqual(['write_prepare']);
    harness.complete('write_prepare');
    harness.deliver(at(1));
    expect(harness.waiting).toEqual(['write_headers']);
    expect(acks(harness)).toEqual([]);
  });

  it('keeps what it acknowledged across a restart', () => {
    const harness = backup();
    for (const op of [1, 2, 3]) harness.deliver(at(op));
    harness.settle();
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'normal', op: 3 });
    restarted.takeAll();
    restarted.deliver(at(3));
    expect(acks(restarted)).toEqual([3]);
  });

  it('forgets what was not written whole', () => {
    const harness = backup();
    harness.deliver(at(1));
    harness.deliver(at(2));
    harness.complete('write_prepare');
    harness.complete('write_headers');
    expect(harness.restart().replica.op).toBe(1);
  });

  it('appends only op = head + 1; later ones wait in a buffer', () => {
    const harness = backup();
    harness.deliver(at(3));
    harness.deliver(at(2));
    expect(harness.replica.op).toBe(0);
    expect(harness.waiting).toEqual([]);
    harness.deliver(at(1));
    expect(harness.replica.op).toBe(3);
    harness.settle();
    expect(acks(harness)).toEqual([1, 2, 3]);
  });

  it('bounds the buffer', () => {
    const harness = backup();
    const long = chainOf(30);
    for (const message of long.slice(2)) harness.deliver(message);
    expect(harness.replica.buffer.size).toBeLessThanOrEqual(2 * harness.config.pipelineMax);
  });

  it('refuses a prepare whose parent is not its head', () => {
    const harness = backup();
    harness.deliver(at(1));
    const stranger = prepareAfter(prepareAfter(fixtureRoot(), { timestamp: 777 }));
    harness.deliver(stranger);
    expect(harness.replica.op).toBe(1);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'chain_break' });
    expect(harness.fatals).toEqual([]);
  });

  it('stops when its primary follows another op than the one that it has executed', () => {
    const harness = backup();
    harness.deliver(at(1));
    harness.settle();
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, CHAIN.slice(0, 2), { commit: 1, stamp: 1 }));
    expect(harness.replica.commitMin).toBe(1);
    harness.deliver(prepareAfter(prepareAfter(fixtureRoot(), { timestamp: 777 })));
    expect(harness.fatals).toEqual(['diverged']);
  });

  it('believes no commit number beyond the op that it comes with', () => {
    const harness = backup();
    harness.deliver(at(1));
    harness.settle();
    harness.deliver(prepareAfter(at(1), { commit: 2 }));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'invalid_metadata' });
    const { commitMax } = harness.replica;
    const honest = heartbeatOf({ slot: 0, view: 0 }, CHAIN.slice(0, 2), { commit: 1, stamp: 1 });
    harness.deliver(fromPeer({ slot: 0, view: 0 }, 'commit', { ...honest.header, commit: Op(7) }));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'invalid_metadata' });
    expect(harness.replica.commitMax).toBe(commitMax);
  });

  it('does not enter a later view by a prepare: it asks for that view’s log', () => {
    const harness = backup();
    harness.deliver(prepareAfter(fixtureRoot(), { view: 2 }));
    expect(harness.replica).toMatchObject({ view: 0, op: 0 });
    expect(harness.takeAll()).toEqual(['requestStartView to 2']);
  });

  it('does not append a prepare that only passed through another replica', () => {
    const harness = backup();
    const { header, bytes, body } = at(1);
    harness.deliver({ header: { ...header, replica: 2 }, bytes, body });
    expect(harness.replica.op).toBe(0);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'not_from_primary' });
  });

  it('withholds acks above the deadline until its checkpoint is durable', () => {
    // I is 16 and D is 8: op 25 needs checkpoint 16.
    const harness = backup();
    const early = extendChain(CHAIN.slice(0, 9), 16, {
      checkpointId: harness.replica.checkpointId,
    });
    for (const message of early.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    const until24 = Array.from({ length: 24 }, (_, index) => index + 1);
    expect(acks(harness)).toEqual(until24);
    const id = checkpointIdAfter(early, 16);
    const late = prepareAfter(present(early[24]), { checkpointId: id });
    harness.deliver(late);
    harness.settle();
    expect(harness.replica.op).toBe(25);
    expect(acks(harness)).toEqual([]);
    const log = [...early, late];
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 16, stamp: 1 }));
    harness.settle();
    expect(harness.traced('checkpoint_durable')).toMatchObject([{ op: 16, id }]);
    expect(acks(harness)).toContain(25);
  });

  it('commits by the heartbeat’s number, in order, and only along the chain', () => {
    const harness = backup();
    for (const op of [1, 2, 3]) harness.deliver(at(op));
    harness.settle();
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, CHAIN.slice(0, 4), { commit: 2, stamp: 1 }));
    expect(harness.traced('committed').map(({ op }) => op)).toEqual([1, 2]);
  });

  it('stops when the heartbeat names another commit than its own log has', () => {
    const harness = backup();
    for (const op of [1, 2]) harness.deliver(at(op));
    harness.settle();
    const other = extendChain([fixtureRoot()], 2, { timestamp: 999 });
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, other, { commit: 2, stamp: 1 }));
    expect(harness.fatals).toEqual(['diverged']);
    expect(harness.traced('committed')).toEqual([]);
  });
});

describe('a primary', () => {
  function primary(chain = [fixtureRoot()], stateMachine = counterMachine()): ReplicaHarness {
    const harness = new ReplicaHarness({ slot: 1, stateMachine }).start();
    leadViewOne(harness, chain);
    expect(harness.replica).toMatchObject({ status: 'normal', view: 1 });
    harness.takeAll();
    harness.takeAnswers();
    return harness;
  }

  function register(harness: ReplicaHarness, client: number): PrepareMessage {
    harness.deliver(makeRequest({ client, session: 0, request: 0, operation: OPERATION_REGISTER }));
    const prepares = harness.take('prepare');
    expect(prepares.map(({ to }) => to)).toEqual([0, 2]);
    return present(prepares[0]).message;
  }

  function acks(harness: ReplicaHarness): number[] {
    return setSlots(harness.replica.primary.pipeline[0]?.acks ?? 0);
  }

  it('sends to its peers and writes at the same time', () => {
    const harness = primary();
    const message = register(harness, 5);
    expect(message.header).toMatchObject({ op: 1, view: 1, count: 1 });
    expect(message.header.parent).toBe(fixtureRoot().header.checksum);
    expect(harness.waiting).toEqual(['write_prepare']);
  });

  it('counts its own vote only after its own write: body, then header', () => {
    const harness = primary();
    const message = register(harness, 5);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, message));
    expect(acks(harness)).toEqual([0]);
    harness.complete('write_prepare');
    expect(acks(harness)).toEqual([0]);
    expect(harness.replica.commitMax).toBe(0);
    harness.complete('write_headers');
    expect(harness.replica).toMatchObject({ commitMax: 1, commitMin: 1 });
  });

  it('may commit on its backups’ votes before its own disk is done', () => {
    const harness = primary();
    const first = register(harness, 5);
    const second = register(harness, 6);
    for (const slot of [0, 2]) harness.deliver(prepareOkOf({ slot, view: 1 }, first));
    expect(harness.replica).toMatchObject({ commitMax: 1, commitMin: 1 });
    harness.settle();
    // Its own writes of both are done: of the second it is the only vote.
    expect(acks(harness)).toEqual([1]);
    expect(harness.replica.commitMax).toBe(1);
    harness.deliver(prepareOkOf({ slot: 2, view: 1 }, second));
    expect(harness.replica.commitMax).toBe(2);
  });

  it('counts a repeated ack once', () => {
    const harness = primary();
    const message = register(harness, 5);
    for (let again = 0; again < 4; again += 1) {
      harness.deliver(prepareOkOf({ slot: 2, view: 1 }, message));
    }
    expect(acks(harness)).toEqual([2]);
    expect(harness.replica.commitMax).toBe(0);
  });

  it('counts no ack of itself, of a stranger, of another view, op or prepare', () => {
    const harness = primary();
    const message = register(harness, 5);
    const rival = prepareAfter(fixtureRoot(), { view: 1, timestamp: 5 });
    harness.deliver(prepareOkOf({ slot: 1, view: 1 }, message));
    harness.deliver(prepareOkOf({ slot: 3, view: 1 }, message));
    harness.deliver(prepareOkOf({ slot: 0, view: 0 }, message));
    harness.deliver(prepareOkOf({ slot: 0, view: 2 }, message));
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, rival));
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, prepareAfter(message)));
    const { header } = prepareOkOf({ slot: 0, view: 1 }, message);
    harness.deliver(fromPeer({ slot: 0, view: 1 }, 'prepareOk', { ...header, durable: 0 }));
    expect(acks(harness)).toEqual([]);
    expect(harness.replica.commitMax).toBe(0);
  });

  it('commits in order: a later op with its quorum waits for the earlier one', () => {
    const harness = primary();
    const first = register(harness, 5);
    const second = register(harness, 6);
    for (const slot of [0, 2]) harness.deliver(prepareOkOf({ slot, view: 1 }, second));
    expect(harness.replica.commitMax).toBe(0);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, first));
    harness.deliver(prepareOkOf({ slot: 2, view: 1 }, first));
    expect(harness.replica).toMatchObject({ commitMax: 2, commitMin: 2 });
  });

  it('answers a client only when its request has executed', () => {
    const harness = primary();
    const message = register(harness, 5);
    harness.settle();
    expect(harness.takeAnswers()).toEqual([]);
    harness.deliver(prepareOkOf({ slot: 2, view: 1 }, message));
    const answers = harness.takeAnswers();
    expect(answers.map(({ client }) => client)).toEqual([5n]);
    expect(answers[0]?.message.header).toMatchObject({ command: 'reply', request: 0, view: 1 });
  });

  it('stamps ops with timestamps that only grow', () => {
    const harness = primary(extendChain([fixtureRoot()], 1, { timestamp: 2 ** 52 }));
    const first = register(harness, 5);
    const second = register(harness, 6);
    expect(first.header.timestamp).toBeGreaterThanOrEqual(2 ** 52);
    expect(second.header.timestamp).toBeGreaterThan(first.header.timestamp);
  });

  it('keeps at most a pipeline of ops uncommitted; the rest waits and then goes together', () => {
    const harness = primary();
    const { pipelineMax } = harness.config;
    for (let client = 1; client <= pipelineMax + 3; client += 1) {
      harness.deliver(
        makeRequest({ client, session: 0, request: 0, operation: OPERATION_REGISTER }),
      );
    }
    const sent = harness.take('prepare').filter(({ to }) => to === 0);
    expect(sent).toHaveLength(pipelineMax);
    expect(harness.replica.primary.queue).toHaveLength(3);
    const first = present(sent[0]).message;
    for (const slot of [0, 2]) harness.deliver(prepareOkOf({ slot, view: 1 }, first));
    const next = harness.take('prepare').filter(({ to }) => to === 0);
    expect(next.map(({ message }) => message.header.count)).toEqual([3]);
  });

  it('puts no more requests into an op than look at 16,384 rows together', () => {
    const harness = primary([fixtureRoot()], { ...counterMachine(), looks: () => 6000 });
    const committed = (): number[] => {
      const sent = harness.take('prepare').filter(({ to }) => to === 0);
      for (const { message } of sent) {
        for (const slot of [0, 2]) harness.deliver(prepareOkOf({ slot, view: 1 }, message));
      }
      harness.settle();
      return sent.map(({ message }) => message.header.count);
    };
    const { pipelineMax, sessionsMax } = harness.config;
    for (let client = 1; client <= sessionsMax; client += 1) {
      const operation = OPERATION_REGISTER;
      harness.deliver(makeRequest({ client, session: 0, request: 0, operation }));
      expect(committed()).toEqual([1]);
    }
    for (let client = 1; client <= sessionsMax; client += 1) {
      const session = sessionNumber(Op(client), 0);
      const body = Uint8Array.of(1);
      const operation = OPERATION_ADD;
      harness.deliver(makeRequest({ client, session, request: 1, operation, body }));
    }
    // The first fill the pipeline one by one; three wait, of which two go together.
    expect(committed()).toEqual(Array.from({ length: pipelineMax }, () => 1));
    expect(committed()).toEqual([2, 1]);
  });

  it('does not prepare the same request twice while it is in flight', () => {
    const harness = primary();
    register(harness, 5);
    harness.deliver(
      makeRequest({ client: 5, session: 0, request: 0, operation: OPERATION_REGISTER }),
    );
    expect(harness.take('prepare')).toEqual([]);
  });

  it('sends what has no quorum again, to those who have not acknowledged', () => {
    const harness = primary();
    const message = register(harness, 5);
    harness.deliver(prepareOkOf({ slot: 2, view: 1 }, message));
    harness.tick(30);
    const again = harness.take('prepare');
    expect(new Set(again.map(({ to }) => to))).toEqual(new Set([0]));
    expect(again[0]?.message.bytes).toEqual(message.bytes);
  });
});
