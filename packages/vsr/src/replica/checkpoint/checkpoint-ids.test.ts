import { mix128, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../../config.ts';
import { formatReplica } from '../../format.ts';
import { OPERATION_REGISTER } from '../../message/batch.ts';
import type { PrepareMessage } from '../../message/message.ts';
import { setSlots } from '../../std/bitset.ts';
import { Checksum, Op } from '../../std/numbers.ts';
import { mutualIntroductions } from '../../superblock/introductions.ts';
import { checkpointIdAfter } from '../../testing/checkpoint-id.ts';
import { FIXTURE_MACHINE } from '../../testing/counter-machine.ts';
import { DataFile } from '../../testing/data-file.ts';
import { doViewChangeOf, heartbeatOf, prepareOkOf } from '../../testing/lead.ts';
import { chainOf, extendChain, FIXTURE_CLUSTER, makeRequest } from '../../testing/log-fixture.ts';
import { fromPeer, greeting, pingOf, ReplicaHarness } from '../../testing/replica-harness.ts';
import { checkpointAt, FORMAT_CHECKPOINT } from '../../testing/wal-disk.ts';
import type { ToldCheckpoint } from './checkpoint-ids.ts';
import { expectedCheckpointId } from './window.ts';

/** Ops 1 to 24: I is 16 and D is 8, so those above 8 name the checkpoint of format. */
const LOG = extendChain(chainOf(8), 16, { checkpointId: FORMAT_CHECKPOINT.id });
const OWN = checkpointIdAfter(LOG, 16);
const OTHER = Checksum(666n);

function at16(id: Checksum): ToldCheckpoint {
  return { op: Op(16), id };
}

/** A backup of view 0 that has executed ops 1 to 24, and whose checkpoint is op 16. */
function backup(replicaCount = 3): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 1, replicaCount }).start();
  for (const message of LOG.slice(1)) {
    harness.deliver(message);
    harness.settle();
  }
  harness.deliver(heartbeatOf({ slot: 0, view: 0 }, LOG, { commit: 24, stamp: 1 }));
  harness.settle();
  expect(harness.replica).toMatchObject({ checkpointId: OWN, commitMin: 24 });
  harness.takeAll();
  return harness;
}

/** What a peer's pong tells of its checkpoint. */
function told(slot: number, { op, id }: ToldCheckpoint): ReturnType<typeof greeting> {
  return greeting(slot, { checkpointOp: op, checkpointId: id });
}

/** Op 25, which needs checkpoint 16, by the name of `id`. */
function above(id: Checksum): PrepareMessage {
  return present(extendChain(LOG, 1, { checkpointId: id })[25]);
}

describe('a checkpoint that differs from those of peers', () => {
  it.each([
    { replicaCount: 2, stopsAt: 1 },
    { replicaCount: 3, stopsAt: 2 },
    { replicaCount: 4, stopsAt: 3 },
    { replicaCount: 5, stopsAt: 3 },
    { replicaCount: 6, stopsAt: 4 },
  ])('ends one of $replicaCount when $stopsAt tell the same other id', (fixture) => {
    const { replicaCount, stopsAt } = fixture;
    const harness = backup(replicaCount);
    const peers = [0, 2, 3, 4, 5].slice(0, replicaCount - 1);
    peers.forEach((slot, index) => {
      expect(harness.fatals).toEqual(index < stopsAt ? [] : ['diverged']);
      if (index < stopsAt) harness.deliver(told(slot, at16(OTHER)));
    });
    expect(harness.fatals).toEqual(['diverged']);
    expect(harness.traced('checkpoint_conflict')).toMatchObject(
      peers.slice(0, stopsAt).map((peer) => ({ peer, op: 16, own: OWN, theirs: OTHER })),
    );
  });

  it('ends nobody when the peers differ among themselves, or say it twice', () => {
    const harness = backup();
    for (let again = 0; again < 3; again += 1) {
      harness.deliver(told(0, at16(OTHER)));
      harness.deliver(told(2, at16(Checksum(777n))));
      harness.deliver(told(2, at16(OWN)));
    }
    expect(harness.fatals).toEqual([]);
    expect(harness.traced('checkpoint_conflict').map(({ peer }) => peer)).toEqual([0, 2]);
  });

  it('is found though the peers got there first', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    for (const slot of [0, 2]) harness.deliver(told(slot, at16(OTHER)));
    for (const slot of [0, 2]) harness.deliver(told(slot, { op: Op(32), id: OTHER }));
    for (const message of LOG.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    const checkpoint = { op: Op(32), id: OTHER };
    const heartbeat = { commit: 24, stamp: 1, checkpoint };
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, LOG, heartbeat));
    harness.settle();
    expect(harness.fatals).toEqual([]);
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, LOG, { ...heartbeat, stamp: 2 }));
    expect(harness.fatals).toEqual(['diverged']);
  });

  it('is found though peers tell of newer ones between their answers', () => {
    const harness = backup();
    harness.deliver(told(0, at16(OTHER)));
    for (const op of [32, 48, 64]) harness.deliver(told(0, { op: Op(op), id: OTHER }));
    expect(harness.fatals).toEqual([]);
    harness.deliver(told(2, at16(OTHER)));
    expect(harness.fatals).toEqual(['diverged']);
  });

  it('is found by a do_view_change too', () => {
    const harness = backup();
    const options = { commitMin: 24, checkpoint: at16(OTHER) };
    harness.deliver(told(0, at16(OTHER)));
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, LOG, options));
    expect(harness.fatals).toEqual(['diverged']);
  });

  it('is asked for with a ping, and told though there are newer ones', () => {
    const harness = backup();
    const log = extendChain(LOG, 16, { checkpointId: OWN });
    for (const message of log.slice(25)) {
      harness.deliver(message);
      harness.settle();
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 40, stamp: 2 }));
    harness.settle();
    const newest = { op: Op(32), id: harness.replica.checkpointId };
    harness.takeAll();
    const answerTo = (op: number): unknown => {
      const ping = pingOf(2);
      harness.deliver({ ...ping, header: { ...ping.header, checkpointOp: Op(op) } });
      const { header } = present(harness.take('pong')[0]).message;
      return { op: header.checkpointOp, id: header.checkpointId };
    };
    expect(answerTo(32)).toEqual(newest);
    expect(answerTo(16)).toEqual(at16(OWN));
    expect(answerTo(0)).toEqual(FORMAT_CHECKPOINT);
    // One that it has not made yet.
    expect(answerTo(48)).toEqual(newest);
  });

  it('is told with pings, pongs and acknowledgements', () => {
    const harness = backup();
    harness.deliver(above(OWN));
    harness.settle();
    harness.tick(20);
    const mine = { checkpointOp: 16, checkpointId: OWN };
    expect(present(harness.take('ping')[0]).message.header).toMatchObject(mine);
    expect(present(harness.take('prepareOk')[0]).message.header).toMatchObject(mine);
  });
});

describe('the checkpoint with which a restored cluster began', () => {
  const OLD = Checksum(99n);

  /** A backup whose file was made with the checkpoint at op 16; the one before it was another's. */
  function restored(): ReplicaHarness {
    const state = { ...checkpointAt(16), parentId: OLD };
    const contents = formatReplica({
      config: CONFIG_SIMULATION,
      machine: FIXTURE_MACHINE,
      cluster: FIXTURE_CLUSTER,
      slot: 1,
      replicaCount: 3,
      incarnation: 9n,
      checksum: mix128,
      introductions: mutualIntroductions(1, [9n, 9n, 9n], Op(16)),
      adopted: { checkpoint: state, log: [] },
    });
    const file = new DataFile(CONFIG_SIMULATION, contents);
    const harness = new ReplicaHarness({ slot: 1, file }).start();
    harness.takeAll();
    return harness;
  }

  it('is the first: a recovered file, which begins empty, is told of none before it', () => {
    const harness = restored();
    harness.deliver(pingOf(2));
    const { checkpointId } = harness.replica;
    const { header } = present(harness.take('pong')[0]).message;
    expect(header).toMatchObject({ checkpointOp: 16, checkpointId });
  });

  it('is not compared with what recovered files begin with', () => {
    const harness = restored();
    for (const slot of [0, 2]) harness.deliver(told(slot, FORMAT_CHECKPOINT));
    expect(harness.fatals).toEqual([]);
    expect(harness.traced('checkpoint_conflict')).toEqual([]);
    // Ops up to its deadline name what stood before it, as all files of the cluster do.
    expect(expectedCheckpointId(harness.replica, Op(17))).toBe(OLD);
  });
});

describe('an op that names another checkpoint', () => {
  it('is not appended from the primary, whose word alone ends nobody', () => {
    const harness = backup();
    harness.deliver(above(OTHER));
    expect(harness.replica.op).toBe(24);
    expect(harness.fatals).toEqual([]);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'wrong_checkpoint' });
    // It asks the others, once, and does not wait for the timer.
    harness.deliver(above(OTHER));
    expect(harness.take('ping').map(({ to }) => to)).toEqual([0, 2]);
    harness.deliver(above(OWN));
    expect(harness.replica.op).toBe(25);
  });

  it('is not acknowledged, and denied, by one that took it before it had its own', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    for (const message of [...LOG.slice(1), above(OTHER)]) {
      harness.deliver(message);
      harness.settle();
    }
    const log = [...LOG, above(OTHER)];
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 24, stamp: 1 }));
    harness.settle();
    expect(harness.replica).toMatchObject({ op: 25, commitMin: 24, checkpointId: OWN });
    const acked = harness.take('prepareOk').map(({ message }) => message.header.op);
    expect(acked).not.toContain(25);
    // The next view's primary is told that it was never acknowledged here.
    for (const slot of [0, 2]) harness.deliver(fromPeer({ slot, view: 1 }, 'startViewChange', {}));
    harness.settle();
    const [vote] = harness.take('doViewChange');
    expect(vote).toMatchObject({ to: 2, message: { header: { op: 25, nackBits: 1 } } });
  });

  it('ends the replica when it is committed: a quorum has another state', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    const log = [...LOG, above(OTHER)];
    for (const message of log.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 25, stamp: 1 }));
    harness.settle();
    expect(harness.fatals).toEqual(['diverged']);
    expect(harness.traced('committed').at(-1)).toMatchObject({ op: 24 });
  });
});

describe('a primary', () => {
  /** Of view 1, at checkpoint 16. */
  function primary(): ReplicaHarness {
    const harness = backup();
    for (const slot of [0, 2]) harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    harness.settle();
    const options = { commitMin: 24, checkpoint: at16(OWN) };
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, LOG, options));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 1, op: 24 });
    return harness;
  }

  function prepared(harness: ReplicaHarness): PrepareMessage {
    harness.takeAll();
    const request = { client: 5, session: 0, request: 0, operation: OPERATION_REGISTER };
    harness.deliver(makeRequest(request));
    const { message } = present(harness.take('prepare')[0]);
    expect(message.header).toMatchObject({ op: 25, checkpointId: OWN });
    return message;
  }

  it('counts no acknowledgement that rests on another state', () => {
    const harness = primary();
    const message = prepared(harness);
    harness.settle();
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, message, at16(OTHER)));
    expect(harness.replica.commitMax).toBe(24);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'wrong_checkpoint' });
    // Nor one from before the checkpoint that the op needs: nobody honest sends that.
    harness.deliver(prepareOkOf({ slot: 0, view: 1 }, message));
    expect(harness.replica.commitMax).toBe(24);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'invalid_metadata' });
    harness.deliver(prepareOkOf({ slot: 2, view: 1 }, message, at16(OWN)));
    expect(harness.replica.commitMax).toBe(25);
    expect(harness.fatals).toEqual([]);
  });

  it('counts its own copy above the deadline only when its own checkpoint is durable', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    const log = [...LOG, above(OWN)];
    for (const message of log.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 24, stamp: 1 }));
    for (const slot of [0, 2]) harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    // The disk works, but no slice of the checkpoint has had its turn.
    const disk = (): void => {
      for (let next = harness.waiting[0]; next !== undefined; next = harness.waiting[0]) {
        harness.complete(next);
      }
    };
    disk();
    const options = { commitMin: 24, checkpoint: at16(OWN) };
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, log, options));
    disk();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 1, op: 25 });
    expect(harness.replica.checkpoint.op).toBe(0);
    const acks = (): number[] => setSlots(harness.replica.primary.pipeline[0]?.acks ?? 0);
    expect(acks()).toEqual([]);
    harness.settle();
    expect(harness.replica.checkpoint.op).toBe(16);
    expect(acks()).toEqual([1]);
  });

  it('that is the odd one stops at the acknowledgements of the others', () => {
    const harness = primary();
    const message = prepared(harness);
    for (const slot of [0, 2]) {
      expect(harness.fatals).toEqual([]);
      harness.deliver(prepareOkOf({ slot, view: 1 }, message, at16(OTHER)));
    }
    expect(harness.fatals).toEqual(['diverged']);
  });

  it('does not count its own copy of what an odd one left behind', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    const log = [...LOG, above(OTHER)];
    for (const message of log.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 24, stamp: 1 }));
    for (const slot of [0, 2]) harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    harness.settle();
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, log, { commitMin: 24 }));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 1, op: 25, commitMin: 24 });
    expect(setSlots(harness.replica.primary.pipeline[0]?.acks ?? 0)).toEqual([]);
  });
});

describe('a candidate', () => {
  it('leads with no log that rests on another state', () => {
    const harness = backup();
    for (const slot of [0, 2]) harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    harness.settle();
    const options = { commitMin: 24, checkpoint: at16(OTHER) };
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, [...LOG, above(OTHER)], options));
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'wrong_checkpoint' });
    expect(harness.replica).toMatchObject({ logView: 0, status: 'view_change' });
    harness.deliver(
      doViewChangeOf({ slot: 0, view: 1 }, LOG, { commitMin: 24, checkpoint: at16(OWN) }),
    );
    expect(harness.replica).toMatchObject({ logView: 1, op: 24 });
  });
});
