import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION, SECTOR_SIZE } from '../config.ts';
import { OPERATION_REGISTER } from '../message/batch.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import { Op } from '../std/numbers.ts';
import { SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { counterMachine } from '../testing/counter-machine.ts';
import { doViewChangeOf, heartbeatOf, leadViewOne, startViewOf } from '../testing/lead.ts';
import { chainOf, extendChain, fixtureRoot, makeRequest } from '../testing/log-fixture.ts';
import { fromPeer, ReplicaHarness } from '../testing/replica-harness.ts';

const CHAIN = chainOf(8);

/** A backup that has acknowledged `count` ops of view 0. */
function backup(count: number, slot = 1): ReplicaHarness {
  const harness = new ReplicaHarness({ slot }).start();
  for (const message of CHAIN.slice(1, count + 1)) harness.deliver(message);
  harness.settle();
  return harness;
}

/** Makes header and body of a slot unreadable. */
function spoilSlot(harness: ReplicaHarness, op: number): void {
  const { walSlots, messageSizeMax } = harness.config;
  harness.file.spoil('wal_headers', (op % walSlots) * HEADER_SIZE);
  harness.file.spoil('wal_prepares', (op % walSlots) * messageSizeMax);
}

describe('the start decision', () => {
  it('a backup of its view goes on as one', () => {
    const harness = backup(3).restart();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 0, op: 3, commitMin: 0 });
  });

  it('a primary does not lead on in its view: it votes for the next', () => {
    const harness = new ReplicaHarness({ slot: 1 }).start();
    leadViewOne(harness, [fixtureRoot()]);
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'view_change', view: 1, logView: 1 });
    expect(restarted.replica.viewChange.voting).toBe('restarted_primary');
    const request = makeRequest({
      client: 5,
      session: 0,
      request: 0,
      operation: OPERATION_REGISTER,
    });
    restarted.deliver(request);
    expect(restarted.take('prepare')).toEqual([]);
  });

  it('a view change that was under way goes on', () => {
    const harness = backup(3, 2);
    harness.deliver(fromPeer({ slot: 0, view: 1 }, 'startViewChange', {}));
    harness.settle();
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'view_change', view: 1, logView: 0 });
    restarted.tick();
    expect(restarted.take('doViewChange').map(({ to }) => to)).toEqual([1]);
  });

  it('alone: a new view first, and no request before that is durable', () => {
    const harness = new ReplicaHarness({ slot: 0, replicaCount: 1 }).start();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 16, logView: 16 });
    expect(harness.replica.superblock.durable).toMatchObject({ view: 16, logView: 16 });
    harness.deliver(
      makeRequest({ client: 5, session: 0, request: 0, operation: OPERATION_REGISTER }),
    );
    harness.settle();
    expect(harness.replica).toMatchObject({ op: 1, commitMin: 1 });
    const restarted = harness.restart();
    restarted.tick();
    expect(restarted.replica).toMatchObject({ status: 'normal', view: 32, op: 1, commitMin: 1 });
  });

  it('never finds its log ending below its checkpoint', () => {
    // Op 16 is executed from memory, and the checkpoint at 16 written, while op 16 itself is still
    // on its way to the log.
    const harness = backup(8);
    const { checkpointId } = harness.replica;
    const log = extendChain(CHAIN, 8, { checkpointId });
    for (const message of log.slice(9, 16)) harness.deliver(message);
    harness.settle();
    harness.deliver(present(log[16]));
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 16, stamp: 1 }));
    harness.settle('write_prepare');
    expect(harness.replica.checkpoint.op).toBe(16);
    const restarted = harness.restart();
    expect(restarted.replica.checkpoint.op).toBe(16);
    expect(restarted.replica.op).toBeGreaterThanOrEqual(restarted.replica.commitMin);
  });
});

describe('bodies of several sectors', () => {
  const config = { ...CONFIG_SIMULATION, messageSizeMax: 8192, blockSize: 16_384 };
  const requests = [
    makeRequest({ client: 5, session: 1, request: 1, operation: 16, body: new Uint8Array(5_000) }),
  ];

  /** A backup whose checkpoint is op 16 and whose log ends with op 20. */
  function withCheckpoint(): ReplicaHarness {
    const harness = new ReplicaHarness({ slot: 1, config }).start();
    const { checkpointId } = harness.replica;
    const log = extendChain(chainOf(8, { requests }), 12, { checkpointId, requests });
    for (const message of log.slice(1)) {
      harness.deliver(message);
      harness.settle();
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 16, stamp: 1 }));
    for (let tick = 0; tick < 40; tick += 1) {
      harness.tick();
      harness.settle();
    }
    expect(harness.replica.checkpoint.op).toBe(16);
    return harness;
  }

  /** Makes all but the first sector of a body unreadable. */
  function spoilEnd(harness: ReplicaHarness, op: number): void {
    harness.file.spoil('wal_prepares', op * config.messageSizeMax + SECTOR_SIZE);
  }

  it('are read at a start only above the checkpoint, and else by who needs them', () => {
    const harness = withCheckpoint();
    spoilEnd(harness, 9);
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'normal', op: 20 });
    expect(restarted.traces.filter(({ kind }) => kind === 'corrupt')).toEqual([]);
    const prepareChecksum = present(restarted.replica.journal.header(Op(9))).header.checksum;
    const question = { prepareChecksum, op: Op(9), more: 0 };
    restarted.deliver(fromPeer({ slot: 0, view: 0 }, 'requestPrepare', question));
    restarted.settle();
    expect(restarted.take('prepare')).toEqual([]);
    expect(restarted.replica.journal.isDurable(Op(9))).toBe(false);
  });

  it('are found rotten at a start above the checkpoint', () => {
    const harness = withCheckpoint();
    spoilEnd(harness, 18);
    const restarted = harness.restart();
    expect(restarted.traces).toContainEqual(
      expect.objectContaining({ kind: 'corrupt', what: 'prepare', place: 18, found: 'start' }),
    );
    expect(restarted.replica.journal.isDurable(Op(18))).toBe(false);
  });

  it('are read below the checkpoint too where no redundant header vouches for them', () => {
    const harness = withCheckpoint();
    spoilEnd(harness, 9);
    harness.file.spoil('wal_headers', 9 * HEADER_SIZE);
    const restarted = harness.restart();
    expect(restarted.replica.journal.isDurable(Op(9))).toBe(false);
  });
});

describe('an uncertain head', () => {
  function uncertain(): ReplicaHarness {
    const harness = backup(6);
    spoilSlot(harness, 6);
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'recovering_head', op: 5 });
    return restarted;
  }

  it('asks everyone, and neither votes nor acknowledges meanwhile', () => {
    const harness = uncertain();
    expect(harness.take('requestStartView').map(({ to }) => to)).toEqual([0, 2]);
    for (const message of CHAIN.slice(1)) harness.deliver(message);
    for (const slot of [0, 2]) {
      harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    }
    harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, CHAIN));
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, CHAIN, { commit: 3, stamp: 1 }));
    harness.tick(100);
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'recovering_head', view: 0, op: 5 });
    for (const command of ['prepareOk', 'doViewChange', 'startViewChange'] as const) {
      expect(harness.take(command)).toEqual([]);
    }
  });

  it('is not ended by an old start_view of its view, but by one that answers it', () => {
    const harness = uncertain();
    const [asked] = harness.take('requestStartView');
    const nonce = present(asked).message.header.nonce;
    // A replay: it would lower the head, and op 6, acknowledged, would look as if it never was.
    for (const old of [0n, nonce + 1n]) {
      harness.deliver(startViewOf({ slot: 0, view: 0 }, CHAIN.slice(0, 4), { nonce: old }));
      expect(harness.replica).toMatchObject({ status: 'recovering_head', op: 5 });
    }
    harness.deliver(startViewOf({ slot: 0, view: 0 }, CHAIN.slice(0, 7), { nonce }));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', op: 6 });
  });

  it('is not made uncertain again by rot in slots that are not in use', () => {
    const harness = backup(6);
    for (const unused of [7, 8]) {
      const { walSlots } = harness.config;
      harness.file.spoil('wal_headers', (unused % walSlots) * HEADER_SIZE);
    }
    const doubting = harness.restart();
    expect(doubting.replica).toMatchObject({ status: 'recovering_head', op: 6 });
    // While the head is uncertain what looks unused may be what was acknowledged last.
    doubting.tick(20);
    expect(doubting.waiting).toEqual([]);
    const nonce = present(doubting.take('requestStartView')[0]).message.header.nonce;
    doubting.deliver(startViewOf({ slot: 0, view: 0 }, CHAIN.slice(0, 7), { nonce }));
    doubting.settle();
    doubting.tick(20);
    doubting.settle();
    expect(doubting.restart().replica).toMatchObject({ status: 'normal', op: 6 });
  });

  it('does not clear the slot of an op that comes meanwhile', () => {
    const harness = backup(6);
    harness.file.spoil('wal_headers', 7 * HEADER_SIZE);
    const doubting = harness.restart();
    const nonce = present(doubting.take('requestStartView')[0]).message.header.nonce;
    doubting.deliver(startViewOf({ slot: 0, view: 0 }, CHAIN.slice(0, 7), { nonce }));
    doubting.settle();
    doubting.tick(20);
    expect(doubting.waiting).toContain('write_prepare');
    doubting.deliver(present(CHAIN[7]));
    doubting.settle();
    expect(doubting.replica.journal.isDurable(Op(7))).toBe(true);
    expect(doubting.restart().replica).toMatchObject({ status: 'normal', op: 7 });
  });

  it('is ended by the start_view of a later view', () => {
    const harness = uncertain();
    harness.deliver(startViewOf({ slot: 2, view: 2 }, CHAIN.slice(0, 7)));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 2, op: 6 });
  });

  it('still serves what it has to others', () => {
    const harness = uncertain();
    const wanted = present(CHAIN[3]).header;
    harness.deliver(
      fromPeer({ slot: 2, view: 0 }, 'requestPrepare', {
        prepareChecksum: wanted.checksum,
        op: wanted.op,
        more: 0,
      }),
    );
    harness.settle();
    expect(harness.take('prepare').map(({ to, message }) => [to, message.header.op])).toEqual([
      [2, 3],
    ]);
  });
});

describe('what a start mends from its own disk', () => {
  /** What was found at the start and what was repaired, by what it is. */
  function counts(harness: ReplicaHarness): { found: string[]; repaired: string[] } {
    const found: string[] = [];
    const repaired: string[] = [];
    for (const event of harness.traces) {
      if (event.kind === 'corrupt') found.push(event.what);
      else if (event.kind === 'repaired') repaired.push(event.what);
    }
    return { found, repaired };
  }

  it('is told for each copy of the superblock', () => {
    const harness = backup(3);
    for (const copy of [1, 2]) harness.file.spoil('superblock', copy * SUPERBLOCK_COPY_SIZE);
    expect(counts(harness.restart())).toEqual({
      found: ['superblock', 'superblock'],
      repaired: ['superblock', 'superblock'],
    });
  });

  it('is told of a redundant header whose body says the same', () => {
    const harness = new ReplicaHarness({ slot: 0, replicaCount: 1 }).start();
    harness.file.spoil('wal_headers', 0);
    expect(counts(harness.restart())).toEqual({
      found: ['header'],
      repaired: ['redundant_header'],
    });
  });

  it('is told of a redundant header once the chain of the log asks for its body', () => {
    const harness = backup(3);
    harness.file.spoil('wal_headers', HEADER_SIZE);
    const restarted = harness.restart();
    const log = CHAIN.slice(0, 4);
    restarted.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 3, stamp: 1 }));
    for (let tick = 0; tick < 20; tick += 1) {
      restarted.tick();
      restarted.settle();
    }
    expect(restarted.replica.journal.isDurable(Op(1))).toBe(true);
    expect(counts(restarted)).toEqual({ found: ['prepare'], repaired: ['redundant_header'] });
  });
});

describe('a slot that rotted below the head', () => {
  it('is neither acknowledged nor denied until it is repaired by checksum', () => {
    const harness = backup(6);
    const { messageSizeMax } = harness.config;
    harness.file.spoil('wal_prepares', 3 * messageSizeMax);
    const restarted = harness.restart();
    expect(restarted.replica).toMatchObject({ status: 'normal', op: 6 });
    expect(restarted.replica.journal.isNack(Op(3))).toBe(false);
    expect(restarted.replica.journal.isDurable(Op(3))).toBe(false);
    restarted.takeAll();
    restarted.tick(20);
    const asked = restarted.take('requestPrepare').map(({ message }) => message.header);
    expect(asked.map(({ op }) => op)).toContain(3);
    expect(asked[0]?.prepareChecksum).toBe(present(CHAIN[3]).header.checksum);
    restarted.deliver(present(CHAIN[3]));
    restarted.settle();
    expect(restarted.replica.journal.isDurable(Op(3))).toBe(true);
    expect(restarted.restart().replica.journal.isDurable(Op(3))).toBe(true);
  });
});

describe('a slot that rotted, while the view changes', () => {
  it('is fetched from whoever can read it, and no other is', () => {
    const harness = backup(6, 2);
    const { messageSizeMax } = harness.config;
    harness.file.spoil('wal_prepares', 3 * messageSizeMax);
    const restarted = harness.restart();
    for (const slot of [0, 1]) {
      restarted.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
    }
    restarted.settle();
    expect(restarted.replica).toMatchObject({ status: 'view_change', view: 1, op: 6 });
    const before = restarted.take('doViewChange').at(-1)?.message.header;
    expect((before?.presentBits ?? 0) & 0b1000).toBe(0);
    restarted.tick(40);
    const asked = restarted.take('requestPrepare').map(({ to, message }) => ({
      to,
      op: message.header.op as number,
      checksum: message.header.prepareChecksum,
    }));
    const wanted = { op: 3, checksum: present(CHAIN[3]).header.checksum };
    for (const { op, checksum } of asked) expect({ op, checksum }).toEqual(wanted);
    expect(new Set(asked.map(({ to }) => to))).toEqual(new Set([0, 1]));
    restarted.takeAll();
    restarted.deliver(present(CHAIN[3]));
    restarted.settle();
    expect(restarted.replica.journal.isDurable(Op(3))).toBe(true);
    restarted.tick(20);
    const after = restarted.take('doViewChange').at(-1)?.message.header;
    expect((after?.presentBits ?? 0) & 0b1000).toBe(0b1000);
    // A copy is no acknowledgement: that view is over.
    expect(restarted.take('prepareOk')).toEqual([]);
  });
});

describe('a data file that can not be used', () => {
  it('without a superblock stops the start', () => {
    const harness = backup(1);
    for (let copy = 0; copy < 4; copy += 1) harness.file.spoil('superblock', copy * 16 * 1024);
    expect(harness.restart().fatals).toEqual(['superblock_not_found']);
  });

  it.each([0, 1, 2, 3])('with copy %i of the superblock spoilt is mended', (copy) => {
    const harness = backup(2);
    harness.file.spoil('superblock', copy * 16 * 1024);
    const restarted = harness.restart();
    expect(restarted.fatals).toEqual([]);
    expect(restarted.replica).toMatchObject({ status: 'normal', op: 2 });
    for (const other of [0, 1, 2, 3].filter((at) => at !== copy).slice(1)) {
      restarted.file.spoil('superblock', other * 16 * 1024);
    }
    expect(restarted.restart().replica).toMatchObject({ status: 'normal', op: 2 });
  });

  it('of another state machine is refused', () => {
    const { file } = backup(1);
    const stateMachine = { ...counterMachine(), name: 'test.other' };
    const other = new ReplicaHarness({ slot: 1, file, stateMachine }).start();
    expect(other.fatals).toEqual(['wrong_machine']);
    expect(other.replica.opened).toBe(false);
  });

  it('of another member, or of other sizes, is refused', () => {
    const harness = backup(1);
    const { file } = harness;
    expect(new ReplicaHarness({ slot: 2, file }).start().fatals).toEqual(['wrong_identity']);
    const config = { ...harness.config, sessionsMax: 9 };
    expect(new ReplicaHarness({ slot: 1, file, config }).start().fatals).toEqual([
      'wrong_identity',
    ]);
  });

  it('of a single replica, with a slot that it can’t read, is refused', () => {
    const harness = new ReplicaHarness({ slot: 0, replicaCount: 1 }).start();
    for (let client = 1; client <= 4; client += 1) {
      harness.deliver(
        makeRequest({ client, session: 0, request: 0, operation: OPERATION_REGISTER }),
      );
      harness.settle();
    }
    expect(harness.replica.commitMin).toBe(4);
    harness.file.spoil('wal_prepares', 2 * harness.config.messageSizeMax);
    expect(harness.restart().fatals).toEqual(['wal_corrupt']);
  });
});
