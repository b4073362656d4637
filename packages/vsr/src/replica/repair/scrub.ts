import { type TreeTour, unreachable } from '@kimberlite/store';
import { HEADER_SIZE } from '../../message/layout.ts';
import type { Prng } from '../../std/prng.ts';
import { HEADERS_PER_SECTOR } from '../../storage-layout.ts';
import { isReplacingState } from '../checkpoint/sync.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { type ScrubRead, scrubReadOf, verifyScrubRead } from './scrub-read.ts';

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

/** A range of the units that there always are: see `fixedUnits`. */
interface Units {
  next: number;
  readonly end: number;
}

/**
 * A tour over everything on this disk that must be right: the superblock, the pieces of the
 * redundant header ring, the slots of the prepare ring, and the blocks of the durable checkpoint.
 * It starts at a random place and ends where it began, so that replicas are never in step and
 * nothing waits long because it stands at an end.
 */
interface Tour {
  /** What is left of it; the first is under way. */
  readonly parts: (Units | TreeTour)[];
  /** Units done, and blocks of what is not in `parts` any more. */
  done: number;
  /** Tick at which it began. */
  readonly since: number;
}

/** What the scrubber is doing; written here alone. */
export interface ScrubState {
  readonly options: ScrubOptions;
  readonly prng: Prng;
  /** Null between tours. */
  tour: Tour | null;
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

/** The superblock, the sectors of the header ring, the slots of the prepare ring. */
function fixedUnits(r: Replica): number {
  return 1 + headerSectors(r) + r.config.walSlots;
}

function headerSectors(r: Replica): number {
  return (r.config.walSlots * HEADER_SIZE) / (HEADERS_PER_SECTOR * HEADER_SIZE);
}

/** Units of a tour: the fixed ones, and the blocks in use. */
function unitsOf(r: Replica): number {
  return fixedUnits(r) + r.forest.tree.used.used;
}

/** Part of the tour that is done, 0 to 1; 0 between tours. */
export function scrubProgress(r: Replica): number {
  const { tour } = r.scrub;
  if (tour === null) return 0;
  const part = tour.parts[0];
  const blocks = part === undefined || 'end' in part ? 0 : part.seen;
  return Math.min(1, (tour.done + blocks) / unitsOf(r));
}

/**
 * Whether findings could be judged and repaired now: the log of this view is durable here and the
 * checkpoint is loaded. In a view change the slots change hands, and only the new primary repairs.
 */
function mayScrub(r: Replica): boolean {
  if (r.status !== 'normal' || !r.restored || isReplacingState(r)) {
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
 * A read is due every so often (timeout-table.ts) whatever the tour needs, and at once while the
 * tour is behind its time; never beyond the share of the disk that scrubbing may have.
 */
function isDue(r: Replica): boolean {
  const { scrub } = r;
  if (scrub.reading !== null || scrub.bytesAllowed <= 0 || !mayScrub(r)) return false;
  // A start does not look at what has stood there all the time: the first tour does, at once.
  if (scrub.tour === null || scrub.tours === 0) return true;
  if (r.tick - scrub.readAt >= r.timers.ticks('scrub')) return true;
  return (r.tick - scrub.tour.since) / scrub.options.tourTicks > scrubProgress(r);
}

function readNext(r: Replica): void {
  const { scrub } = r;
  scrub.tour ??= beginTour(r);
  while (scrub.reading === null) {
    const part = scrub.tour.parts[0];
    if (part === undefined) {
      endTour(r);
      return;
    }
    const read = 'end' in part ? readOfUnits(r, part) : scrubReadOf.blocks(r, part);
    if (read !== null) beginRead(r, read);
    else if ('end' in part && part.next < part.end) step(scrub.tour, part, 1);
    else endPart(scrub.tour, part);
  }
}

/** From a unit or a block drawn evenly: everything behind it, then everything before it. */
function beginTour(r: Replica): Tour {
  const { prng } = r.scrub;
  const fixed = fixedUnits(r);
  const origin = prng.below(unitsOf(r));
  const blocks = r.forest.tour(prng.below(1_000_000) / 1_000_000);
  const parts =
    origin < fixed
      ? [{ next: origin, end: fixed }, blocks, { next: 0, end: origin }]
      : [blocks, { next: 0, end: fixed }];
  return { parts, done: 0, since: r.tick };
}

function step(tour: Tour, part: Units, units: number): void {
  part.next += units;
  tour.done += units;
}

function endPart(tour: Tour, part: Units | TreeTour): void {
  if (!('end' in part)) tour.done += part.seen;
  tour.parts.shift();
}

function endTour(r: Replica): void {
  const { scrub } = r;
  scrub.tour = null;
  scrub.tours += 1;
  trace(r, { kind: 'scrub_tour', tours: scrub.tours, findings: scrub.findings });
}

/** The read for the next unit; null where there is nothing to read. */
function readOfUnits(r: Replica, { next, end }: Units): ScrubRead | null {
  if (next >= end) return null;
  const sectors = headerSectors(r);
  if (next === 0) return scrubReadOf.superblock(r);
  if (next <= sectors) return scrubReadOf.headers(r, next - 1, Math.min(end - 1, sectors));
  return scrubReadOf.slot(r, next - 1 - sectors);
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
      moveOn(scrub.tour, read);
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

function moveOn(tour: Tour, read: ScrubRead): void {
  const part = tour.parts[0];
  // A tour of blocks knows itself where it is.
  if (part === undefined || !('end' in part)) return;
  step(tour, part, read.kind === 'headers' ? read.writes.length : 1);
}
