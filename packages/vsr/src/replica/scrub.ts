import { unreachable } from '@kimberlite/store';
import { HEADER_SIZE } from '../message/layout.ts';
import type { Prng } from '../std/prng.ts';
import { HEADERS_PER_SECTOR } from '../storage-layout.ts';
import type { Replica } from './replica.ts';
import { type ScrubRead, scrubReadOf, verifyScrubRead } from './scrub-read.ts';
import { trace } from './send.ts';

/** How the scrubber is paced. */
export interface ScrubOptions {
  /** Ticks in which a tour of everything should end. */
  readonly tourTicks: number;
  /** Bytes that it may read in a tick, on average: a tenth of what the disk can do. */
  readonly bytesPerTick: number;
}

/** A tour in 24 hours, and a tenth of a disk of which nothing better is known: 100 MB/s. */
export const SCRUB_DEFAULT: ScrubOptions = {
  tourTicks: 24 * 60 * 60 * 100,
  bytesPerTick: 100_000,
};

/** Ticks of byte allowance that may be saved up. */
const SAVED_TICKS = 100;

/**
 * The scrubber's round over everything on this disk that must be right. A tour goes over numbered
 * units: the superblock, the pieces of the redundant header ring, the slots of the prepare ring,
 * the addresses of the block area. It starts at a random one and ends where it began, so that
 * replicas are never in step and nothing waits long because it stands at an end. Owner: scrub.ts.
 */
export interface ScrubState {
  readonly options: ScrubOptions;
  readonly prng: Prng;
  /** Where the tour began and where it is; null between tours. */
  tour: { readonly origin: number; unit: number; wrapped: boolean; readonly since: number } | null;
  /** What the read in flight is to verify: one at a time. */
  reading: ScrubRead | null;
  /** Bytes that may be read now; negative while a large read is paid off. */
  bytesAllowed: number;
  /** Tick of the last read. */
  readAt: number;
  /** Since the start: whole tours, bytes read, and findings. */
  tours: number;
  bytes: number;
  findings: number;
}

export function createScrubState(options: ScrubOptions, prng: Prng): ScrubState {
  return {
    options,
    prng,
    tour: null,
    reading: null,
    bytesAllowed: 0,
    readAt: 0,
    tours: 0,
    bytes: 0,
    findings: 0,
  };
}

/** Units before the block addresses. */
function fixedUnits(r: Replica): number {
  return 1 + headerSectors(r) + r.config.walSlots;
}

function headerSectors(r: Replica): number {
  return (r.config.walSlots * HEADER_SIZE) / (HEADERS_PER_SECTOR * HEADER_SIZE);
}

function unitsEnd(r: Replica): number {
  return fixedUnits(r) + r.forest.blocksEnd;
}

/** Part of the tour that is done, 0 to 1; 0 between tours. */
export function scrubProgress(r: Replica): number {
  const { tour } = r.scrub;
  if (tour === null) return 0;
  const all = Math.max(1, unitsEnd(r));
  const done = tour.wrapped ? all - tour.origin + tour.unit : tour.unit - tour.origin;
  return Math.min(1, Math.max(0, done / all));
}

/**
 * Whether findings could be judged and repaired now: the log of this view is durable here and the
 * checkpoint is loaded. In a view change the slots change hands, and only the new primary repairs.
 */
function mayScrub(r: Replica): boolean {
  if (r.status !== 'normal' || !r.restored || r.restorePending || r.pendingSync !== null) {
    return false;
  }
  return r.superblock.durable.logView === r.view;
}

/** One tick: reads on when a read is due. */
export function scrubTick(r: Replica): void {
  const { scrub } = r;
  const { bytesPerTick } = scrub.options;
  scrub.bytesAllowed = Math.min(SAVED_TICKS * bytesPerTick, scrub.bytesAllowed + bytesPerTick);
  if (isDue(r)) readNext(r);
}

/**
 * A read is due every so often (timers.ts) whatever the tour needs, and at once while the tour is
 * behind its time; never beyond the share of the disk that scrubbing may have.
 */
function isDue(r: Replica): boolean {
  const { scrub } = r;
  if (scrub.reading !== null || scrub.bytesAllowed <= 0 || !mayScrub(r)) return false;
  if (scrub.tour === null) return true;
  if (r.tick - scrub.readAt >= r.timers.ticks('scrub')) return true;
  return (r.tick - scrub.tour.since) / scrub.options.tourTicks > scrubProgress(r);
}

function readNext(r: Replica): void {
  const { scrub } = r;
  scrub.tour ??= beginTour(r);
  while (scrub.reading === null) {
    if (isOver(r)) {
      endTour(r);
      return;
    }
    const read = readAt(r, scrub.tour.unit);
    if (read === null) continue;
    beginRead(r, read);
  }
}

function beginTour(r: Replica): NonNullable<ScrubState['tour']> {
  const origin = r.scrub.prng.below(unitsEnd(r));
  return { origin, unit: origin, wrapped: false, since: r.tick };
}

/** Goes round at the end of the file; over when it is back where it began. */
function isOver(r: Replica): boolean {
  const { tour } = r.scrub;
  if (tour === null) return true;
  if (tour.unit >= unitsEnd(r)) {
    if (tour.wrapped) return true;
    tour.wrapped = true;
    tour.unit = 0;
  }
  return tour.wrapped && tour.unit >= tour.origin;
}

function endTour(r: Replica): void {
  const { scrub } = r;
  scrub.tour = null;
  scrub.tours += 1;
  trace(r, { kind: 'scrub_tour', tours: scrub.tours, findings: scrub.findings });
}

/** The read for a unit; null where there is nothing to read, and then the tour has moved on. */
function readAt(r: Replica, unit: number): ScrubRead | null {
  const { tour } = r.scrub;
  if (tour === null) return null;
  const sectors = headerSectors(r);
  const read =
    unit === 0
      ? scrubReadOf.superblock(r)
      : unit <= sectors
        ? scrubReadOf.headers(r, unit - 1)
        : unit < fixedUnits(r)
          ? scrubReadOf.slot(r, unit - 1 - sectors)
          : scrubReadOf.blocks(r, unit - fixedUnits(r));
  if (read === null) {
    // Beyond the last block there is only the end of the round.
    tour.unit = unit < fixedUnits(r) ? unit + 1 : unitsEnd(r);
  }
  return read;
}

/** The read came back: what it found is repaired, and the tour moves on. */
export function onScrubRead(r: Replica, bytes: Uint8Array | null): void {
  const { scrub } = r;
  const read = scrub.reading;
  scrub.reading = null;
  // What a change of status made stale is read again when the tour goes on.
  if (read === null || scrub.tour === null || !mayScrub(r)) return;
  const verdict = verifyScrubRead(r, read, bytes);
  switch (verdict.kind) {
    case 'more':
      beginRead(r, verdict.read);
      return;
    case 'done':
      for (const { what, place } of verdict.found) {
        scrub.findings += 1;
        trace(r, { kind: 'corrupt', what, place, found: 'scrub' });
      }
      scrub.tour.unit = nextUnit(r, read, scrub.tour.unit);
      break;
    default:
      unreachable(verdict);
  }
  if (isDue(r)) readNext(r);
}

function beginRead(r: Replica, read: ScrubRead): void {
  const { scrub } = r;
  const { zone, offset, length } = read;
  scrub.reading = read;
  scrub.readAt = r.tick;
  scrub.bytes += length;
  scrub.bytesAllowed -= length;
  r.out.push({ kind: 'read_scrub', zone, offset, length });
}

function nextUnit(r: Replica, read: ScrubRead, unit: number): number {
  switch (read.kind) {
    case 'superblock':
    case 'slot':
      return unit + 1;
    case 'headers':
      return unit + read.writes.length;
    case 'blocks': {
      const last = read.references.at(-1);
      return last === undefined ? unit + 1 : fixedUnits(r) + last.address + 1;
    }
    default:
      return unreachable(read);
  }
}
