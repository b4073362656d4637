import { describe, expect, it } from 'vitest';
import { isCommand } from '../../message/message.ts';
import { Op } from '../../std/numbers.ts';
import { counterValue, OPERATION_ADD } from '../../testing/counter-machine.ts';
import { heartbeatOf, prepareOkOf } from '../../testing/lead.ts';
import { extendChain, fixtureRoot } from '../../testing/log-fixture.ts';
import {
  at,
  backup,
  CHAIN,
  echo,
  prepared,
  primary,
  query,
  rounds,
  told,
} from '../../testing/read-fixture.ts';
import { fromPeer, type ReplicaHarness } from '../../testing/replica-harness.ts';
import { isQuorumLost } from '../liveness/quorum.ts';

describe('a bounded read', () => {
  it('is answered by a confirmation that is young enough, without another', () => {
    const harness = primary();
    harness.deliver(query('linearizable'));
    harness.deliver(echo(0, 1));
    told(harness);
    rounds(harness);
    harness.tick(10);
    harness.deliver(query('bounded', { lagMax: 100 }));
    expect(told(harness)).toEqual([0]);
    expect(rounds(harness)).toEqual([]);
    harness.deliver(query('bounded', { lagMax: 99 }));
    expect(told(harness)).toEqual([]);
    expect(rounds(harness)).not.toEqual([]);
  });

  it('is refused when its confirmation has grown too old by the time of the answer', () => {
    const harness = primary(CHAIN.slice(0, 2));
    harness.deliver(query('bounded', { lagMax: 100 }));
    harness.deliver(echo(0, 1));
    harness.tick(4);
    expect(told(harness)).toEqual([]);
    // Its index commits at last, 110 ms after the question.
    harness.sleep(70_000);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, at(CHAIN, 1)));
    expect(told(harness)).toEqual(['tooStale']);
  });

  it('is not answered in a step that was not given the time: the process may have slept', () => {
    const harness = primary();
    const message = prepared(harness, 5);
    harness.deliver(query('bounded', { lagMax: 100, floor: 1 }));
    harness.deliver(echo(0, 1));
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, message));
    harness.sleep(200_000);
    // Its own write is the last that the op waits for, and a completion carries no time.
    harness.settle();
    expect(harness.replica.commitMin).toBe(1);
    expect(told(harness)).toEqual([]);
    harness.tick();
    expect(told(harness)).toEqual(['tooStale']);
  });
});

describe('a local read', () => {
  it('is answered from what is executed, in any status', () => {
    const harness = backup();
    harness.deliver(query('local'));
    expect(told(harness)).toEqual([0]);
    for (const slot of [0, 1]) harness.deliver(fromPeer({ slot, view: 1 }, 'startViewChange', {}));
    expect(harness.replica.status).toBe('view_change');
    // Its answer would show a view that is not durable yet.
    harness.deliver(query('local'));
    expect(told(harness)).toEqual([]);
    harness.settle();
    expect(told(harness)).toEqual([0]);
  });

  it('waits until what its client has seen is executed', () => {
    const harness = backup();
    const chain = extendChain([fixtureRoot()], 1, { view: 1 });
    harness.deliver(query('local', { floor: 1 }));
    harness.deliver(at(chain, 1));
    harness.settle();
    expect(told(harness)).toEqual([]);
    harness.deliver(heartbeatOf({ slot: 1, view: 1 }, chain, { commit: 1, stamp: 1 }));
    expect(told(harness)).toEqual([1]);
  });

  it('shows the state after the op that it names', () => {
    const harness = primary();
    harness.deliver(query('local'));
    const message = harness.takeAnswers()[0]?.message;
    expect(message).toMatchObject({ header: { command: 'queryReply', op: 0 } });
    if (message === undefined || !isCommand(message, 'queryReply')) return;
    expect(counterValue(message.body)).toBe(0);
    expect(harness.traced('queried')).toMatchObject([{ op: 0, level: 'local' }]);
  });
});

describe('a query', () => {
  it.each([
    ['an operation that changes something', { operation: OPERATION_ADD, body: Uint8Array.of(1) }],
    ['an unknown operation', { operation: 99 }],
    ['an operation of the core', { operation: 1 }],
    ['a body that is none', { body: Uint8Array.of(1, 2, 3) }],
    ['a level that is none', { level: 3 }],
    ['a body larger than any message', { body: new Uint8Array(1 << 20) }],
  ])('with %s is refused', (_, options) => {
    const harness = primary();
    harness.deliver(query('local', options));
    expect(told(harness)).toEqual(['invalid']);
  });

  it('of a replica is dropped', () => {
    const harness = primary();
    harness.deliver(query('local', { replica: 0 }));
    expect(told(harness)).toEqual([]);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'bad_client' });
  });

  it('is refused when too many wait, and those that wait are answered in slices', () => {
    const harness = primary();
    for (let count = 0; count < 4096; count += 1) harness.deliver(query('linearizable'));
    harness.deliver(query('linearizable'));
    expect(told(harness)).toEqual(['busy']);
    harness.deliver(echo(0, 2));
    const first = told(harness).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(32);
    harness.deliver(echo(0, 3));
    harness.settle();
    expect(told(harness)).toHaveLength(4096 - first);
    expect(harness.replica.reads).toMatchObject({ count: 0, bytes: 0, waiting: [] });
  });
});

/** Nobody is heard; until then no client is told anything. */
function tickUntilLost(harness: ReplicaHarness): void {
  while (!isQuorumLost(harness.replica)) {
    expect(told(harness)).toEqual([]);
    expect(harness.replica.tick).toBeLessThan(1_000);
    harness.tick();
  }
}

describe('a linearizable read without a quorum', () => {
  it.each([
    ['primary', primary],
    ['backup', backup],
  ])('is refused by a %s that has lost it, whether it waits or comes then', (_role, make) => {
    const harness = make();
    harness.deliver(query('linearizable'));
    harness.deliver(query('bounded', { lagMax: 60_000 }));
    tickUntilLost(harness);
    expect(told(harness)).toEqual(['noQuorum']);
    harness.deliver(query('linearizable'));
    harness.deliver(query('local'));
    // What is bounded waits for as long as it may, what is local needs nobody.
    expect(told(harness)).toEqual(['noQuorum', 0]);
    expect(harness.replica.reads.count).toBe(1);
  });

  it('is answered again as soon as the quorum is back', () => {
    const harness = primary();
    tickUntilLost(harness);
    harness.deliver(query('linearizable'));
    expect(told(harness)).toEqual(['noQuorum']);
    harness.deliver(
      fromPeer({ slot: 0, view: 1 }, 'requestHeaders', { opMin: Op(0), opMax: Op(0) }),
    );
    harness.deliver(query('linearizable'));
    expect(told(harness)).toEqual([]);
  });
});
