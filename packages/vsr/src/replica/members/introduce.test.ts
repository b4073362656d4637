import { describe, expect, it } from 'vitest';
import { Op, View } from '../../std/numbers.ts';
import { fixtureRoot, prepareAfter } from '../../testing/log-fixture.ts';
import { fromPeer, greeting, pingOf, ReplicaHarness } from '../../testing/replica-harness.ts';
import { checkpointFields } from '../../testing/wal-disk.ts';
import { snapshotOf } from '../snapshot.ts';

/** A replica of three that has met nobody. */
function stranger(slot = 1): ReplicaHarness {
  return new ReplicaHarness({ slot, introduced: false }).start();
}

/** A ping of a peer in its data file `incarnation`, which stands by nothing. */
function ping(slot: number, incarnation = 9n, view = 0): Parameters<ReplicaHarness['deliver']>[0] {
  return pingOf(slot, { incarnation, view });
}

function vote(slot: number, incarnation = 9n): Parameters<ReplicaHarness['deliver']>[0] {
  return fromPeer({ slot, view: 0, incarnation }, 'startViewChange', {});
}

describe('a replica that has met nobody', () => {
  it('takes no part before every other voter has noted its file', () => {
    const harness = stranger();
    expect(harness.replica.status).toBe('introducing');
    expect(harness.takeAll()).toEqual(['ping to 0', 'ping to 2']);
    harness.deliver(greeting(0));
    harness.settle();
    expect(harness.replica.status).toBe('introducing');
    harness.deliver(vote(0));
    expect(harness.replica.viewChange.votes).toBe(0);
    harness.deliver(greeting(2));
    expect(harness.replica.status).toBe('introducing');
    harness.settle();
    expect(harness.replica.status).toBe('normal');
  });

  it('keeps what it learnt over a restart in the middle', () => {
    const first = stranger();
    first.deliver(greeting(0));
    first.settle();
    const second = first.restart();
    expect(second.replica.status).toBe('introducing');
    second.deliver(greeting(2));
    second.settle();
    expect(second.restart().replica.status).toBe('normal');
  });

  it('notes a file before it says that it knows it', () => {
    const harness = stranger();
    harness.deliver(ping(0));
    expect(harness.take('pong').map(({ message }) => message.header.knownIncarnation)).toEqual([
      0n,
    ]);
    harness.settle();
    harness.deliver(ping(0));
    expect(harness.take('pong').map(({ message }) => message.header.knownIncarnation)).toEqual([
      9n,
    ]);
    expect(harness.restart().replica.introductions.files[0]?.incarnation).toBe(9n);
  });

  it('alone, begins at once', () => {
    const harness = new ReplicaHarness({ slot: 0, replicaCount: 1, introduced: false }).start();
    expect(harness.replica.status).not.toBe('introducing');
  });
});

describe('a data file in the place of another', () => {
  it('is not listened to, and is told so', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    harness.takeAll();
    harness.deliver(vote(0, 7n));
    expect(harness.replica.viewChange.votes).toBe(0);
    // Nor does it pull anybody into another view.
    harness.deliver(ping(0, 7n, 16));
    expect(harness.replica.view).toBe(0);
    expect(harness.traced('dropped').map(({ reason }) => reason)).toEqual([
      'other_incarnation',
      'other_incarnation',
    ]);
    expect(harness.take('pong')).toMatchObject([
      { to: 0, message: { header: { pingIncarnation: 7n, knownIncarnation: 9n } } },
    ]);
    harness.deliver(vote(0));
    expect(harness.replica.view).toBe(1);
  });

  it('is mute when one peer names the other one, and ends when a second does', () => {
    const harness = stranger();
    harness.deliver(greeting(0, { knownIncarnation: 8n }));
    expect(harness.fatals).toEqual([]);
    expect(harness.traced('denied')).toMatchObject([{ peer: 0, reason: 'other_incarnation' }]);
    expect(snapshotOf(harness.replica)).toMatchObject({ status: 'introducing', deniedBy: [0] });
    harness.deliver(greeting(0, { knownIncarnation: 8n }));
    expect(harness.fatals).toEqual([]);
    harness.deliver(greeting(2, { knownIncarnation: 8n }));
    expect(harness.fatals).toEqual(['other_incarnation']);
  });

  it('of two, ends at once', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 2, introduced: false }).start();
    harness.deliver(greeting(0, { knownIncarnation: 8n }));
    expect(harness.fatals).toEqual(['other_incarnation']);
  });

  it('is no lie that a file can be told which all have noted', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    for (const slot of [0, 2]) harness.deliver(greeting(slot, { knownIncarnation: 8n }));
    expect(harness.fatals).toEqual([]);
    expect(snapshotOf(harness.replica)).toMatchObject({ status: 'normal', deniedBy: [] });
    // But an op may have put another in its place.
    const replaced = { knownIncarnation: 8n, knownSince: Op(5) };
    for (const slot of [0, 2]) harness.deliver(greeting(slot, replaced));
    expect(harness.fatals).toEqual(['other_incarnation']);
  });

  it('is not taken for what an answer to the other one says', () => {
    const harness = stranger();
    harness.deliver(greeting(0, { pingIncarnation: 8n, knownIncarnation: 8n }));
    harness.deliver(greeting(2, { knownIncarnation: 0n }));
    expect(harness.fatals).toEqual([]);
    expect(harness.replica.introductions.knownBy).toBe(0);
  });
});

describe('a peer that was not heard since the start', () => {
  it('is promised nothing before it has told what it remembers', () => {
    const first = new ReplicaHarness({ slot: 1 }).start();
    const harness = new ReplicaHarness({ ...first.options, file: first.file, introduced: false });
    harness.start();
    harness.takeAll();
    harness.tick(100);
    expect(harness.take('startViewChange')).toEqual([]);
    harness.deliver(greeting(2));
    harness.tick(20);
    const told = harness.take('startViewChange').map(({ to }) => to);
    expect(new Set(told)).toEqual(new Set([2]));
    // And what it says is not heard either: its own part of the deal is missing.
    harness.deliver(vote(0));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'not_greeted', from: 0 });
    // Nor is its log taken up.
    harness.deliver(prepareAfter(fixtureRoot()));
    expect(harness.replica.op).toBe(0);
    harness.deliver(greeting(0));
    harness.deliver(prepareAfter(fixtureRoot()));
    expect(harness.replica.op).toBe(1);
  });

  it('is asked at once when it shows up, and once a tick', () => {
    const first = new ReplicaHarness({ slot: 1 }).start();
    const harness = new ReplicaHarness({ ...first.options, file: first.file, introduced: false });
    harness.start();
    harness.tick(1);
    harness.takeAll();
    harness.deliver(ping(2));
    expect(harness.takeAll()).toEqual(['pong to 2', 'ping to 2']);
    harness.deliver(ping(2));
    expect(harness.takeAll()).toEqual(['pong to 2']);
    harness.tick(1);
    harness.takeAll();
    harness.deliver(ping(2));
    expect(harness.takeAll()).toEqual(['pong to 2', 'ping to 2']);
    harness.deliver(greeting(2));
    harness.deliver(ping(2));
    expect(harness.takeAll()).toEqual(['pong to 2']);
  });
});

describe('a file that was put back from an old copy', () => {
  const words = [
    { promisedView: View(1) },
    { promisedLogView: View(1), promisedView: View(1) },
    { promisedOp: Op(1) },
  ];

  /** The same file in a second life that nobody has greeted yet. */
  function again(): ReplicaHarness {
    const { file } = new ReplicaHarness({ slot: 1 }).start();
    const harness = new ReplicaHarness({ slot: 1, file, introduced: false }).start();
    harness.takeAll();
    return harness;
  }

  it.each(words)('ends when the first that two peers say is that they remember %j', (word) => {
    const harness = again();
    harness.deliver(greeting(0, word));
    expect(harness.fatals).toEqual([]);
    harness.deliver(greeting(2, { promisedView: View(7) }));
    expect(harness.fatals).toEqual(['rolled_back']);
  });

  it.each(words)('is mute and deaf when one peer remembers %j', (word) => {
    const harness = again();
    harness.deliver(greeting(2));
    harness.deliver(greeting(0, word));
    expect(harness.fatals).toEqual([]);
    expect(snapshotOf(harness.replica)).toMatchObject({ status: 'introducing', deniedBy: [0] });
    harness.takeAll();
    harness.deliver(vote(2));
    harness.tick(200);
    expect(new Set(harness.takeAll())).toEqual(new Set(['ping to 0', 'ping to 2']));
    expect(harness.replica).toMatchObject({ view: 0, op: 0 });
    // Who asks is answered, so that the two may still find out.
    harness.deliver(ping(2));
    expect(harness.takeAll()).toEqual(['pong to 2']);
  });

  it('is not greeted by an answer to an earlier life of its process', () => {
    const harness = new ReplicaHarness({ slot: 1, introduced: false }).start();
    const pingLife = harness.replica.life - 1;
    for (const slot of [0, 2]) harness.deliver(greeting(slot, { pingLife }));
    harness.settle();
    expect(harness.replica.greeted).toBe(0);
    for (const slot of [0, 2]) harness.deliver(greeting(slot));
    harness.settle();
    expect(harness.replica.greeted).not.toBe(0);
  });

  it('stays mute when the peer forgets, and not when it takes back what it said', () => {
    for (const life of [1, 2]) {
      const harness = again();
      harness.deliver(greeting(2));
      harness.deliver(greeting(0, { promisedOp: Op(1) }));
      // An answer to the same ping, or to one before, may have been on its way for long.
      harness.deliver(greeting(0, { life }));
      expect(snapshotOf(harness.replica).deniedBy).toEqual([0]);
      const { pingMonotonic } = greeting(0).header;
      harness.deliver(greeting(0, { life, pingMonotonic: pingMonotonic + 1 }));
      expect(snapshotOf(harness.replica).deniedBy).toEqual(life === 1 ? [] : [0]);
      expect(harness.traced('denial_withdrawn').length).toBe(life === 1 ? 1 : 0);
      harness.tick(200);
      expect(harness.take('startViewChange').length > 0).toBe(life === 1);
    }
  });

  it('stands by what is on its disk, to those that have greeted it', () => {
    const harness = again();
    harness.deliver(greeting(0));
    harness.deliver(prepareAfter(fixtureRoot()));
    harness.tick(10);
    const told = (to: number) =>
      harness.take('ping').find((ping) => ping.to === to)?.message.header.promisedOp;
    expect(told(0)).toBe(0);
    harness.settle();
    harness.tick(10);
    expect(told(0)).toBe(1);
    harness.tick(10);
    expect(told(2)).toBe(0);
  });

  // Else what an old copy came to is held against the newest file when that is back in its place.
  it('stands by nothing while a peer denies its file', () => {
    const harness = again();
    harness.deliver(greeting(0));
    harness.deliver(prepareAfter(fixtureRoot()));
    harness.settle();
    harness.deliver(greeting(2, { promisedView: View(7) }));
    expect(snapshotOf(harness.replica).deniedBy).toEqual([2]);
    harness.takeAll();
    harness.tick(200);
    const told = harness.take('ping').filter(({ to }) => to === 0);
    expect(told.length).toBeGreaterThan(0);
    for (const { message } of told) {
      expect(message.header).toMatchObject({ promisedView: 0, promisedLogView: 0, promisedOp: 0 });
    }
  });

  it('does not stand by a log above a checkpoint that its superblock does not name yet', () => {
    const harness = again();
    harness.deliver(greeting(0));
    harness.deliver(prepareAfter(fixtureRoot()));
    harness.settle();
    harness.replica.restorePending = true;
    harness.tick(10);
    expect(harness.take('ping').find(({ to }) => to === 0)?.message.header).toMatchObject({
      promisedOp: 0,
    });
  });

  it('is told what it stood by, by everyone whom it pinged', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    harness.deliver(pingOf(2, { view: 16, logView: 3, op: 9 }));
    harness.deliver(pingOf(2, { view: 16, logView: 3, op: 8 }));
    harness.takeAll();
    harness.deliver(ping(2, 9n, 16));
    expect(harness.take('pong')).toMatchObject([
      { message: { header: { promisedView: 16, promisedLogView: 3, promisedOp: 9 } } },
    ]);
  });

  it('is told the most that this replica was promised', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    harness.takeAll();
    harness.deliver(vote(2));
    harness.deliver(
      fromPeer({ slot: 2, view: 0 }, 'prepareOk', {
        prepareChecksum: 1n as never,
        op: Op(7),
        commitMin: Op(0),
        ...checkpointFields(),
        durable: 1,
      }),
    );
    harness.deliver(
      fromPeer({ slot: 2, view: 0 }, 'prepareOk', {
        prepareChecksum: 1n as never,
        op: Op(6),
        commitMin: Op(0),
        ...checkpointFields(),
        durable: 1,
      }),
    );
    harness.deliver(ping(2));
    expect(harness.take('pong')).toMatchObject([
      { message: { header: { promisedView: 0, promisedLogView: 0, promisedOp: 7 } } },
    ]);
  });
});
