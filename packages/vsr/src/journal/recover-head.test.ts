import { present } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../config.ts';
import { View } from '../std/numbers.ts';
import type { SuperblockState } from '../superblock/superblock.ts';
import { chainOf, headersOf } from '../testing/log-fixture.ts';
import { diskWith, recover, slotOf } from '../testing/recovery.ts';
import { checkpointAt, superblockFixture, type WalDisk, wouldNack } from '../testing/wal-disk.ts';

const SLOTS = CONFIG_SIMULATION.walSlots;
const WRITES_MAX = CONFIG_SIMULATION.pipelineMax;

describe('certainty of the head', () => {
  function certainWith(unreadable: readonly number[], head = 10): boolean {
    const disk = diskWith(chainOf(head));
    for (const op of unreadable) {
      disk.slot(op).header = 'bad';
      disk.slot(op).prepare = 'bad';
    }
    return recover(disk).headCertain;
  }

  it('is lost when the slot after the head can hide an op', () => {
    expect(certainWith([11])).toBe(false);
    expect(certainWith([10])).toBe(false); // The head found is 9 then.
    expect(certainWith([11 + WRITES_MAX])).toBe(false);
  });

  it('stands when no op can be as far above, or the slot lies below', () => {
    expect(certainWith([11 + WRITES_MAX + 1])).toBe(true);
    expect(certainWith([5])).toBe(true);
    expect(certainWith([])).toBe(true);
  });

  it('is lost further above when more slots in between are unreadable', () => {
    const gap = [11, 12, 13];
    expect(certainWith([...gap, 14 + WRITES_MAX])).toBe(false);
    expect(certainWith([11 + WRITES_MAX + 2, 11 + WRITES_MAX + 3])).toBe(true);
  });

  it('stands when only redundant headers are lost at and below the head', () => {
    const disk = diskWith(chainOf(10));
    disk.slot(10).header = 'bad'; // The highest body found: mended from it.
    disk.slot(9).header = 'bad'; // Doubtful, but no place for a later op.
    const log = recover(disk);
    expect(log).toMatchObject({ head: 10, headCertain: true });
    expect(slotOf(log, 10)).toMatchObject({ faulty: false, fix: true });
    expect(slotOf(log, 9)).toMatchObject({ faulty: true, fix: true });
  });

  it('is lost when a doubtful copy stands where the next op would', () => {
    const disk = diskWith(chainOf(40));
    disk.slot(41).header = 'bad'; // Beside the body of op 9.
    const log = recover(disk, superblockFixture({ checkpoint: checkpointAt(16) }));
    expect(log).toMatchObject({ head: 40, headCertain: false });
  });

  it('does not depend on slots whose header says what was there', () => {
    const disk = diskWith(chainOf(10));
    disk.slot(10).prepare = 'bad';
    disk.slot(9).prepare = 'bad';
    expect(recover(disk)).toMatchObject({ head: 10, headCertain: true });
  });

  it('is lost when the unreadable slot once held a durable header, a whole ring ago', () => {
    const chain = chainOf(SLOTS);
    const disk = diskWith(chain);
    disk.slot(SLOTS).header = 'bad';
    disk.slot(SLOTS).prepare = 'bad';
    // Durable since format: op 0, in the slot where op 32 was acknowledged.
    const superblock = superblockFixture({ checkpoint: checkpointAt(16) });
    expect(recover(disk, superblock)).toMatchObject({ head: SLOTS - 1, headCertain: false });
  });

  it('stands when the unreadable slot is that of the durable head', () => {
    const chain = chainOf(10);
    const disk = diskWith(chain);
    disk.slot(10).header = 'bad';
    disk.slot(10).prepare = 'bad';
    const superblock = superblockFixture({ headers: headersOf(chain).slice(-5).reverse() });
    const log = recover(disk, superblock);
    expect(log).toMatchObject({ head: 10, headCertain: true });
    expect(slotOf(log, 10)).toMatchObject({ entry: headersOf(chain)[10], faulty: true });
  });

  it('is not asked for while the view changes: the durable headers say the head', () => {
    const chain = chainOf(10);
    const disk = diskWith(chain);
    disk.slot(11).header = 'bad';
    disk.slot(11).prepare = 'bad';
    const headers = headersOf(chain).slice(-5).reverse();
    const superblock = superblockFixture({ view: View(1), logView: View(0), headers });
    expect(recover(disk, superblock)).toMatchObject({ head: 10, headCertain: true });
  });
});

describe('a body beside an unreadable header', () => {
  it('is a copy that counts for nothing until the chain asks for it', () => {
    const chain = chainOf(10);
    const disk = diskWith(chain);
    disk.slot(6).header = 'bad';
    const log = recover(disk);
    expect(log.decisions[6]).toBe('vsr');
    expect(slotOf(log, 6)).toEqual({
      entry: headersOf(chain)[6],
      dirty: true,
      faulty: true,
      fix: true,
    });
  });
});

describe('what was acknowledged', () => {
  type Spoil = 'header' | 'prepare' | 'both';

  interface Story {
    readonly head: number;
    /** Ops between the durable headers (written when the view began) and the head. */
    readonly sinceView: number;
    readonly inFlight: readonly ('old' | 'torn' | 'body')[];
    readonly spoilt: readonly (readonly [number, Spoil])[];
  }

  const stories: fc.Arbitrary<Story> = fc.record({
    head: fc.integer({ min: 0, max: 45 }),
    sinceView: fc.nat(45),
    inFlight: fc.array(fc.constantFrom('old', 'torn', 'body'), { maxLength: WRITES_MAX }),
    spoilt: fc.array(
      fc.tuple(fc.nat(SLOTS - 1), fc.constantFrom<Spoil>('header', 'prepare', 'both')),
      { maxLength: 8 },
    ),
  });

  const chain = chainOf(50);

  /** All up to `head` acknowledged, then a crash in the middle of the writes above, then rot. */
  function diskOf({ head, inFlight, spoilt }: Story): WalDisk {
    const disk = diskWith(chain.slice(0, head + 1));
    inFlight.forEach((state, index) => {
      const slot = disk.slot(head + 1 + index);
      if (state === 'torn') slot.prepare = 'bad';
      if (state === 'body') slot.prepare = present(headersOf(chain)[head + 1 + index]);
    });
    for (const [index, what] of spoilt) {
      const slot = present(disk.slots[index]);
      if (what !== 'prepare') slot.header = 'bad';
      if (what !== 'header') slot.prepare = 'bad';
    }
    return disk;
  }

  function superblockOf({ head, sinceView }: Story): SuperblockState {
    const checkpoint = checkpointAt(head < 20 ? 0 : head < 40 ? 16 : 32);
    const durableHead = Math.max(0, head - sinceView);
    const headers = headersOf(chain.slice(Math.max(0, durableHead - 4), durableHead + 1)).reverse();
    return superblockFixture({ checkpoint, commitMax: checkpoint.op, headers });
  }

  it('is never denied after a crash, whatever has rotted', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const superblock = superblockOf(story);
        const log = recover(diskOf(story), superblock);
        if (!log.headCertain) return; // Such a replica does not vote.
        expect(log.head).toBeGreaterThanOrEqual(story.head);
        for (let op = superblock.checkpoint.op + 1; op <= story.head; op += 1) {
          expect(wouldNack(log, present(chain[op])), `op ${op}`).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is all here after a crash alone: no slot is faulty, and the head is certain', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const log = recover(diskOf({ ...story, spoilt: [] }), superblockOf(story));
        expect(log.headCertain).toBe(true);
        expect(log.slots.every(({ faulty }) => !faulty)).toBe(true);
        const bodies = story.inFlight.lastIndexOf('body') + 1;
        expect(log.head).toBe(story.head + bodies);
      }),
      { numRuns: 500 },
    );
  });
});
