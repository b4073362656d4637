import type { TreeTour } from '@kimberlite/store';
import { SECTOR_SIZE } from '../../config.ts';
import { readLengthOf, readSlotHeader, readSlotMessage } from '../../journal/slot-read.ts';
import type { LogHeader } from '../../message/header-list.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import type { Checksum } from '../../std/numbers.ts';
import type { Zone } from '../../storage-layout.ts';
import {
  HEADERS_PER_SECTOR,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
} from '../../storage-layout.ts';
import { performSuperblockStep } from '../checkpoint/superblock-update.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import type { CorruptPlace } from '../trace.ts';
import { noteMissingBlock } from './block-repair.ts';

/**
 * Largest read, in bytes. Four of them would make a mebibyte; what is read is hashed in one step,
 * which must not take longer than a millisecond.
 */
const READ_MAX = 256 * 1024;

/** What a read of the scrubber is to verify, with what tells afterwards whether it still can. */
export type ScrubRead = {
  readonly zone: Zone;
  readonly offset: number;
  readonly length: number;
} & (
  | { readonly kind: 'superblock'; readonly sequence: number }
  /** Sectors of the redundant ring, with the writes of each that had begun. */
  | { readonly kind: 'headers'; readonly sector: number; readonly writes: readonly number[] }
  /** A slot of the prepare ring; of no op when `checksum` is null. */
  | { readonly kind: 'slot'; readonly walSlot: number; readonly checksum: Checksum | null }
  | { readonly kind: 'blocks'; readonly tour: TreeTour }
);

export type ScrubFinding = Pick<CorruptPlace, 'what' | 'place'>;

export type ScrubVerdict =
  | { readonly kind: 'done'; readonly found: readonly ScrubFinding[] }
  /** More bytes are needed to tell. */
  | { readonly kind: 'more'; readonly read: ScrubRead };

const NOTHING: ScrubVerdict = { kind: 'done', found: [] };

/** The reads of a tour; null where nothing can be verified now, or nothing is there. */
export const scrubReadOf: {
  readonly superblock: (r: Replica) => ScrubRead | null;
  readonly headers: (r: Replica, sector: number, end: number) => ScrubRead | null;
  readonly slot: (r: Replica, walSlot: number) => ScrubRead | null;
  readonly blocks: (r: Replica, tour: TreeTour) => ScrubRead | null;
} = {
  superblock: (r) => {
    if (r.superblock.busy) return null; // All copies are being written anew.
    const length = SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;
    const { sequence } = r.superblock.durable;
    return { kind: 'superblock', zone: 'superblock', offset: 0, length, sequence };
  },
  headers: (r, sector, end) => {
    const count = Math.min(end - sector, READ_MAX / SECTOR_SIZE);
    const writes = Array.from({ length: count }, (_, at) => {
      return r.journal.headerWrites(sector + at).count;
    });
    const place = { offset: sector * SECTOR_SIZE, length: count * SECTOR_SIZE };
    return { kind: 'headers', zone: 'wal_headers', ...place, sector, writes };
  },
  slot: (r, walSlot) => {
    const entry = r.journal.atRest(walSlot);
    if (entry === 'busy') return null;
    return slotRead(r, walSlot, entry, entry === null ? SECTOR_SIZE : entry.header.size);
  },
  blocks: (r, tour) => {
    const { blockSize } = r.config;
    tour.follow(r.forest.tree);
    const references = tour.next(Math.max(1, Math.floor(READ_MAX / blockSize)));
    const first = references[0];
    if (first === undefined) return null;
    const offset = (first.address - 1) * blockSize;
    const length = references.length * blockSize;
    return { kind: 'blocks', zone: 'blocks', offset, length, tour };
  },
};

function slotRead(r: Replica, walSlot: number, entry: LogHeader | null, size: number): ScrubRead {
  return {
    kind: 'slot',
    zone: 'wal_prepares',
    offset: walSlot * r.config.messageSizeMax,
    length: readLengthOf(size),
    walSlot,
    checksum: entry?.header.checksum ?? null,
  };
}

/**
 * Compares what was read with what must be there, and puts every finding on its way to repair.
 * Nothing here truncates the log or denies an op: what rotted is marked unreadable, never absent.
 */
export function verifyScrubRead(
  r: Replica,
  read: ScrubRead,
  bytes: Uint8Array | null,
): ScrubVerdict {
  switch (read.kind) {
    case 'superblock':
      return verifySuperblock(r, read, bytes);
    case 'headers':
      return verifyHeaders(r, read, bytes);
    case 'slot':
      return verifySlot(r, read, bytes);
    case 'blocks':
      return verifyBlocks(r, read, bytes);
  }
}

/** Bad copies are written again from the state in memory, also when the quorum of them is gone. */
function verifySuperblock(
  r: Replica,
  read: Extract<ScrubRead, { kind: 'superblock' }>,
  bytes: Uint8Array | null,
): ScrubVerdict {
  if (r.superblock.busy || r.superblock.durable.sequence !== read.sequence) return NOTHING;
  const bad = r.superblock.copiesLost(bytes);
  if (bad.length > 0) {
    performSuperblockStep(r, r.superblock.repairCopies(bad));
    for (const _copy of bad) trace(r, { kind: 'repaired', what: 'superblock', op: null });
  }
  return { kind: 'done', found: bad.map((copy) => ({ what: 'superblock', place: copy })) };
}

/**
 * Redundant headers are known here: a sector in which one is bad is written again. Left bad, a body
 * that rots beside it later could not be told from a torn write.
 */
function verifyHeaders(
  r: Replica,
  read: Extract<ScrubRead, { kind: 'headers' }>,
  bytes: Uint8Array | null,
): ScrubVerdict {
  const found: ScrubFinding[] = [];
  read.writes.forEach((writes, at) => {
    const sector = read.sector + at;
    const now = r.journal.headerWrites(sector);
    // A sector that was written meanwhile is fresh.
    if (now.inFlight || now.count !== writes) return;
    const bad: number[] = [];
    for (let index = 0; index < HEADERS_PER_SECTOR; index += 1) {
      const walSlot = sector * HEADERS_PER_SECTOR + index;
      const start = (at * HEADERS_PER_SECTOR + index) * HEADER_SIZE;
      const part = bytes?.subarray(start, start + HEADER_SIZE) ?? new Uint8Array(HEADER_SIZE);
      if (isHeaderLost(r, walSlot, part)) bad.push(walSlot);
    }
    if (bad.length === 0) return;
    r.journal.rewriteHeaders(sector);
    for (const walSlot of bad) {
      trace(r, { kind: 'repaired', what: 'redundant_header', op: null });
      found.push({ what: 'header', place: walSlot });
    }
  });
  return { kind: 'done', found };
}

function isHeaderLost(r: Replica, walSlot: number, part: Uint8Array): boolean {
  const entry = r.journal.atRest(walSlot);
  if (entry === 'busy') return false; // Its header is still to come.
  const wanted = r.journal.redundantHeader(walSlot);
  if (entry === null) {
    // A slot in no use may have kept the header of an op that was given up.
    return isBad(r, walSlot, part) && !isBad(r, walSlot, wanted);
  }
  return part.length !== wanted.length || !part.every((byte, at) => byte === wanted[at]);
}

function isBad(r: Replica, walSlot: number, part: Uint8Array): boolean {
  return typeof readSlotHeader(r, walSlot, part) === 'string';
}

/**
 * A body that is not what was written: its slot is faulty, and repair fetches it by its exact
 * checksum. Rot where no op is in use is cleared as any unreadable slot (clear-slots.ts).
 */
function verifySlot(
  r: Replica,
  read: Extract<ScrubRead, { kind: 'slot' }>,
  bytes: Uint8Array | null,
): ScrubVerdict {
  const { walSlot, checksum } = read;
  const entry = r.journal.atRest(walSlot);
  if (entry === 'busy' || (entry?.header.checksum ?? null) !== checksum) return NOTHING;
  const found = bytes === null ? null : readSlotHeader(r, walSlot, bytes);
  const header = typeof found === 'string' ? null : found;
  const isWhole =
    header !== null && bytes !== null && typeof readSlotMessage(r, header, bytes) !== 'string';
  if (entry !== null) {
    const right = isWhole && header.checksum === checksum;
    if (right) return NOTHING;
    r.journal.markFaulty(entry.header.op);
  } else {
    if (r.replicaCount === 1) return NOTHING; // Nobody needs it, and nothing is doubted at a start.
    if (header !== null && bytes !== null) {
      if (header.size > bytes.length && header.size <= r.config.messageSizeMax) {
        return { kind: 'more', read: slotRead(r, walSlot, null, header.size) };
      }
      if (isWhole) return NOTHING;
    }
    r.journal.markUnknown(walSlot);
  }
  r.timers.hurry('repair');
  return { kind: 'done', found: [{ what: 'prepare', place: walSlot }] };
}

function verifyBlocks(
  r: Replica,
  { tour }: Extract<ScrubRead, { kind: 'blocks' }>,
  bytes: Uint8Array | null,
): ScrubVerdict {
  tour.follow(r.forest.tree);
  // What is known, and asked for already, is no finding.
  const rotten = tour.take(bytes).filter((reference) => noteMissingBlock(r, reference));
  return { kind: 'done', found: rotten.map(({ address }) => ({ what: 'block', place: address })) };
}
