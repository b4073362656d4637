import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { OPERATION_REGISTER } from '../../message/batch.ts';
import type { Message } from '../../message/message.ts';
import { setSlots } from '../../std/bitset.ts';
import { Op } from '../../std/numbers.ts';
import {
  doViewChangeOf,
  heartbeatOf,
  leadViewOne,
  prepareOkOf,
  startViewOf,
} from '../../testing/lead.ts';
import { chainOf, extendChain, fixtureRoot, makeRequest } from '../../testing/log-fixture.ts';
import { fromPeer, ReplicaHarness } from '../../testing/replica-harness.ts';

const CHAIN = chainOf(5);

function start(slot = 1): ReplicaHarness {
  const harness = new ReplicaHarness({ slot }).start();
  harness.takeAll();
  return harness;
}

function startViewChange(slot: number, view: number): Message<'startViewChange'> {
  return fromPeer({ slot, view }, 'startViewChange', {});
}

function register(client: number): Message<'request'> {
  return makeRequest({ client, session: 0, request: 0, operation: OPERATION_REGISTER });
}

/** All that shows a view above `view`, of what was sent since the last look. */
function shownAbove(harness: ReplicaHarness, view: number): string[] {
  const commands = ['doViewChange', 'startView', 'prepareOk', 'commit', 'prepare', 'ping'] as const;
  return [...commands, 'startViewChange' as const].flatMap((command) =>
    harness
      .take(command)
      .filter(({ message }) => message.header.view > view)
      .map(() => command),
  );
}

describe('leaving a view', () => {
  it('takes a quorum of votes, its own or not; one vote of a peer moves nothing', () => {
    const harness = start();
    harness.deliver(startViewChange(2, 0));
    for (let again = 0; again < 3; again += 1) harness.deliver(startViewChange(2, 0));
    harness.settle();
    expect(harness.replica).toMatchObject({ view: 0, status: 'normal' });
    harness.deliver(startViewChange(0, 0));
    expect(harness.replica).toMatchObject({ view: 1, status: 'view_change' });
  });

  it('counts no vote of a stranger, of oneself, or for an older view', () => {
    const harness = start();
    harness.deliver(startViewChange(2, 0));
    harness.deliver(startViewChange(3, 0));
    harness.deliver(startViewChange(1, 0));
    expect(harness.replica.view).toBe(0);
    harness.deliver(startViewChange(0, 0));
    harness.deliver(startViewChange(2, 0));
    harness.deliver(startViewChange(0, 0));
    expect(harness.replica.view).toBe(1);
  });

  it('begins when the primary is silent, and its vote is withdrawn when it is heard again', () => {
    const harness = start();
    harness.tick(80);
    expect(harness.replica.viewChange.voting).toBe('primary_silent');
    expect(harness.take('startViewChange').map(({ to }) => to)).toContain(0);
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, CHAIN.slice(0, 1), { commit: 0, stamp: 9 }));
    expect(harness.replica.viewChange.voting).toBeNull();
    expect(setSlots(harness.replica.viewChange.votes)).toEqual([]);
    // A replayed heartbeat is no news.
    harness.tick(80);
    expect(harness.replica.viewChange.voting).toBe('primary_silent');
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, CHAIN.slice(0, 1), { commit: 0, stamp: 9 }));
    expect(harness.replica.viewChange.voting).toBe('primary_silent');
  });
});

describe('durable before shown', () => {
  it('sends no do_view_change, nor anything of the new view, before the view is durable', () => {
    const harness = start(0);
    harness.deliver(startViewChange(1, 2)); // Of a higher view: joined at once.
    expect(harness.replica).toMatchObject({ view: 2, status: 'view_change' });
    for (const round of ['1', '2', '3', '4', 'read back']) {
      harness.tick(30);
      expect(shownAbove(harness, 0), `before write ${round}`).toEqual([]);
      const next = harness.waiting.find((kind) => kind.endsWith('superblock'));
      harness.complete(present(next));
    }
    expect(harness.take('doViewChange').map(({ to }) => to)).toEqual([2]);
    expect(harness.replica.superblock.durable).toMatchObject({ view: 2, logView: 0 });
  });

  it('sends no start_view and accepts no request before log_view is durable', () => {
    const harness = start();
    for (const slot of [0, 2]) harness.deliver(startViewChange(slot, 0));
    harness.settle();
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, [fixtureRoot()]));
    expect(harness.replica.logView).toBe(1);
    expect(harness.replica.superblock.durable.logView).toBe(0);
    harness.tick(30);
    harness.deliver(register(5));
    harness.deliver(fromPeer({ slot: 2, view: 1 }, 'requestStartView', { nonce: 1n }));
    expect(harness.replica.status).toBe('view_change');
    expect(harness.take('startView')).toEqual([]);
    expect(harness.take('prepare')).toEqual([]);
    harness.settle();
    expect(harness.replica.superblock.durable.logView).toBe(1);
    expect(
      harness
        .take('startView')
        .map(({ to }) => to)
        .sort((first, other) => first - other),
    ).toEqual([0, 2]);
    expect(harness.replica.status).toBe('normal');
  });

  it('sends no prepare_ok of a new view before log_view is durable, then all', () => {
    const harness = start(0);
    harness.deliver(startViewOf({ slot: 1, view: 1 }, CHAIN));
    expect(harness.replica).toMatchObject({ status: 'normal', view: 1, logView: 1, op: 5 });
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    harness.settle('write_superblock', 'read_superblock');
    harness.deliver(present(CHAIN[5]));
    expect(harness.take('prepareOk')).toEqual([]);
    expect(harness.traced('acknowledged')).toEqual([]);
    harness.settle();
    const acked = harness.take('prepareOk').map(({ message }) => message.header);
    expect(new Set(acked.map(({ op }) => op))).toEqual(new Set([1, 2, 3, 4, 5]));
    for (const header of acked) expect(header.view).toBe(1);
  });

  it('does not even count as promised what was on disk already, before log_view is durable', () => {
    const harness = start(2);
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    harness.settle();
    harness.take('prepareOk');
    harness.deliver(startViewOf({ slot: 1, view: 1 }, CHAIN));
    harness.deliver(present(CHAIN[5]));
    const promised = (): number[] =>
      harness.traced('acknowledged').flatMap(({ view, op }) => (view === 1 ? [op] : []));
    expect(promised()).toEqual([]);
    expect(harness.take('prepareOk')).toEqual([]);
    harness.settle();
    expect(new Set(promised())).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  it('writes nothing of the new log into the ring before log_view is durable', () => {
    const harness = start(2);
    const old = chainOf(3);
    for (const message of old.slice(1)) harness.deliver(message);
    harness.settle();
    const other = extendChain([fixtureRoot()], 3, { view: 1 });
    harness.deliver(startViewOf({ slot: 1, view: 1 }, other));
    for (const message of other.slice(1)) harness.deliver(message);
    expect(harness.waiting).toEqual(['write_superblock']);
    // A crash now finds the old log whole.
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ logView: 0, op: 3 });
    harness.settle();
    expect(harness.replica.journal.isDurable(Op(3))).toBe(true);
    expect(harness.restart().replica).toMatchObject({ logView: 1, op: 3, view: 1 });
  });
});

describe('a do_view_change', () => {
  function votesOf(harness: ReplicaHarness): Message<'doViewChange'>[] {
    return harness.take('doViewChange').map(({ message }) => message);
  }

  it('says the same each time it is sent, across a restart too', () => {
    const harness = start(0);
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    harness.settle();
    harness.deliver(startViewOf({ slot: 1, view: 1 }, CHAIN));
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    harness.settle();
    harness.deliver(startViewChange(1, 2));
    harness.settle();
    const [first] = votesOf(harness);
    harness.tick(60);
    const again = votesOf(harness);
    expect(again.length).toBeGreaterThan(0);
    const restarted = harness.restart();
    restarted.tick(60);
    const later = votesOf(restarted);
    expect(later.length).toBeGreaterThan(0);
    for (const vote of [...again, ...later]) {
      expect(vote.body).toEqual(first?.body);
      expect(vote.header).toMatchObject({ logView: 1, op: 5, view: 2 });
      expect(vote.header.nackBits).toBe(first?.header.nackBits);
    }
  });

  it('nacks what never reached this disk, and shows what is here', () => {
    const harness = start(2);
    for (const message of CHAIN.slice(1, 4)) harness.deliver(message);
    harness.settle();
    harness.deliver(present(CHAIN[4]));
    harness.deliver(present(CHAIN[5]));
    harness.complete('write_prepare', 1); // Op 5; op 4 stays in memory.
    harness.complete('write_headers');
    harness.deliver(startViewChange(0, 1));
    harness.settle('write_prepare');
    const [vote] = votesOf(harness);
    // Ops 5 4 3 2 1, bit 0 first.
    expect(vote?.header).toMatchObject({ op: 5, nackBits: 0b00010, presentBits: 0b11111 });
  });

  it('after a crash still names all with which its log’s view began, below a gap too', () => {
    // What a later vote of the same log_view left out would look as if it had been given up, to
    // whoever judges a copy of it in a log of an older view.
    const harness = start(1);
    harness.deliver(startViewOf({ slot: 2, view: 2 }, CHAIN));
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    harness.settle();
    const longer = extendChain(CHAIN, 2, { view: 2 });
    harness.deliver(present(longer[6]));
    harness.deliver(present(longer[7]));
    harness.complete('write_prepare', 1); // Op 7 is on disk, op 6 is not.
    harness.complete('write_headers');
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'normal', op: 7, logView: 2 });
    restarted.deliver(startViewChange(0, 18));
    restarted.settle();
    const [vote] = votesOf(restarted);
    // Ops 7 6 5 4 3: only op 6 was never here.
    expect(vote?.header).toMatchObject({ op: 7, nackBits: 0b00010, presentBits: 0b11101 });
  });
});

describe('view state', () => {
  it('is forgotten whenever the view moves', () => {
    const harness = start();
    leadViewOne(harness, [fixtureRoot()]);
    for (let client = 1; client <= 8; client += 1) harness.deliver(register(client));
    const { primary, viewChange } = harness.replica;
    expect(primary.pipeline.length).toBe(4);
    expect(primary.queue.length).toBe(4);
    harness.deliver(startViewChange(0, 1));
    harness.deliver(startViewChange(2, 1));
    expect(harness.replica).toMatchObject({ view: 2, status: 'view_change' });
    expect(primary).toMatchObject({ pipeline: [], queue: [], queueBytes: 0, abdicated: null });
    expect(primary.inFlight.size).toBe(0);
    expect(viewChange).toMatchObject({ votes: 0, voting: null, repairing: false });
    expect(viewChange.dvcs.size).toBe(0);
  });

  it('does not carry acks of an earlier reign into a later one', () => {
    const harness = start();
    leadViewOne(harness, [fixtureRoot()]);
    harness.deliver(register(5));
    const message = present(harness.take('prepare')[0]).message;
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, message));
    expect(setSlots(harness.replica.primary.pipeline[0]?.acks ?? 0)).toEqual([0]);
    // View 17 is this replica's again; slot 2 has the op, slot 0 may have replaced it since.
    harness.deliver(startViewChange(0, 17));
    harness.settle();
    harness.deliver(
      doViewChangeOf({ slot: 2, view: 17 }, [fixtureRoot(), message], { logView: 1 }),
    );
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 17, op: 1, commitMax: 0 });
    // Its own copy counts once, however it came about.
    expect(setSlots(harness.replica.primary.pipeline[0]?.acks ?? 0)).toEqual([1]);
    harness.tick(30);
    expect(setSlots(harness.replica.primary.pipeline[0]?.acks ?? 0)).toEqual([1]);
    // An ack of the earlier reign that arrives now is of another view.
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, message));
    expect(harness.replica.commitMax).toBe(0);
    harness.deliver(prepareOkOf({ slot: 2, view: 17 }, message));
    expect(harness.replica.commitMax).toBe(1);
  });

  it('sends an op of an earlier view again unchanged', () => {
    const harness = start();
    leadViewOne(harness, CHAIN);
    const sent = harness.take('prepare').filter(({ to }) => to === 0);
    expect(sent.map(({ message }) => message.header.op)).toContain(5);
    for (const { message } of sent) {
      expect(message.bytes).toEqual(present(CHAIN[message.header.op]).bytes);
    }
  });

  it('is not entered by a start_view of an older view, or of someone else than its primary', () => {
    const harness = start(0);
    harness.deliver(startViewOf({ slot: 2, view: 2 }, CHAIN));
    harness.settle();
    expect(harness.replica).toMatchObject({ view: 2, op: 5 });
    harness.deliver(startViewOf({ slot: 1, view: 1 }, CHAIN.slice(0, 3)));
    harness.deliver(startViewOf({ slot: 2, view: 17 }, CHAIN.slice(0, 3)));
    expect(harness.replica).toMatchObject({ view: 2, op: 5, status: 'normal' });
  });
});

describe('a start_view of a liar', () => {
  it('is no log when a header is out of place, or committed beyond itself', () => {
    const misplaced = [...CHAIN.slice(0, 3), present(CHAIN[2]), present(CHAIN[5])];
    const beyond = extendChain(CHAIN.slice(0, 4), 1, { commit: 9 });
    for (const chain of [misplaced, beyond]) {
      const harness = start(0);
      harness.deliver(startViewOf({ slot: 2, view: 2 }, chain));
      expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'invalid_metadata' });
      expect(harness.replica.view).toBe(0);
    }
  });

  it('that lacks what was executed here ends the replica, which gives nothing up', () => {
    const harness = start(1);
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    harness.settle();
    const heartbeat = heartbeatOf({ slot: 0, view: 0 }, CHAIN, { commit: 4, stamp: 1 });
    harness.deliver(heartbeat);
    expect(harness.replica.commitMin).toBe(4);
    harness.deliver(startViewOf({ slot: 2, view: 2 }, CHAIN.slice(0, 3)));
    expect(harness.fatals).toEqual(['diverged']);
  });
});

describe('a new primary', () => {
  it('leads only with its log whole: bodies that it lacks are asked for first', () => {
    const harness = start();
    for (const slot of [0, 2]) harness.deliver(startViewChange(slot, 0));
    harness.settle();
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, CHAIN));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'view_change', logView: 1, op: 5 });
    harness.deliver(register(5));
    expect(harness.take('prepare')).toEqual([]);
    harness.tick(20);
    const wanted = harness.take('requestPrepare').map(({ message }) => message.header.op);
    expect(new Set(wanted)).toEqual(new Set([1, 2, 3, 4, 5]));
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    expect(harness.replica.status).toBe('view_change');
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', op: 5 });
  });

  it('does not begin with a log that lacks what it was told has committed', () => {
    const harness = start(1);
    for (const message of CHAIN.slice(1, 3)) harness.deliver(message);
    harness.settle();
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, CHAIN, { commit: 4, stamp: 1 }));
    expect(harness.replica).toMatchObject({ commitMin: 2, commitMax: 4 });
    const shorter = CHAIN.slice(0, 3);
    harness.deliver(doViewChangeOf({ slot: 2, view: 17 }, shorter, { logView: 16, commitMin: 2 }));
    harness.settle();
    expect(harness.replica).toMatchObject({ view: 17, logView: 0, commitMax: 4 });
    expect(harness.replica.viewChange.voting).toBe('lacks_committed');
    expect(harness.take('startView')).toEqual([]);
    // Whoever has it may still be heard.
    harness.deliver(doViewChangeOf({ slot: 0, view: 17 }, CHAIN, { logView: 16, commitMin: 4 }));
    harness.settle();
    expect(harness.fatals).toEqual([]);
    expect(harness.replica).toMatchObject({ logView: 17, op: 4 });
  });

  it('asks everyone for the bodies that it lacks, but not again at every turn', () => {
    const harness = start();
    for (const slot of [0, 2]) harness.deliver(startViewChange(slot, 0));
    harness.settle();
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, CHAIN));
    harness.settle();
    harness.tick(40);
    const asked = harness.take('requestPrepare').map(({ to, message }) => [to, message.header.op]);
    for (const slot of [0, 2]) {
      const times = asked.filter(([to, op]) => to === slot && op === 5).length;
      expect(times).toBeGreaterThan(1);
      expect(times).toBeLessThanOrEqual(3);
    }
  });

  it('chooses only among logs for its view; a second one of the same replica is no more', () => {
    const harness = start();
    for (const slot of [0, 2]) harness.deliver(startViewChange(slot, 0));
    // Its own view is not durable yet: its log takes no part, and one vote twice is one vote.
    for (let again = 0; again < 2; again += 1) {
      harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, CHAIN));
    }
    expect(harness.replica.logView).toBe(0);
    expect(harness.replica.viewChange.dvcs.size).toBe(1);
    harness.settle();
    expect(harness.replica.logView).toBe(1);
  });

  it('that crashed with a gap in its log does not cost what lies below: committed ops stay', () => {
    // Ops 1 and 2 are on all disks, and acknowledged to clients by the primary of view 0. The one
    // of view 1 alone has begun its view, and its write of op 4 overtakes that of op 3. Then the
    // power fails everywhere, and nobody remembers what was committed.
    const committed = CHAIN.slice(0, 3);
    const harness = start();
    leadViewOne(harness, committed);
    harness.deliver(register(5));
    harness.deliver(register(6));
    harness.complete('write_prepare', 1);
    harness.complete('write_headers');
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ op: 4, logView: 1, commitMin: 0 });
    restarted.deliver(startViewChange(0, 17));
    restarted.settle();
    for (const slot of [0, 2]) restarted.deliver(doViewChangeOf({ slot, view: 17 }, committed));
    restarted.settle();
    expect(restarted.replica).toMatchObject({ logView: 17, op: 2 });
    expect(restarted.replica.journal.has(Op(2), present(CHAIN[2]).header.checksum)).toBe(true);
  });

  it('drops a log whose headers do not fit together', () => {
    const harness = start();
    for (const slot of [0, 2]) harness.deliver(startViewChange(slot, 0));
    harness.settle();
    const broken = [
      ...CHAIN.slice(0, 5),
      present(extendChain(CHAIN.slice(0, 4), 2, { timestamp: 9 })[5]),
    ];
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, broken));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'invalid_metadata' });
    expect(harness.replica.logView).toBe(0);
  });

  it('drops a log that contradicts its own log of the same log_view, and awaits another', () => {
    const harness = start();
    for (const message of CHAIN.slice(1, 4)) harness.deliver(message);
    harness.settle();
    for (const slot of [0, 2]) harness.deliver(startViewChange(slot, 0));
    harness.settle();
    const other = extendChain(CHAIN.slice(0, 3), 1, { timestamp: 77 });
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, other));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'log_conflict' });
    expect(harness.replica.logView).toBe(0);
    harness.deliver(doViewChangeOf({ slot: 0, view: 1 }, CHAIN.slice(0, 4)));
    expect(harness.replica).toMatchObject({ logView: 1, op: 3 });
    expect(harness.replica.journal.has(Op(3), present(CHAIN[3]).header.checksum)).toBe(true);
  });
});
