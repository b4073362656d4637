import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { Op } from '../../std/numbers.ts';
import { heartbeatOf, prepareOkOf, startViewOf } from '../../testing/lead.ts';
import { extendChain, fixtureRoot } from '../../testing/log-fixture.ts';
import {
  answerIndex,
  at,
  backup,
  CHAIN,
  echo,
  lead,
  prepared,
  primary,
  query,
  rounds,
  told,
} from '../../testing/read-fixture.ts';
import { fromPeer, ReplicaHarness } from '../../testing/replica-harness.ts';

describe('a linearizable read at the primary', () => {
  it('waits for the echo of a quorum, asked for after it came', () => {
    const harness = primary();
    harness.deliver(query('linearizable'));
    expect(rounds(harness)).toEqual([
      [0, 1],
      [2, 1],
    ]);
    expect(told(harness)).toEqual([]);
    harness.deliver(echo(0, 1));
    expect(told(harness)).toEqual([0]);
    harness.deliver(echo(2, 1));
    expect(told(harness)).toEqual([]);
  });

  it('joins no round that was sent before', () => {
    const harness = primary();
    harness.deliver(query('linearizable'));
    harness.deliver(query('linearizable'));
    harness.deliver(query('linearizable'));
    // Two rounds are under way; the third read waits for one of its own.
    expect(rounds(harness).map(([, round]) => round)).toEqual([1, 1, 2, 2]);
    harness.deliver(echo(2, 1));
    expect(told(harness)).toEqual([0]);
    expect(rounds(harness).map(([, round]) => round)).toEqual([3, 3]);
    // A later round stands for the earlier ones.
    harness.deliver(echo(2, 3));
    expect(told(harness)).toEqual([0, 0]);
  });

  it.each([
    ['of another view', echo(0, 1, 0)],
    ['of a later view', echo(0, 1, 2)],
    ['of an earlier round', echo(0, 0)],
    ['of nobody that votes', echo(9, 1)],
  ])('does not count an echo %s', (_, message) => {
    const harness = primary();
    harness.deliver(query('linearizable'));
    harness.deliver(message);
    expect(told(harness)).toEqual([]);
    harness.deliver(echo(0, 1));
    expect(told(harness)).toEqual([0]);
  });

  it.each([
    [3, 1],
    [4, 1],
    [5, 2],
    [6, 2],
  ])('of %i replicas needs %i echoes of different ones', (replicaCount, needed) => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount }).start();
    const peers = [0, 2, 3, 4, 5].filter((slot) => slot < replicaCount);
    lead(harness, peers);
    harness.deliver(query('linearizable'));
    for (const slot of peers.slice(0, needed - 1)) {
      harness.deliver(echo(slot, 1));
      harness.deliver(echo(slot, 1));
    }
    expect(told(harness)).toEqual([]);
    harness.deliver(echo(present(peers[needed - 1]), 1));
    expect(told(harness)).toEqual([0]);
  });

  it('counts an ack of an op that was prepared after it came, and of no other', () => {
    const harness = primary();
    const first = prepared(harness, 1);
    harness.deliver(query('linearizable'));
    rounds(harness);
    harness.settle();
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, first));
    harness.settle();
    // The op has committed, the view is not confirmed: its ack may be as old as the op.
    expect(harness.replica.commitMin).toBe(1);
    expect(told(harness)).toEqual([]);
    const second = prepared(harness, 2);
    harness.deliver(prepareOkOf({ slot: 0, view: 0 }, second));
    expect(told(harness)).toEqual([]);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, second));
    // Answered as of now: the second op is not on this disk yet, nor committed.
    expect(told(harness)).toEqual([1]);
  });

  it('that is new waits until the log that it began with has committed', () => {
    const chain = CHAIN.slice(0, 4);
    const harness = primary(chain);
    expect(harness.replica).toMatchObject({ op: 3, commitMax: 0 });
    harness.deliver(query('linearizable'));
    harness.deliver(query('bounded', { lagMax: 10_000 }));
    harness.deliver(echo(0, 2));
    expect(told(harness)).toEqual([]);
    for (const op of [1, 2]) harness.deliver(prepareOkOf({ slot: 0, view: 1 }, at(chain, op)));
    harness.settle();
    expect(harness.replica.commitMin).toBe(2);
    expect(told(harness)).toEqual([]);
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, at(chain, 3)));
    expect(told(harness)).toEqual([3, 3]);
  });

  it('asks again while echoes are lost, and refuses what waited for too long', () => {
    const harness = primary();
    harness.deliver(query('linearizable'));
    rounds(harness);
    harness.tick(5);
    expect(rounds(harness)).toEqual([
      [0, 1],
      [2, 1],
    ]);
    for (let tick = 0; tick < 300; tick += 10) {
      harness.tick(10);
      // It hears the others: it has no reason to give way.
      harness.deliver(
        fromPeer({ slot: 0, view: 1 }, 'requestHeaders', { opMin: Op(0), opMax: Op(0) }),
      );
    }
    expect(told(harness)).toEqual(['tooStale']);
    expect(harness.replica.reads).toMatchObject({ count: 0, bytes: 0 });
    harness.deliver(echo(0, 1));
    expect(told(harness)).toEqual([]);
  });

  it('gives the view back: what waited is asked in the next one', () => {
    const harness = primary(CHAIN.slice(0, 3));
    harness.deliver(query('linearizable'));
    harness.deliver(query('local'));
    harness.deliver(echo(0, 1));
    expect(told(harness)).toEqual([0]);
    // The ops that it waits for are cut off by the next view: they will never commit.
    harness.deliver(startViewOf({ slot: 2, view: 2 }, CHAIN.slice(0, 1)));
    harness.settle();
    expect(harness.replica).toMatchObject({ view: 2, status: 'normal', op: 0 });
    harness.tick(5);
    const [asked] = harness.take('requestReadIndex');
    expect(asked?.to).toBe(2);
    harness.deliver(echo(0, 1));
    expect(told(harness)).toEqual([]);
    const nonce = present(asked).message.header.nonce;
    harness.deliver(fromPeer({ slot: 2, view: 2 }, 'readIndex', { nonce, op: Op(0) }));
    expect(told(harness)).toEqual([0]);
  });

  it('that gives way begins no round', () => {
    const harness = primary();
    harness.tick(80);
    expect(harness.replica.primary.abdicated).toBe('unheard');
    harness.take('confirmView');
    harness.deliver(query('linearizable'));
    const request = fromPeer({ slot: 0, view: 1 }, 'requestReadIndex', { nonce: 5n });
    // Hearing one peer is enough to go on; the question itself is that word.
    harness.deliver(request);
    expect(rounds(harness)).toEqual([]);
    expect(told(harness)).toEqual([]);
  });

  it('of a cluster of one is answered at once', () => {
    const harness = new ReplicaHarness({ slot: 0, replicaCount: 1 }).start();
    harness.tick(40);
    harness.settle();
    expect(harness.replica.status).toBe('normal');
    harness.deliver(query('linearizable'));
    expect(told(harness)).toEqual([0]);
  });
});

describe('who is asked whether the view is still its own', () => {
  it.each([
    ['its own view', { slot: 1, view: 1 }, true],
    ['an earlier view', { slot: 0, view: 0 }, false],
    ['a later view', { slot: 0, view: 16 }, false],
    ['somebody who does not lead it', { slot: 0, view: 1 }, false],
  ])('answers for %s: %o %s', (_, author, answers) => {
    const harness = backup();
    harness.deliver(fromPeer(author, 'confirmView', { round: 9 }));
    const echoes = harness.take('viewConfirmed');
    expect(
      echoes.map(({ to, message }) => [to, message.header.round, message.header.view]),
    ).toEqual(answers ? [[1, 9, 1]] : []);
  });

  it('says nothing once it has moved on, not even while that is not durable', () => {
    const harness = backup();
    for (const slot of [0, 1]) harness.deliver(fromPeer({ slot, view: 1 }, 'startViewChange', {}));
    expect(harness.replica.view).toBe(2);
    expect(harness.replica.superblock.durable.view).toBe(1);
    harness.deliver(fromPeer({ slot: 1, view: 1 }, 'confirmView', { round: 1 }));
    expect(harness.take('viewConfirmed')).toEqual([]);
  });
});

describe('a read at a backup', () => {
  it('asks the primary for an index and waits until that is executed', () => {
    const harness = backup();
    harness.deliver(query('linearizable'));
    const [asked] = harness.take('requestReadIndex');
    expect(asked?.to).toBe(1);
    const nonce = present(asked).message.header.nonce;
    harness.deliver(fromPeer({ slot: 1, view: 1 }, 'readIndex', { nonce, op: Op(2) }));
    expect(told(harness)).toEqual([]);
    const chain = extendChain([fixtureRoot()], 2, { view: 1 });
    for (const message of chain.slice(1)) harness.deliver(message);
    harness.settle();
    harness.deliver(heartbeatOf({ slot: 1, view: 1 }, chain, { commit: 2, stamp: 1 }));
    expect(told(harness)).toEqual([2]);
  });

  it('takes no index below what it knew to be committed when it asked', () => {
    const harness = backup();
    const chain = extendChain([fixtureRoot()], 2, { view: 1 });
    for (const message of chain.slice(1)) harness.deliver(message);
    harness.settle();
    harness.deliver(heartbeatOf({ slot: 1, view: 1 }, chain, { commit: 1, stamp: 1 }));
    harness.deliver(query('linearizable'));
    const nonce = present(harness.take('requestReadIndex')[0]).message.header.nonce;
    harness.deliver(heartbeatOf({ slot: 1, view: 1 }, chain, { commit: 2, stamp: 2 }));
    answerIndex(harness, nonce);
    expect(told(harness)).toEqual([]);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'invalid_metadata' });
    // Of what was learned since the question it owes nothing.
    harness.deliver(fromPeer({ slot: 1, view: 1 }, 'readIndex', { nonce, op: Op(1) }));
    expect(told(harness)).toEqual([2]);
  });

  it('joins no question that was asked before it came', () => {
    const harness = backup();
    harness.deliver(query('linearizable'));
    harness.deliver(query('linearizable'));
    const [first, ...more] = harness.take('requestReadIndex');
    expect(more).toEqual([]);
    answerIndex(harness, present(first).message.header.nonce);
    expect(told(harness)).toEqual([0]);
    const [second] = harness.take('requestReadIndex');
    expect(second?.message.header.nonce).not.toBe(first?.message.header.nonce);
    // The answer to the first once more.
    answerIndex(harness, present(first).message.header.nonce);
    expect(told(harness)).toEqual([]);
    answerIndex(harness, present(second).message.header.nonce);
    expect(told(harness)).toEqual([0]);
  });

  it('of another life is not answered by what the last one was told', () => {
    const harness = backup();
    harness.deliver(query('linearizable'));
    const nonce = present(harness.take('requestReadIndex')[0]).message.header.nonce;
    const again = harness.restart();
    again.replica.prng.u32(); // Each life draws differently; the fixture's seed is fixed.
    again.takeAll();
    again.deliver(query('linearizable'));
    answerIndex(again, nonce);
    expect(told(again)).toEqual([]);
  });

  it('asks again while the answer is lost', () => {
    const harness = backup();
    harness.deliver(query('linearizable'));
    const nonce = present(harness.take('requestReadIndex')[0]).message.header.nonce;
    harness.tick(5);
    expect(harness.take('requestReadIndex').map(({ message }) => message.header.nonce)).toEqual([
      nonce,
    ]);
  });

  it('is given an index by the next round of the primary', () => {
    const harness = primary();
    harness.deliver(fromPeer({ slot: 2, view: 1 }, 'requestReadIndex', { nonce: 7n }));
    harness.deliver(fromPeer({ slot: 2, view: 0 }, 'requestReadIndex', { nonce: 8n }));
    expect(rounds(harness).map(([, round]) => round)).toEqual([1, 1]);
    expect(harness.take('readIndex')).toEqual([]);
    harness.deliver(echo(0, 1));
    const answers = harness.take('readIndex');
    expect(answers.map(({ to, message }) => [to, message.header.nonce])).toEqual([[2, 7n]]);
  });
});
