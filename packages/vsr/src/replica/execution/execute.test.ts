import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../../config.ts';
import { OPERATION_NOOP, OPERATION_REGISTER } from '../../message/batch.ts';
import { EVICTION_REASONS } from '../../message/layout.ts';
import type { Message, PrepareMessage } from '../../message/message.ts';
import { Op, ZERO_CHECKSUM } from '../../std/numbers.ts';
import { counterValue, OPERATION_ADD } from '../../testing/counter-machine.ts';
import { heartbeatOf, leadViewOne, prepareOkOf } from '../../testing/lead.ts';
import { fixtureRoot, makeRequest, prepareAfter } from '../../testing/log-fixture.ts';
import { ReplicaHarness } from '../../testing/replica-harness.ts';
import { sessionNumber } from './sessions.ts';

type Batch = readonly Message<'request'>[];

function register(client: number): Message<'request'> {
  return makeRequest({ client, session: 0, request: 0, operation: OPERATION_REGISTER });
}

/** Adds `amount`; two requests with another amount have another checksum. */
function add(client: number, session: number, request: number, amount = 1): Message<'request'> {
  const body = Uint8Array.of(amount);
  return makeRequest({ client, session, request, operation: OPERATION_ADD, body });
}

function session(op: number, index = 0): number {
  return sessionNumber(Op(op), index);
}

/** The log of these batches: op n holds batches[n - 1]. */
function logOf(batches: readonly Batch[], rootId = ZERO_CHECKSUM): PrepareMessage[] {
  const log = [fixtureRoot()];
  for (const requests of batches) {
    // From the deadline on an op names the checkpoint that it needs.
    const named = log.length > CONFIG_SIMULATION.checkpointInterval / 2;
    const checkpointId = named ? rootId : ZERO_CHECKSUM;
    const timestamp = 1000 * log.length;
    log.push(prepareAfter(present(log.at(-1)), { requests, timestamp, checkpointId }));
  }
  return log;
}

/** A backup that has executed these batches, whatever a primary may have filtered. */
function executed(
  batches: readonly Batch[],
  sessionsMax = CONFIG_SIMULATION.sessionsMax,
): ReplicaHarness {
  const config = { ...CONFIG_SIMULATION, sessionsMax };
  const harness = new ReplicaHarness({ slot: 1, config }).start();
  const log = logOf(batches);
  for (const message of log.slice(1)) {
    harness.deliver(message);
    harness.settle();
  }
  harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: log.length - 1, stamp: 1 }));
  harness.settle();
  expect(harness.replica.commitMin).toBe(log.length - 1);
  return harness;
}

function outcomes(harness: ReplicaHarness): string[] {
  return harness.traced('executed').map(({ outcome }) => outcome);
}

/** Sums that the executed additions replied with. */
function sums(harness: ReplicaHarness): number[] {
  return harness
    .traced('executed')
    .flatMap(({ reply }) => (reply?.length === 4 ? [counterValue(reply)] : []));
}

describe('at most once, decided in the order of the log', () => {
  it('executes the next request of a session', () => {
    const harness = executed([[register(5)], [add(5, session(1), 1)], [add(5, session(1), 2, 3)]]);
    expect(outcomes(harness)).toEqual(['executed', 'executed', 'executed']);
    expect(sums(harness)).toEqual([1, 4]);
  });

  it('does not execute the same request twice, in two ops or in one batch', () => {
    const again = add(5, session(1), 1);
    const harness = executed([[register(5)], [again, again], [again]]);
    expect(outcomes(harness)).toEqual(['executed', 'executed', 'duplicate', 'duplicate']);
    expect(sums(harness)).toEqual([1]);
  });

  it('does not execute another request with a number that was used', () => {
    const harness = executed([[register(5)], [add(5, session(1), 1), add(5, session(1), 1, 9)]]);
    expect(outcomes(harness)).toEqual(['executed', 'executed', 'collision']);
    expect(sums(harness)).toEqual([1]);
  });

  it('does not execute out of order: neither ahead nor behind', () => {
    const harness = executed([
      [register(5)],
      [add(5, session(1), 2)],
      [add(5, session(1), 1), add(5, session(1), 2, 7), add(5, session(1), 1)],
    ]);
    expect(outcomes(harness)).toEqual([
      'executed',
      'out_of_order',
      'executed',
      'executed',
      'out_of_order',
    ]);
    expect(sums(harness)).toEqual([1, 8]);
  });

  it('does not execute without a session, or with one that the client never had', () => {
    const harness = executed([[add(5, session(1), 1)], [register(5)], [add(5, session(3), 1)]]);
    expect(outcomes(harness)).toEqual(['no_session', 'executed', 'no_session']);
    expect(sums(harness)).toEqual([]);
  });

  it('does not execute for a session that a later one replaced', () => {
    const harness = executed(
      [
        [register(5)],
        [add(5, session(1), 1)],
        [register(6)], // Room for one: the session of 5 ends,
        [register(5)], // and begins anew.
        [add(5, session(1), 2), add(5, session(4), 1, 5)],
      ],
      1,
    );
    expect(outcomes(harness).slice(4)).toEqual(['session_too_low', 'executed']);
    expect(sums(harness)).toEqual([1, 6]);
  });

  it('opens a session once: a repeated register is a duplicate, a late one changes nothing', () => {
    const harness = executed([
      [register(5), register(5)],
      [add(5, session(1), 1)],
      [register(5)],
      [add(5, session(1), 2)],
    ]);
    expect(outcomes(harness)).toEqual([
      'executed',
      'duplicate',
      'executed',
      'out_of_order',
      'executed',
    ]);
    expect(harness.replica.sessions.get(add(5, 0, 0).header.client)).toMatchObject({
      session: session(1),
      request: 2,
    });
  });

  it('evicts at once: in the middle of a batch, for the rest of that batch', () => {
    const harness = executed(
      [
        [register(5), register(6)],
        // Room for two: the register of 7 ends the session of 5, whose request comes after.
        [register(7), add(5, session(1, 0), 1), add(6, session(1, 1), 1), add(7, session(2, 0), 1)],
      ],
      2,
    );
    expect(outcomes(harness).slice(2)).toEqual(['executed', 'no_session', 'executed', 'executed']);
    expect(harness.traced('session_evicted')).toMatchObject([{ client: 5n, op: 2, index: 0 }]);
  });

  it('evicts by the last execution, that of the same batch included', () => {
    const harness = executed(
      [
        [register(5), register(6)],
        // Here 5 has just executed: the oldest is 6.
        [add(5, session(1, 0), 1), register(7), add(6, session(1, 1), 1)],
      ],
      2,
    );
    expect(harness.traced('session_evicted')).toMatchObject([{ client: 6n, op: 2, index: 1 }]);
    expect(outcomes(harness).slice(2)).toEqual(['executed', 'executed', 'no_session']);
  });

  it('answers a request that is no valid one with nothing, without running it', () => {
    const bad = makeRequest({
      client: 5,
      session: session(1),
      request: 1,
      operation: OPERATION_ADD,
      body: Uint8Array.of(1, 2),
    });
    const harness = executed([[register(5)], [bad], [add(5, session(1), 2)]]);
    expect(outcomes(harness)).toEqual(['executed', 'executed', 'executed']);
    expect(harness.traced('executed')[1]?.reply).toEqual(new Uint8Array(0));
    expect(sums(harness).at(-1)).toBe(1);
  });

  it('counts a no-op as a request like any other', () => {
    const noop = makeRequest({
      client: 5,
      session: session(1),
      request: 1,
      operation: OPERATION_NOOP,
    });
    const harness = executed([[register(5)], [noop, noop], [add(5, session(1), 2)]]);
    expect(outcomes(harness)).toEqual(['executed', 'executed', 'duplicate', 'executed']);
  });
});

describe('decisions', () => {
  const batches: Batch[] = [
    [register(5), register(6)],
    [add(5, session(1), 1), add(6, session(1, 1), 1, 2)],
    [add(5, session(1), 1), register(7), add(6, session(1, 1), 2, 4)],
    [add(7, session(3, 1), 1, 8), add(5, session(1), 2, 16)],
  ];

  it('are the same after a restart that replays the log', () => {
    const harness = executed(batches, 2);
    const restarted = harness.restart();
    restarted.deliver(
      heartbeatOf({ slot: 0, view: 0 }, logOf(batches), { commit: batches.length, stamp: 2 }),
    );
    restarted.settle();
    expect(restarted.traced('executed')).toEqual(harness.traced('executed'));
    expect(restarted.traced('executed').length).toBeGreaterThan(6);
  });

  it('are numbered by op and index, and stamped by the prepare', () => {
    const harness = executed(batches, 4);
    expect(harness.traced('executed').map(({ op, index }) => [op, index])).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
      [3, 0],
      [3, 1],
      [3, 2],
      [4, 0],
      [4, 1],
    ]);
    const last = present(harness.replica.sessions.get(register(5).header.client));
    expect(last).toMatchObject({ op: 4, index: 1, timestamp: 4001 });
  });
});

describe('a primary', () => {
  /** Primary of view 1 over a log that an earlier primary left, uncommitted. */
  function leading(batches: readonly Batch[]): ReplicaHarness {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    const log = logOf(batches);
    leadViewOne(harness, log);
    harness.takeAnswers();
    for (const message of log.slice(1)) harness.deliver(prepareOkOf({ slot: 2, view: 1 }, message));
    harness.settle();
    expect(harness.replica.commitMin).toBe(batches.length);
    return harness;
  }

  it('answers what an older one let through twice with the stored reply', () => {
    const once = add(5, session(1), 1, 6);
    const harness = leading([[register(5)], [once, once]]);
    const replies = harness.takeAnswers().map(({ message }) => message);
    expect(replies.map(({ header }) => header.command)).toEqual(['reply', 'reply', 'reply']);
    for (const { body, header } of replies.slice(1)) {
      expect(counterValue(body)).toBe(6);
      expect(header).toMatchObject({ op: 2, index: 0, requestChecksum: once.header.checksum });
    }
  });

  it('tells each refused request why', () => {
    const harness = leading([
      [register(5)],
      [add(5, session(1), 1), add(5, session(1), 1, 9), add(6, session(1), 1)],
    ]);
    const evictions = harness
      .takeAnswers()
      .filter(({ message }) => message.header.command === 'eviction');
    expect(evictions.map(({ client, message }) => [client, message.header])).toMatchObject([
      [5n, { reason: EVICTION_REASONS.requestCollision }],
      [6n, { reason: EVICTION_REASONS.noSession }],
    ]);
  });

  it('answers a retry from the table, without giving it a place in the log', () => {
    const once = add(5, session(1), 1, 6);
    const harness = leading([[register(5)], [once]]);
    harness.takeAnswers();
    harness.takeAll();
    harness.deliver(once);
    expect(harness.take('prepare')).toEqual([]);
    expect(counterValue(present(harness.takeAnswers()[0]).message.body)).toBe(6);
  });
});

describe('a request whose blocks are not in memory', () => {
  const interval = CONFIG_SIMULATION.checkpointInterval;

  /** A backup at its first checkpoint, whose counter is on disk only, and the log above it. */
  function beyondCheckpoint(): { harness: ReplicaHarness; log: PrepareMessage[] } {
    const harness = new ReplicaHarness({ slot: 1, cacheBlocks: 1 }).start();
    const batches: Batch[] = [[register(5)]];
    for (let n = 1; n < interval + 3; n += 1) batches.push([add(5, session(1), n)]);
    const log = logOf(batches, harness.replica.checkpointId);
    for (const message of log.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: interval, stamp: 1 }));
    harness.settle();
    expect(harness.replica.checkpoint.op).toBe(interval);
    return { harness, log };
  }

  it('waits for them, and nothing but execution waits with it', () => {
    const { harness, log } = beyondCheckpoint();
    const { replica } = harness;
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: interval + 2, stamp: 2 }));
    harness.settle('read_block');
    expect(harness.waiting).toContain('read_block');
    expect(replica.commitMin).toBe(interval);
    expect(harness.traced('execution_waits')).toMatchObject([{ op: interval + 1, index: 0 }]);
    const next = prepareAfter(present(log.at(-1)), {
      requests: [add(5, session(1), interval + 3)],
      timestamp: 100_000,
      checkpointId: present(log.at(-1)).header.checkpointId,
    });
    harness.deliver(next);
    harness.settle('read_block');
    expect(harness.traced('acknowledged').at(-1)).toMatchObject({ op: next.header.op });
    harness.settle();
    expect(replica.commitMin).toBe(interval + 2);
    expect(sums(harness).at(-1)).toBe(interval + 1);
  });

  it('is executed once, however often it waits, and not at all after a crash in between', () => {
    const { harness, log } = beyondCheckpoint();
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: interval + 2, stamp: 2 }));
    harness.settle('read_block');
    const again = harness.restart();
    again.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: interval + 2, stamp: 3 }));
    again.settle();
    expect(again.replica.commitMin).toBe(interval + 2);
    expect(sums(again)).toEqual([interval, interval + 1]);
  });
});
