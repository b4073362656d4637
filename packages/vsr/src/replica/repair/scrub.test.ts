import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION, SECTOR_SIZE } from '../../config.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE, zoneSize } from '../../storage-layout.ts';
import { ReplicaHarness } from '../../testing/replica-harness.ts';
import type { ScrubOptions } from './scrub.ts';

const { walSlots, messageSizeMax } = CONFIG_SIMULATION;
const FAST: ScrubOptions = { tourTicks: 40, bytesPerTick: 1_000_000 };
/** Of an empty replica: the superblock, the ring of headers, the slots. */
const TOUR_BYTES =
  SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE + walSlots * (HEADER_SIZE + SECTOR_SIZE);

/** A backup in normal status, its disk answering at once. */
function backup(scrub: ScrubOptions, seed: bigint): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 1, scrub, seed }).start();
  expect(harness.replica.status).toBe('normal');
  return harness;
}

/** Lets ticks pass until so many tours have ended. */
function tour(harness: ReplicaHarness, tours: number, ticksMax = 3_000): void {
  for (let tick = 0; tick < ticksMax && harness.replica.scrub.tours < tours; tick += 1) {
    harness.tick();
    harness.settle();
  }
  expect(harness.replica.scrub.tours).toBe(tours);
}

describe('a tour', () => {
  it('reads everything, whatever its origin, and hardly anything twice', () => {
    const origins = new Set<string>();
    for (let seed = 1n; seed <= 40n; seed += 1n) {
      const harness = backup(FAST, seed);
      tour(harness, 1);
      const reads = harness.scrubReads;
      origins.add(`${reads[0]?.zone} ${reads[0]?.offset}`);
      const covered = new Set<string>();
      for (const { zone, offset, length } of reads) {
        for (let at = 0; at < length; at += SECTOR_SIZE) covered.add(`${zone} ${offset + at}`);
      }
      for (const zone of ['superblock', 'wal_headers'] as const) {
        for (let at = 0; at < (zoneSize(CONFIG_SIMULATION, zone) ?? 0); at += SECTOR_SIZE) {
          expect(covered.has(`${zone} ${at}`), `${zone} ${at}, seed ${seed}`).toBe(true);
        }
      }
      for (let slot = 0; slot < walSlots; slot += 1) {
        expect(covered.has(`wal_prepares ${slot * messageSizeMax}`), `slot ${slot}`).toBe(true);
      }
      // The headers are read in one piece, unless the tour begins in the middle of them.
      expect(reads.length).toBeLessThanOrEqual(walSlots + 3);
    }
    expect(origins.size).toBeGreaterThan(10);
  });

  it('begins elsewhere each time', () => {
    const harness = backup(FAST, 3n);
    const origins: string[] = [];
    for (let tours = 1; tours <= 12; tours += 1) {
      const before = harness.scrubReads.length;
      tour(harness, tours);
      const first = harness.scrubReads[before];
      origins.push(`${first?.zone} ${first?.offset}`);
    }
    expect(new Set(origins).size).toBeGreaterThan(4);
  });

  it('takes its time, and not much more', () => {
    for (const tourTicks of [20, 100, 200]) {
      const harness = backup({ tourTicks, bytesPerTick: 1_000_000 }, 7n);
      const start = harness.replica.tick;
      tour(harness, 5);
      const ticks = (harness.replica.tick - start) / 5;
      expect(ticks).toBeGreaterThan(tourTicks * 0.8);
      expect(ticks).toBeLessThan(tourTicks * 1.2 + 2);
    }
  });

  it('reads ten times a second at least, though it has all day', () => {
    const harness = backup({ tourTicks: 8_640_000, bytesPerTick: 100_000 }, 7n);
    tour(harness, 1); // The first does not wait: a start leaves it to look at what stands there.
    expect(harness.replica.tick).toBeLessThan(20);
    const before = harness.scrubReads.length;
    for (let tick = 0; tick < 200; tick += 1) {
      harness.tick();
      harness.settle();
    }
    expect(harness.scrubReads.length - before).toBeGreaterThanOrEqual(20);
    expect(harness.scrubReads.length - before).toBeLessThanOrEqual(22);
  });

  it('keeps to its share of the disk, though it would need more', () => {
    const bytesPerTick = 2048;
    const harness = backup({ tourTicks: 1, bytesPerTick }, 7n);
    for (let tick = 1; tick <= 600; tick += 1) {
      harness.tick();
      harness.settle();
      const bytes = harness.scrubReads.reduce((sum, { length }) => sum + length, 0);
      // A read is begun on the last byte of what is allowed.
      expect(bytes).toBeLessThanOrEqual(tick * bytesPerTick + TOUR_BYTES);
    }
    expect(harness.replica.scrub.tours).toBeGreaterThan(3);
    expect(harness.replica.scrub.tours).toBeLessThan((600 * bytesPerTick) / TOUR_BYTES + 2);
  });

  it('has one read in flight, however long the disk takes', () => {
    const harness = backup({ tourTicks: 1, bytesPerTick: 1_000_000 }, 7n);
    for (let tick = 0; tick < 40; tick += 1) {
      harness.tick();
      harness.settle('read_scrub');
    }
    expect(harness.waiting.filter((kind) => kind === 'read_scrub')).toHaveLength(1);
    harness.settle();
    expect(harness.scrubReads.length).toBeGreaterThan(walSlots);
  });

  it('finds nothing on a disk that holds what was written', () => {
    const harness = backup(FAST, 11n);
    tour(harness, 3);
    expect(harness.traced('corrupt')).toEqual([]);
    expect(harness.traced('scrub_tour').map(({ tours }) => tours)).toEqual([1, 2, 3]);
  });
});

describe('what a tour finds', () => {
  it('in the superblock, all of it, is written again from memory', () => {
    const harness = backup(FAST, 2n);
    harness.file.write('superblock', 0, new Uint8Array(SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE));
    tour(harness, 2);
    const found = harness.traced('corrupt').map(({ what, place }) => `${what} ${place}`);
    expect(found).toEqual(['superblock 0', 'superblock 1', 'superblock 2', 'superblock 3']);
    const next = harness.restart();
    expect(next.fatals).toEqual([]);
    expect(next.traced('corrupt')).toEqual([]);
  });

  it('in redundant headers is written again, the sector at once', () => {
    const harness = backup(FAST, 2n);
    harness.file.write('wal_headers', 0, new Uint8Array(SECTOR_SIZE).fill(7));
    tour(harness, 2);
    expect(harness.traced('corrupt')).toHaveLength(SECTOR_SIZE / HEADER_SIZE);
    expect(harness.restart().traced('corrupt')).toEqual([]);
  });

  it('in a slot that no op uses is marked unknown: no nack until it is cleared', () => {
    const harness = backup(FAST, 2n);
    const walSlot = 9;
    harness.file.write(
      'wal_prepares',
      walSlot * messageSizeMax,
      new Uint8Array(SECTOR_SIZE).fill(7),
    );
    const { journal } = harness.replica;
    for (let tick = 0; tick < 200 && !journal.isUnknown(walSlot); tick += 1) {
      harness.tick();
      harness.settle('write_prepare');
    }
    expect(journal.isUnknown(walSlot)).toBe(true);
    tour(harness, 3);
    expect(journal.isUnknown(walSlot)).toBe(false);
    expect(harness.traced('corrupt')).toMatchObject([{ what: 'prepare', place: walSlot }]);
    expect(harness.restart().traced('corrupt')).toEqual([]);
  });
});
