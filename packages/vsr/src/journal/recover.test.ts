import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../config.ts';
import type { PrepareMessage } from '../message/message.ts';
import { View } from '../std/numbers.ts';
import type { SuperblockState } from '../superblock/superblock.ts';
import { chainOf, extendChain, headersOf } from '../testing/log-fixture.ts';
import { diskWith, recover, slotOf, tryRecover } from '../testing/recovery.ts';
import { checkpointAt, superblockFixture, WalDisk } from '../testing/wal-disk.ts';

const SLOTS = CONFIG_SIMULATION.walSlots;
const WRITES_MAX = CONFIG_SIMULATION.pipelineMax;
const EMPTY = { entry: null, dirty: false, faulty: false, fix: false };
const UNKNOWN = { entry: null, dirty: true, faulty: true, fix: false };

describe('recoverLog after a crash where an op takes the place of one that was given up', () => {
  const givenUp = chainOf(11);
  const chosen = extendChain(givenUp.slice(0, 11), 1, { view: 2 });
  const superblock = superblockFixture({
    view: View(2),
    logView: View(2),
    headers: headersOf(chosen).slice(-5).reverse(),
  });
  const entry = headersOf(chosen)[11];

  it('takes a whole body for a copy, for its header was to be written next', () => {
    const disk = diskWith(givenUp);
    disk.slot(11).prepare = present(entry);
    expect(slotOf(recover(disk, superblock), 11)).toEqual({
      entry,
      dirty: false,
      faulty: false,
      fix: true,
    });
  });

  it.each(['bad', 'given up'])('takes a %s one for a denial', (body) => {
    const disk = diskWith(givenUp);
    if (body === 'bad') disk.slot(11).prepare = 'bad';
    expect(slotOf(recover(disk, superblock), 11)).toEqual({
      entry,
      dirty: true,
      faulty: false,
      fix: false,
    });
  });

  it('takes a bad one under its own header for rot', () => {
    const disk = diskWith(chosen);
    disk.slot(11).prepare = 'bad';
    expect(slotOf(recover(disk, superblock), 11)).toMatchObject({ entry, faulty: true });
  });
});

describe('recoverLog of sound disks', () => {
  it('finds only the root after format', () => {
    const log = recover(new WalDisk(SLOTS));
    expect(log).toMatchObject({ head: 0, headCertain: true });
    expect(log.slots.slice(1)).toEqual(Array(SLOTS - 1).fill(EMPTY));
    expect(log.decisions).toEqual(['eql', ...Array(SLOTS - 1).fill('nil')]);
  });

  it.each([1, 5, 31])('finds a log of %i ops whole', (count) => {
    const chain = chainOf(count);
    const log = recover(diskWith(chain));
    expect(log).toMatchObject({ head: count, headCertain: true });
    headersOf(chain).forEach((entry, op) => {
      expect(slotOf(log, op)).toEqual({ entry, dirty: false, faulty: false, fix: false });
    });
  });

  it('finds a log that has gone round the ring', () => {
    const chain = chainOf(45);
    const log = recover(diskWith(chain), superblockFixture({ checkpoint: checkpointAt(16) }));
    expect(log).toMatchObject({ head: 45, headCertain: true });
    expect(slotOf(log, 45).entry?.header.op).toBe(45);
    expect(slotOf(log, 14).entry?.header.op).toBe(14);
    expect(slotOf(log, 13).entry?.header.op).toBe(45);
  });

  it('writes the redundant header again that a crash has cost', () => {
    const chain = chainOf(20);
    const disk = diskWith(chain.slice(0, 20));
    disk.slot(20).prepare = present(headersOf(chain)[20]);
    const log = recover(disk);
    expect(log).toMatchObject({ head: 20, headCertain: true });
    expect(slotOf(log, 20)).toEqual({
      entry: headersOf(chain)[20],
      dirty: false,
      faulty: false,
      fix: true,
    });
  });

  it('cuts what stands beyond the ring above the checkpoint', () => {
    const chain = chainOf(SLOTS + 3);
    const disk = diskWith(chain.slice(0, 3));
    disk.acknowledge(present(chain[SLOTS + 3]));
    const log = recover(disk);
    expect(log.decisions[3]).toBe('cut');
    expect(log).toMatchObject({ head: 2, headCertain: true });
    expect(slotOf(log, 3)).toEqual(EMPTY);
  });
});

describe('torn rule', () => {
  it('drops an unfinished body in a slot that was never used', () => {
    const disk = diskWith(chainOf(20));
    disk.slot(21).prepare = 'bad';
    const log = recover(disk);
    expect(log.decisions[21]).toBe('torn');
    expect(log).toMatchObject({ head: 20, headCertain: true });
    expect(slotOf(log, 21)).toEqual(EMPTY);
  });

  it('drops an unfinished body over an op that the checkpoint covers', () => {
    const chain = chainOf(40);
    const disk = diskWith(chain);
    disk.slot(41).prepare = 'bad';
    const log = recover(disk, superblockFixture({ checkpoint: checkpointAt(16) }));
    expect(log.decisions[41 % SLOTS]).toBe('torn');
    expect(log).toMatchObject({ head: 40, headCertain: true });
  });

  it('never drops a body whose own header is there: that was acknowledged', () => {
    const chain = chainOf(20);
    for (let op = 1; op <= 20; op += 1) {
      const disk = diskWith(chain);
      disk.slot(op).prepare = 'bad';
      const log = recover(disk);
      expect(log.decisions[op]).toBe('vsr');
      // The header still says what was there: it can be repaired by checksum, never denied.
      const entry = headersOf(chain)[op];
      expect(slotOf(log, op)).toEqual({ entry, dirty: true, faulty: true, fix: false });
      expect(log).toMatchObject({ head: 20, headCertain: true });
    }
  });

  it('never drops a body beside an unreadable header', () => {
    const disk = diskWith(chainOf(20));
    disk.slot(21).prepare = 'bad';
    disk.slot(21).header = 'bad';
    const log = recover(disk);
    expect(slotOf(log, 21)).toEqual(UNKNOWN);
    expect(log.headCertain).toBe(false);
  });

  it.each([
    [WRITES_MAX - 1, true],
    [WRITES_MAX, true],
    [WRITES_MAX + 1, false],
    [WRITES_MAX + 5, false],
  ])('%i torn slots, as far as that many writes can have been in flight: %s', (torn, believed) => {
    const chain = chainOf(16);
    const disk = diskWith(chain);
    for (let op = 17; op < 17 + torn; op += 1) disk.slot(op).prepare = 'bad';
    const log = recover(disk);
    for (let op = 17; op < 17 + torn; op += 1) {
      expect(log.decisions[op]).toBe(believed ? 'torn' : 'vsr');
      expect(slotOf(log, op)).toEqual(believed ? EMPTY : UNKNOWN);
    }
    expect(log.headCertain).toBe(believed);
  });

  it('finds bodies finished out of order above a torn one', () => {
    const chain = chainOf(18);
    const disk = diskWith(chain.slice(0, 17));
    disk.slot(17).prepare = 'bad';
    disk.slot(18).prepare = present(headersOf(chain)[18]);
    const log = recover(disk);
    expect(log).toMatchObject({ head: 18, headCertain: true });
    expect(slotOf(log, 17)).toEqual(EMPTY);
    expect(slotOf(log, 18)).toMatchObject({ fix: true, faulty: false });
  });
});

describe('a single replica', () => {
  it('starts with one torn write, its last', () => {
    const disk = diskWith(chainOf(7));
    disk.slot(8).prepare = 'bad';
    expect(tryRecover(disk, superblockFixture(), true)).toMatchObject({ head: 7 });
  });

  it('refuses what it can neither trust nor ask for', () => {
    const chain = chainOf(7);
    const spoil: ((disk: WalDisk) => void)[] = [
      (disk): void => {
        disk.slot(3).prepare = 'bad';
      },
      (disk): void => {
        disk.slot(7).prepare = 'bad';
      },
      (disk): void => {
        disk.slot(4).prepare = 'reserved';
      },
      (disk): void => {
        disk.slot(9).prepare = 'bad';
        disk.slot(9).header = 'bad';
      },
      // Two torn writes can't be: it writes strictly one after another.
      (disk): void => {
        disk.slot(8).prepare = 'bad';
        disk.slot(9).prepare = 'bad';
      },
    ];
    for (const change of spoil) {
      const disk = diskWith(chain);
      change(disk);
      expect(tryRecover(disk, superblockFixture(), true)).toBeNull();
      expect(tryRecover(disk)).not.toBeNull();
    }
  });

  it('mends a lost redundant header from the body', () => {
    const disk = diskWith(chainOf(7));
    disk.slot(3).header = 'bad';
    disk.slot(20).header = 'bad';
    const log = present(tryRecover(disk, superblockFixture(), true));
    expect(log).toMatchObject({ head: 7, headCertain: true });
    expect(slotOf(log, 3)).toMatchObject({ fix: true, faulty: false });
    expect(slotOf(log, 20)).toEqual(EMPTY);
  });
});

describe('filter by the durable view headers', () => {
  const old = chainOf(12, { view: 0 });
  const next = extendChain(old.slice(0, 11), 3, { view: 2 }); // Ops 11 to 13 of view 2.

  function suffix(chain: readonly PrepareMessage[]): SuperblockState['headers'] {
    return headersOf(chain).slice(-5).reverse();
  }

  it('does not bring back ops that a view change gave up', () => {
    const disk = diskWith(old);
    const superblock = superblockFixture({
      view: View(2),
      logView: View(2),
      headers: suffix(old.slice(0, 11)),
    });
    const log = recover(disk, superblock);
    expect(log).toMatchObject({ head: 10, headCertain: true });
    expect(slotOf(log, 11)).toEqual(EMPTY);
    expect(slotOf(log, 12)).toEqual(EMPTY);
  });

  it('keeps what was appended in that view since', () => {
    const disk = diskWith(next);
    const superblock = superblockFixture({
      view: View(2),
      logView: View(2),
      headers: suffix(old.slice(0, 11)),
    });
    const log = recover(disk, superblock);
    expect(log).toMatchObject({ head: 13, headCertain: true });
    expect(slotOf(log, 13).entry).toEqual(headersOf(next)[13]);
  });

  it('drops all above the durable head while the view changes', () => {
    // The do_view_change says head 10; what was written since was in no log that anyone chose.
    const disk = diskWith(next);
    const superblock = superblockFixture({
      view: View(3),
      logView: View(2),
      headers: suffix(old.slice(0, 11)),
    });
    const log = recover(disk, superblock);
    expect(log).toMatchObject({ head: 10, headCertain: true });
    for (const op of [11, 12, 13]) expect(slotOf(log, op)).toEqual(EMPTY);
  });

  it('drops an op of a view above log_view, wherever it stands', () => {
    // Written by a new primary's repair after a log was chosen, before log_view was durable.
    const disk = diskWith(old);
    disk.acknowledge(present(next[11]));
    const superblock = superblockFixture({
      view: View(2),
      logView: View(0),
      headers: suffix(old),
    });
    const log = recover(disk, superblock);
    // What the durable headers want there takes its place, without a body.
    expect(slotOf(log, 11)).toEqual({
      entry: headersOf(old)[11],
      dirty: true,
      faulty: false,
      fix: false,
    });
    expect(log.head).toBe(12);
    const lower = recover(disk, { ...superblock, headers: [present(headersOf(old)[12])] });
    expect(slotOf(lower, 11)).toEqual(EMPTY);
  });

  it('puts the durable headers where the ring holds something else, and keeps fault marks', () => {
    const disk = diskWith(old);
    disk.slot(10).prepare = 'bad';
    disk.slot(10).header = 'bad';
    disk.slot(9).prepare = 'bad';
    const superblock = superblockFixture({
      view: View(2),
      logView: View(2),
      headers: suffix(next.slice(0, 12)),
    });
    const log = recover(disk, superblock);
    expect(log.head).toBe(11);
    expect(slotOf(log, 11)).toMatchObject({
      entry: headersOf(next)[11],
      dirty: true,
      faulty: false,
    });
    expect(slotOf(log, 10)).toMatchObject({
      entry: headersOf(next)[10],
      dirty: true,
      faulty: true,
    });
    expect(slotOf(log, 9)).toMatchObject({ entry: headersOf(next)[9], dirty: true, faulty: true });
    expect(slotOf(log, 8)).toMatchObject({
      entry: headersOf(next)[8],
      dirty: false,
      faulty: false,
    });
  });

  it('keeps a fault mark of what it drops: unreadable does not become absent', () => {
    const disk = diskWith(old);
    disk.slot(12).header = 'bad';
    disk.slot(12).prepare = 'bad';
    const superblock = superblockFixture({
      view: View(2),
      logView: View(2),
      headers: suffix(old.slice(0, 11)),
    });
    const log = recover(disk, superblock);
    expect(slotOf(log, 12)).toEqual(UNKNOWN);
    expect(slotOf(log, 11)).toEqual(EMPTY);
    // An op 12 of view 2 may have stood there.
    expect(log.headCertain).toBe(false);
  });

  it('takes a bad body under the header of a given-up op for a torn write', () => {
    const disk = diskWith(old);
    disk.slot(12).prepare = 'bad';
    const superblock = superblockFixture({
      view: View(2),
      logView: View(2),
      headers: suffix(old.slice(0, 11)),
    });
    const log = recover(disk, superblock);
    // An op 12 of view 2 that was acknowledged would have put its own header there.
    expect(slotOf(log, 12)).toEqual(EMPTY);
    expect(log.headCertain).toBe(true);
  });

  it.each([false, true])(
    'drops the body of a lap before under a given-up header (solo: %s)',
    (solo) => {
      // Op 44 was given up; its header came to the disk, its body was lost on the way.
      const chain = chainOf(44);
      const disk = diskWith(chain);
      disk.slot(44).prepare = present(headersOf(chain)[44 - SLOTS]);
      const superblock = superblockFixture({
        view: View(2),
        logView: View(2),
        checkpoint: checkpointAt(16),
        headers: suffix(chain.slice(0, 44)),
      });
      const log = present(tryRecover(disk, superblock, solo));
      // Op 12, of which nobody has a need: its header is not written back.
      expect(slotOf(log, 44)).toEqual(EMPTY);
      expect(log).toMatchObject({ head: 43, headCertain: true });
    },
  );

  it('leaves a later op in the slot of a durable header that the checkpoint covers', () => {
    const chain = chainOf(36);
    const superblock = superblockFixture({
      checkpoint: checkpointAt(16),
      headers: suffix(chain.slice(0, 7)),
    });
    const log = recover(diskWith(chain), superblock);
    expect(log.head).toBe(36);
    expect(slotOf(log, 36).entry?.header.op).toBe(36);
    expect(slotOf(log, 5)).toMatchObject({ dirty: false, faulty: false });
  });
});
