import { assert, mix128, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { SECTOR_SIZE } from '../config.ts';
import { Op, View } from '../std/numbers.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { checkpointAt, superblockFixture } from '../testing/wal-disk.ts';
import { readSuperblock } from './read-superblock.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  type SuperblockState,
  stampCopy,
} from './superblock.ts';
import { type SuperblockStep, SuperblockWriter } from './superblock-writer.ts';

/** The superblock zone of a data file. */
type Zone = Uint8Array;

function copyRange(copy: number): readonly [number, number] {
  return [copy * SUPERBLOCK_COPY_SIZE, (copy + 1) * SUPERBLOCK_COPY_SIZE];
}

function formatted(state: SuperblockState = superblockFixture()): Zone {
  const zone = new Uint8Array(SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
  for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
    const bytes = encodeSuperblock(state, mix128);
    stampCopy(bytes, copy);
    zone.set(bytes, copyRange(copy)[0]);
  }
  return zone;
}

function written(zone: Zone, step: Extract<SuperblockStep, { kind: 'write' }>): Zone {
  const after = zone.slice();
  after.set(step.bytes, copyRange(step.copy)[0]);
  return after;
}

/** What a crash in the middle of one copy's write can leave of it. */
function tornVariants(
  zone: Zone,
  step: Extract<SuperblockStep, { kind: 'write' }>,
): readonly [Zone, Zone] {
  const [start] = copyRange(step.copy);
  const someSectors = zone.slice();
  someSectors.set(step.bytes.subarray(0, SECTOR_SIZE), start);
  const garbage = zone.slice();
  garbage.fill(0xdb, start + 512, start + 1024);
  return [someSectors, garbage];
}

function open(zone: Zone): { readonly writer: SuperblockWriter; readonly bad: number[] } {
  const state = readSuperblock(zone, mix128);
  assert(typeof state !== 'string', 'the zone opens');
  const opened = encodeSuperblock(state, mix128);
  const openedChecksum = present(decodeSuperblock(opened, 0, mix128)).checksum;
  const bad: number[] = [];
  for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
    const decoded = decodeSuperblock(zone.subarray(...copyRange(copy)), copy, mix128);
    if (decoded?.checksum !== openedChecksum) bad.push(copy);
  }
  return { writer: new SuperblockWriter({ checksum: mix128, opened: state, openedChecksum }), bad };
}

/** Carries out steps until the writer has nothing more to do; returns the zone then. */
function finish(writer: SuperblockWriter, zone: Zone, first: SuperblockStep): Zone {
  let disk = zone;
  for (let step = first; ; ) {
    switch (step.kind) {
      case 'write':
        disk = written(disk, step);
        step = writer.onWritten();
        break;
      case 'read_back':
        step = writer.onReadBack(disk);
        break;
      case 'durable':
        step = writer.continue();
        break;
      case 'idle':
      case 'unreadable':
        return disk;
    }
  }
}

function at(view: number): Omit<SuperblockState, 'identity' | 'sequence' | 'parent'> {
  return { ...superblockFixture(), view: View(view) };
}

function viewOn(zone: Zone): number | string {
  const state = readSuperblock(zone, mix128);
  return typeof state === 'string' ? state : state.view;
}

describe('a superblock write', () => {
  it('writes the copies one after another, reads them back, and only then is durable', () => {
    const { writer } = open(formatted());
    const kinds: string[] = [];
    let zone = formatted();
    let step = writer.update(at(1));
    while (step.kind !== 'durable') {
      kinds.push(step.kind === 'write' ? `write ${step.copy}` : step.kind);
      expect(writer.busy).toBe(true);
      expect(writer.durable.view).toBe(0);
      if (step.kind === 'write') {
        zone = written(zone, step);
        step = writer.onWritten();
      } else {
        step = writer.onReadBack(zone);
      }
    }
    expect(kinds).toEqual(['write 0', 'write 1', 'write 2', 'write 3', 'read_back']);
    expect(step).toEqual({ kind: 'durable', state: writer.durable });
    expect(writer.durable.view).toBe(1);
    expect(writer.busy).toBe(false);
    expect(viewOn(zone)).toBe(1);
  });

  it('is given up when the device takes every write and gives none back', () => {
    const { writer } = open(formatted());
    let readBacks = 0;
    let step = writer.update(at(1));
    while (step.kind !== 'unreadable') {
      if (step.kind === 'read_back') readBacks += 1;
      step = step.kind === 'write' ? writer.onWritten() : writer.onReadBack(null);
    }
    expect(readBacks).toBe(16);
    expect(writer.durable.view).toBe(0);
  });

  it('forgives a device that fails for a while', () => {
    let zone = formatted();
    const { writer } = open(zone);
    let failures = 15;
    let step = writer.update(at(1));
    while (step.kind !== 'durable') {
      if (step.kind === 'write') {
        zone = written(zone, step);
        step = writer.onWritten();
      } else {
        failures -= 1;
        step = writer.onReadBack(failures >= 0 ? null : zone);
      }
    }
    expect(viewOn(zone)).toBe(1);
  });

  it('chains sequence and parent', () => {
    let zone = formatted();
    const { writer } = open(zone);
    for (let view = 1; view <= 3; view += 1) {
      const before = present(decodeSuperblock(zone.subarray(...copyRange(0)), 0, mix128));
      zone = finish(writer, zone, writer.update(at(view)));
      expect(writer.durable.sequence).toBe(before.state.sequence + 1);
      expect(writer.durable.parent).toBe(before.checksum);
      expect(writer.durable.identity).toEqual(superblockFixture().identity);
    }
  });

  it('merges what is asked meanwhile into one successor', () => {
    let zone = formatted();
    const { writer } = open(zone);
    const first = writer.update(at(1));
    for (const view of [2, 3, 4]) expect(writer.update(at(view))).toEqual({ kind: 'idle' });
    const durable: number[] = [];
    for (let step = first; step.kind !== 'idle'; ) {
      if (step.kind === 'write') {
        zone = written(zone, step);
        step = writer.onWritten();
      } else if (step.kind === 'read_back') {
        step = writer.onReadBack(zone);
      } else {
        expect(step.kind).toBe('durable');
        durable.push(writer.durable.view);
        step = writer.continue();
      }
    }
    expect(durable).toEqual([1, 4]);
    expect(writer.durable.sequence).toBe(3);
    expect(viewOn(zone)).toBe(4);
  });
});

describe('reading back', () => {
  /** Writes view 1 while the writes of `lost` copies never reach the disk. */
  function withLost(lost: readonly number[]): { zone: Zone; rewritten: number[]; rounds: number } {
    let zone = formatted();
    const { writer } = open(zone);
    const rewritten: number[] = [];
    let rounds = 0;
    for (let step = writer.update(at(1)); step.kind !== 'durable'; ) {
      expect(step.kind).not.toBe('idle');
      if (step.kind === 'write') {
        if (rounds > 0) rewritten.push(step.copy);
        if (rounds > 0 || !lost.includes(step.copy)) zone = written(zone, step);
        step = writer.onWritten();
      } else {
        rounds += 1;
        step = writer.onReadBack(zone);
      }
    }
    return { zone, rewritten, rounds };
  }

  it.each([[[0, 1]], [[2, 3]], [[0, 1, 2]], [[0, 1, 2, 3]]])('writes %j again', (lost) => {
    const { zone, rewritten, rounds } = withLost(lost);
    expect(rewritten).toEqual(lost);
    expect(rounds).toBe(2);
    expect(viewOn(zone)).toBe(1);
  });

  it.each([0, 1, 2, 3])('is content with three equal copies, copy %i being bad', (lost) => {
    const { zone } = withLost([lost]);
    expect(viewOn(zone)).toBe(1);
  });

  it('goes on when the device can not be read', () => {
    const { writer } = open(formatted());
    let step = writer.update(at(1));
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) step = writer.onWritten();
    expect(step).toEqual({ kind: 'read_back' });
    expect(writer.onReadBack(null)).toMatchObject({ kind: 'write', copy: 0 });
    expect(writer.durable.view).toBe(0);
  });
});

describe('a crash', () => {
  /**
   * Opens the zone, mends it and writes view `view + 1`, and crashes at every point of that; then
   * does the same with each disk so found, to the given depth. Each must open with the old or the
   * new content, and with the new one once that was called durable.
   */
  function crashEverywhere(zone: Zone, view: number, depth: number): number {
    let disks = 0;
    const check = (disk: Zone, allowed: readonly number[], deeper: boolean): void => {
      const found = viewOn(disk);
      expect(allowed, `${found}`).toContain(found);
      disks += 1;
      if (!deeper || depth === 1 || typeof found !== 'number') return;
      disks += crashEverywhere(disk, found, depth - 1);
    };
    const { writer, bad } = open(zone);
    const run = (first: SuperblockStep, allowed: readonly number[]): void => {
      for (let step = first; step.kind !== 'durable' && step.kind !== 'idle'; ) {
        if (step.kind === 'write') {
          const [some, garbage] = tornVariants(disk, step);
          check(some, allowed, false);
          check(garbage, allowed, true);
          disk = written(disk, step);
          check(disk, allowed, depth === 2);
          step = writer.onWritten();
        } else {
          step = writer.onReadBack(disk);
        }
      }
    };
    let disk = zone;
    run(writer.repairCopies(bad), [view]);
    expect(writer.continue()).toEqual({ kind: 'idle' });
    run(writer.update(at(view + 1)), [view, view + 1]);
    expect(viewOn(disk)).toBe(view + 1);
    return disks;
  }

  it('at any point, and again at any point of what follows, gives the old or the new', () => {
    expect(crashEverywhere(formatted(), 0, 3)).toBeGreaterThan(400);
  });

  it.each([0, 1, 2, 3])('at any point after the write of copy %i was lost', (lost) => {
    // Three copies were enough for the write before: the bad one must not be the one that matters.
    let zone = formatted();
    const { writer } = open(zone);
    for (let step = writer.update(at(1)); step.kind !== 'durable'; ) {
      if (step.kind === 'write') {
        // The device says that it was written.
        if (step.copy !== lost) zone = written(zone, step);
        step = writer.onWritten();
      } else {
        step = writer.onReadBack(zone);
      }
    }
    expect(viewOn(zone)).toBe(1);
    for (let step = writer.update(at(2)); step.kind !== 'durable'; ) {
      if (step.kind === 'write') {
        for (const torn of tornVariants(zone, step)) expect([1, 2]).toContain(viewOn(torn));
        zone = written(zone, step);
        expect([1, 2]).toContain(viewOn(zone));
        step = writer.onWritten();
      } else {
        step = writer.onReadBack(zone);
      }
    }
    expect(viewOn(zone)).toBe(2);
  });
});

describe('a change', () => {
  const base = {
    ...superblockFixture(),
    view: View(5),
    logView: View(3),
    commitMax: Op(20),
    checkpoint: checkpointAt(16),
  };

  it.each([
    ['view', { view: View(4) }],
    ['log_view', { logView: View(2) }],
    ['commit_max', { commitMax: Op(19) }],
    ['checkpoint', { checkpoint: checkpointAt(0) }],
    ['log_view above view', { logView: View(6) }],
    ['no headers', { headers: [] }],
    ['an unknown head', { headers: [null] }],
  ])('is refused: %s', (_, change) => {
    const zone = formatted(base);
    const idle = open(zone).writer;
    expect(() => idle.update({ ...base, ...change })).toThrow();
    // The same against what is being written, and against what waits behind it.
    const busy = open(zone).writer;
    busy.update(base);
    expect(() => busy.update({ ...base, ...change })).toThrow();
    busy.update(base);
    expect(() => busy.update({ ...base, ...change })).toThrow();
  });

  it('must not go back behind what waits', () => {
    const { writer } = open(formatted());
    writer.update(at(1));
    writer.update(at(5));
    expect(() => writer.update(at(4))).toThrow('view never goes back');
  });
});
