import { assert, Extents } from '@kimberlite/store';
import { type ClusterConfig, SECTOR_SIZE } from '../config.ts';
import type { StoragePort } from '../host/ports.ts';
import type { Zone } from '../storage-layout.ts';
import type { BackupPoint } from './backup-point.ts';

/** A part of a backup. */
export type BackupPiece =
  | { readonly kind: 'blocks'; readonly address: number; readonly bytes: Uint8Array }
  | { readonly kind: 'prepare'; readonly op: number; readonly bytes: Uint8Array };

/** `early`: it was read before its turn, because it was about to be written over. */
type PieceRead = BackupPiece & { readonly early: boolean };

/** Why a backup could not be read to its end. The replica is not harmed. */
export type ReadOutFailure =
  /** What had to be kept because it was about to be overwritten exceeds the limit. */
  | 'too_slow'
  /** The device did not give back a part. */
  | 'unreadable';

/** A part, in the order in which they come off the disk, or how it ended. */
export type ReadOutStep =
  | PieceRead
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: ReadOutFailure };

/** The disk that is read. */
export interface ReadOutDisk extends Pick<StoragePort, 'read'> {
  /** The same, ahead of reads and block writes that wait for their turn. */
  readonly readFirst?: StoragePort['read'];
}

/** What is read out, and from where. */
export interface ReadOutOptions {
  readonly point: BackupPoint;
  readonly storage: ReadOutDisk;
  /** Bytes that are kept for a reader that is slower than the writers, at most. */
  readonly keptMax: number;
}

/** Bytes read at once, and so the memory of a reader that keeps up. */
const READ_MAX = 256 * 1024;

const WANTED = 0;
const READING = 1;
const READ = 2;

interface Read {
  readonly first: number;
  readonly count: number;
  readonly early: boolean;
  /** Writes that wait for it. */
  readonly waiting: (() => void)[];
}

/**
 * Reads a backup point off a disk that goes on being written. Each part is read once: in its turn,
 * when the reader asks for more, or before a write that would destroy it, which waits for that one
 * read. A write never waits for the reader: what was read early is kept, up to a limit, and past it
 * the backup fails, never the replica.
 *
 * Parts are numbered: prepares of the log first, by op, then blocks by rank of their address. The
 * log goes first because it is overwritten first: its ring comes round every few hundred ops, while
 * a block of the checkpoint stands at least until the next but one is written.
 */
export class ReadOut {
  /** Bytes that had to be read before their turn. */
  earlyBytes = 0;
  private readonly config: ClusterConfig;
  private readonly point: BackupPoint;
  private readonly blocks: Extents;
  private readonly storage: ReadOutDisk;
  private readonly keptMax: number;
  private readonly states: Uint8Array;
  private readonly firstOp: number;
  /** Every part below was read or is being read. */
  private cursor = 0;
  private unread: number;
  private reads: Read[] = [];
  private kept: PieceRead[] = [];
  /** Of `kept`, and of the reads in flight that nobody has asked for. */
  private keptBytes = 0;
  private reader: ((step: ReadOutStep) => void) | null = null;
  private failure: ReadOutFailure | null = null;
  private over = false;

  constructor(options: ReadOutOptions) {
    const { point, storage, keptMax } = options;
    const blocks = Extents.decode(point.used);
    assert(blocks !== null, 'a replica encodes its own free set');
    this.config = point.config;
    this.point = point;
    this.blocks = blocks;
    this.storage = storage;
    this.keptMax = keptMax;
    this.firstOp = point.checkpoint.op + 1;
    this.unread = point.log.length + blocks.count;
    this.states = new Uint8Array(this.unread);
  }

  /** Whether anything on the disk is still needed. */
  get active(): boolean {
    return !this.over && this.unread > 0;
  }

  /** Hands over the next part, in any order; one call at a time. `done` may be called at once. */
  next(done: (step: ReadOutStep) => void): void {
    assert(this.reader === null, 'one part is asked for at a time');
    this.reader = done;
    this.pump();
  }

  /** Nothing more is wanted; writes that wait go ahead. The reader is not called any more. */
  cancel(): void {
    this.reader = null;
    this.end();
  }

  /** Calls `proceed` as soon as a write there destroys nothing that is needed; often at once. */
  beforeWrite(zone: Zone, offset: number, length: number, proceed: () => void): void {
    const parts = this.active ? this.partsIn(zone, offset, length) : [];
    const needed = parts.filter((part) => this.states[part] !== READ);
    if (needed.length === 0) {
      proceed();
      return;
    }
    const left = { reads: 0 };
    const oneLess = (): void => {
      left.reads -= 1;
      if (left.reads === 0) proceed();
    };
    // All are registered before any can complete: completions come after the call has returned.
    for (let at = 0; at < needed.length; ) {
      const first = needed[at] ?? 0;
      left.reads += 1;
      const running = this.reads.find((read) => first >= read.first && first < endOf(read));
      if (running !== undefined) {
        running.waiting.push(oneLess);
        while (at < needed.length && (needed[at] ?? 0) < endOf(running)) at += 1;
        continue;
      }
      let count = 1;
      while (this.isWantedNeighbour(first, count) && needed[at + count] === first + count) {
        count += 1;
      }
      const bytes = this.lengthOf(first, count);
      this.earlyBytes += bytes;
      this.read(first, count, { early: true, first: zone === 'wal_prepares' }).waiting.push(
        oneLess,
      );
      at += count;
    }
    if (this.keptBytes > this.keptMax) this.fail('too_slow');
  }

  private pump(): void {
    const { reader } = this;
    if (reader === null) return;
    const kept = this.failure === null ? this.kept.shift() : undefined;
    if (kept !== undefined) this.keptBytes -= kept.bytes.length;
    const step: ReadOutStep | null =
      this.failure !== null
        ? { kind: 'failed', reason: this.failure }
        : (kept ?? (this.unread === 0 ? { kind: 'done' } : null));
    if (step !== null) {
      this.reader = null;
      reader(step);
      return;
    }
    // Whatever is being read comes here when it is read.
    if (this.over || this.reads.length > 0) return;
    while (this.states[this.cursor] !== WANTED) this.cursor += 1;
    this.read(this.cursor, this.countFrom(this.cursor), { early: false, first: false });
  }

  /** Parts from `first` on that one read may take: neighbours on the disk, up to READ_MAX. */
  private countFrom(first: number): number {
    let count = 1;
    while (this.isWantedNeighbour(first, count) && this.lengthOf(first, count + 1) <= READ_MAX) {
      count += 1;
    }
    return count;
  }

  /** Whether the part `count` behind `first` is wanted too, and stands next to the ones between. */
  private isWantedNeighbour(first: number, count: number): boolean {
    const { log } = this.point;
    if (first < log.length || first + count >= this.states.length) return false;
    if (this.states[first + count] !== WANTED) return false;
    return this.blocks.neighbours(first - log.length) > count;
  }

  /** `first`: a write of the log waits for it, and with that perhaps a client. */
  private read(
    first: number,
    count: number,
    turn: { readonly early: boolean; readonly first: boolean },
  ): Read {
    const read: Read = { first, count, early: turn.early, waiting: [] };
    this.states.fill(READING, first, first + count);
    this.reads.push(read);
    const length = this.lengthOf(first, count);
    this.keptBytes += length;
    const { zone, offset } = this.placeOf(first);
    const rounded = Math.ceil(length / SECTOR_SIZE) * SECTOR_SIZE;
    const done = (bytes: Uint8Array | null): void => this.onRead(read, bytes);
    if (turn.first && this.storage.readFirst !== undefined) {
      this.storage.readFirst(zone, offset, rounded, done);
    } else {
      this.storage.read(zone, offset, rounded, done);
    }
    return read;
  }

  private onRead(read: Read, bytes: Uint8Array | null): void {
    if (this.over) return;
    this.reads = this.reads.filter((each) => each !== read);
    if (bytes === null) {
      this.fail('unreadable', read);
      return;
    }
    this.states.fill(READ, read.first, read.first + read.count);
    this.unread -= read.count;
    this.kept.push(this.pieceOf(read, bytes));
    for (const proceed of read.waiting) proceed();
    this.pump();
  }

  private fail(reason: ReadOutFailure, read: Read | null = null): void {
    this.failure = reason;
    this.end();
    for (const proceed of read?.waiting ?? []) proceed();
    this.pump();
  }

  /** The disk is as free as if there were no backup. */
  private end(): void {
    if (this.over) return;
    this.over = true;
    const { reads } = this;
    this.reads = [];
    this.kept = [];
    this.keptBytes = 0;
    for (const { waiting } of reads) for (const proceed of waiting) proceed();
  }

  /** Parts that a write to this place touches, ascending. */
  private partsIn(zone: Zone, offset: number, length: number): number[] {
    const { messageSizeMax, walSlots, blockSize } = this.config;
    const count = this.point.log.length;
    if (zone === 'wal_prepares') {
      const walSlot = Math.floor(offset / messageSizeMax);
      const part = (walSlot - (this.firstOp % walSlots) + walSlots) % walSlots;
      return part < count ? [part] : [];
    }
    if (zone !== 'blocks') return [];
    const parts: number[] = [];
    const last = Math.ceil((offset + length) / blockSize);
    for (let address = Math.floor(offset / blockSize) + 1; address <= last; address += 1) {
      const rank = this.blocks.rankOf(address);
      if (rank >= 0) parts.push(count + rank);
    }
    return parts;
  }

  private placeOf(part: number): { readonly zone: Zone; readonly offset: number } {
    const { messageSizeMax, walSlots, blockSize } = this.config;
    const count = this.point.log.length;
    if (part < count) {
      const walSlot = (this.firstOp + part) % walSlots;
      return { zone: 'wal_prepares', offset: walSlot * messageSizeMax };
    }
    const address = this.blocks.addressOf(part - count);
    return { zone: 'blocks', offset: (address - 1) * blockSize };
  }

  private lengthOf(first: number, count: number): number {
    const entry = this.point.log[first];
    return entry === undefined ? count * this.config.blockSize : entry.header.size;
  }

  private pieceOf({ first, count, early }: Read, bytes: Uint8Array): PieceRead {
    const entry = this.point.log[first];
    if (entry !== undefined) {
      const { op, size } = entry.header;
      return { kind: 'prepare', op, bytes: bytes.subarray(0, size), early };
    }
    const address = this.blocks.addressOf(first - this.point.log.length);
    assert(bytes.length === count * this.config.blockSize, 'whole blocks were read');
    return { kind: 'blocks', address, bytes, early };
  }
}

function endOf({ first, count }: Read): number {
  return first + count;
}
