import { describe, expect, it } from 'vitest';
import { STATUS_CODES } from '../../message/layout.ts';
import { Op, View } from '../../std/numbers.ts';
import { withFile } from '../../superblock/introductions.ts';
import { doViewChangeOf } from '../../testing/lead.ts';
import { fixtureRoot } from '../../testing/log-fixture.ts';
import { fromPeer, greeting, ReplicaHarness } from '../../testing/replica-harness.ts';
import { checkpointFields } from '../../testing/wal-disk.ts';
import type { Status } from '../status.ts';

/** Primary of view 1 among five; all is committed. */
function leader(): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
  for (const slot of [0, 2, 4]) {
    harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
  }
  harness.settle();
  for (const slot of [0, 2]) harness.deliver(doViewChangeOf({ slot, view: 1 }, [fixtureRoot()]));
  harness.settle();
  harness.tick();
  harness.settle();
  return harness;
}

/** The same; its own file took a lost one's place by op 40. */
function newFileLeads(): ReplicaHarness {
  const harness = leader();
  const { replica } = harness;
  const own = { incarnation: replica.incarnation, since: Op(40) };
  replica.introductions = withFile(replica.introductions, 1, own);
  expect(replica).toMatchObject({ status: 'normal', view: 1 });
  return harness;
}

function pings(harness: ReplicaHarness, slot: number, status: Status): void {
  const promised = { promisedView: View(0), promisedLogView: View(0), promisedOp: Op(0) };
  const { checkpointOp, checkpointId } = checkpointFields();
  harness.deliver(
    fromPeer({ slot, view: 1 }, 'ping', {
      checkpointId,
      checkpointOp,
      op: Op(0),
      commit: Op(0),
      ...promised,
      monotonic: harness.replica.monotonic,
      life: 1,
      status: STATUS_CODES[status],
      clock: 1,
    }),
  );
}

/** Slot 3 pings, and answers that it knows another file in the place of the primary's. */
function strangerPings(harness: ReplicaHarness): void {
  pings(harness, 3, 'view_change');
  const pingMonotonic = harness.replica.monotonic;
  const knows = { knownIncarnation: 5n, knownSince: Op(0), pingMonotonic };
  const { view: _, ...answer } = greeting(3, knows).header;
  harness.deliver(fromPeer({ slot: 3, view: 1 }, 'pong', answer));
}

/** So many ticks in which peers ping now and then; of the rest nothing is heard. */
function pass(harness: ReplicaHarness, ticks: number, statuses: Record<number, Status>): void {
  for (let tick = 0; tick < ticks; tick += 10) {
    for (const [slot, status] of Object.entries(statuses)) pings(harness, Number(slot), status);
    strangerPings(harness);
    harness.tick(10);
    harness.settle();
  }
}

const LIVE = { 0: 'normal', 2: 'normal' } as const;

describe('a primary whose file a voter does not know', () => {
  it('gives way once in its view, and only for so long', () => {
    const harness = newFileLeads();
    pass(harness, 140, LIVE);
    expect(harness.traced('abdicated')).toEqual([]);
    pass(harness, 30, LIVE);
    expect(harness.traced('abdicated')).toMatchObject([{ view: 1, reason: 'unfollowed' }]);
    expect(harness.take('startViewChange').length).toBeGreaterThan(0);
    // Nobody joins.
    pass(harness, 200, LIVE);
    expect(harness.traced('abdication_withdrawn')).toHaveLength(1);
    pass(harness, 400, LIVE);
    expect(harness.traced('abdicated')).toHaveLength(1);
    expect(harness.replica).toMatchObject({ status: 'normal', view: 1 });
  });

  it('leads on where nobody whom the voter knows could lead', () => {
    const harness = newFileLeads();
    const { replica } = harness;
    for (const slot of [2, 4]) {
      const incarnation = replica.introductions.files[slot]?.incarnation ?? 0n;
      replica.introductions = withFile(replica.introductions, slot, { incarnation, since: Op(30) });
    }
    pass(harness, 300, { 0: 'recovering_head', 2: 'normal', 4: 'normal' });
    expect(harness.traced('abdicated')).toEqual([]);
    pass(harness, 30, { 0: 'normal', 2: 'normal', 4: 'normal' });
    expect(harness.traced('abdicated')).toMatchObject([{ reason: 'unfollowed' }]);
  });
});

describe('what keeps a primary from giving way', () => {
  it('is no ping of a replica whose view change does not end', () => {
    const harness = newFileLeads();
    pass(harness, 120, { 0: 'normal' });
    // Three of five are heard, but two of them alone acknowledge and confirm reads.
    expect(harness.traced('abdicated')).toMatchObject([{ reason: 'unheard' }]);
  });

  it('is a ping of whoever serves in its view', () => {
    const harness = leader();
    for (let tick = 0; tick < 300; tick += 10) {
      for (const slot of [0, 2]) pings(harness, slot, 'normal');
      harness.tick(10);
      harness.settle();
    }
    expect(harness.traced('abdicated')).toEqual([]);
  });
});
