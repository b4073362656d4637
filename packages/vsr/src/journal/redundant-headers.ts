import { assert } from '@kimberlite/store';
import { SECTOR_SIZE } from '../config.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { Checksum } from '../std/numbers.ts';
import { HEADERS_PER_SECTOR } from '../storage-layout.ts';

/** A header that is to stand beside the body of its slot. */
export interface RedundantHeader {
  /** Of the header alone. */
  readonly bytes: Uint8Array;
  readonly header: { readonly checksum: Checksum };
}

interface Sector {
  /** Slots (with the checksum meant) whose headers the write in flight carries. */
  inFlight: Map<number, Checksum> | null;
  /** Slots whose headers wait for the next write. */
  waiting: Map<number, Checksum>;
  /** Writes begun so far: a read that spans one proves nothing. */
  writes: number;
}

/**
 * The second copies of all slots' headers, which vouch for the bodies beside them (rule
 * body-header-ack): what the ring of headers holds or is to hold, and its writes, a whole sector
 * each and one at a time a sector.
 */
export class RedundantHeaders {
  /** Zeros are deliberately invalid. */
  private readonly ring: Uint8Array;
  private readonly out: (sector: number, bytes: Uint8Array) => void;
  private readonly sectors: Sector[];
  /** Sectors that are bad on disk, to be written again as they are in memory. */
  private readonly rotten: Set<number>;
  private writesInFlight: number;

  /** `ring` holds a header a slot, as many as fill whole sectors; `out` puts one on its way. */
  constructor(ring: Uint8Array, out: (sector: number, bytes: Uint8Array) => void) {
    assert(ring.length % SECTOR_SIZE === 0, 'whole sectors');
    this.ring = ring;
    this.out = out;
    this.sectors = Array.from({ length: ring.length / SECTOR_SIZE }, () => ({
      inFlight: null,
      waiting: new Map(),
      writes: 0,
    }));
    this.rotten = new Set();
    this.writesInFlight = 0;
  }

  /** A write of any sector is in flight. */
  get busy(): boolean {
    return this.writesInFlight > 0;
  }

  /** What the ring holds, or is to hold, for a slot. Not to be changed. */
  at(slot: number): Uint8Array {
    return this.ring.subarray(slot * HEADER_SIZE, (slot + 1) * HEADER_SIZE);
  }

  /** In memory alone: it goes to the disk with the next write of its sector. */
  set(slot: number, { bytes }: RedundantHeader): void {
    assert(bytes.length === HEADER_SIZE, 'a header alone');
    this.ring.set(bytes, slot * HEADER_SIZE);
  }

  /** Makes the header of a slot invalid, in memory alone. */
  clear(slot: number): void {
    this.ring.fill(0, slot * HEADER_SIZE, (slot + 1) * HEADER_SIZE);
  }

  /** Puts a header on its way; `onWritten` tells when it is on the disk. */
  want(slot: number, entry: RedundantHeader): void {
    this.set(slot, entry);
    const index = Math.floor(slot / HEADERS_PER_SECTOR);
    this.sector(index).waiting.set(slot, entry.header.checksum);
    this.write(index);
  }

  /** This very header is on its way. */
  isOnItsWay(slot: number, checksum: Checksum): boolean {
    const { waiting, inFlight } = this.sectorOf(slot);
    return waiting.get(slot) === checksum || inFlight?.get(slot) === checksum;
  }

  /**
   * A header on its way vouches for the body that stands in the slot, and for no other: it is not
   * reported any more when it is written. An op that a view gave up and a later one brings back
   * would else be acknowledged by its old header, though the body of another was written over it in
   * between.
   */
  forget(slot: number): void {
    const { waiting, inFlight } = this.sectorOf(slot);
    waiting.delete(slot);
    inFlight?.delete(slot);
  }

  /** Writes of a sector begun so far, and whether one is in flight. */
  writesOf(sector: number): { readonly count: number; readonly inFlight: boolean } {
    const { writes, inFlight } = this.sector(sector);
    return { count: writes, inFlight: inFlight !== null };
  }

  /** The sector is bad on disk: it is written again with its next write, or by `writeRotten`. */
  markRotten(sector: number): void {
    assert(sector < this.sectors.length, 'sector in range');
    this.rotten.add(sector);
  }

  /** Writes again what is rotten, for as long as another write may begin. */
  writeRotten(mayWrite: () => boolean): void {
    for (const sector of this.rotten) {
      if (!mayWrite()) return;
      this.write(sector);
    }
  }

  /**
   * The write of a sector is on the disk: returns the slots whose headers it carried and that were
   * not forgotten since. What became ready meanwhile is on its way when this returns.
   */
  onWritten(index: number): ReadonlyMap<number, Checksum> {
    const sector = this.sector(index);
    const carried = sector.inFlight;
    assert(carried !== null, 'this write was in flight');
    sector.inFlight = null;
    this.writesInFlight -= 1;
    this.write(index);
    return carried;
  }

  /** Headers of neighbours that become ready while a sector is written join its next write. */
  private write(index: number): void {
    const sector = this.sector(index);
    if (sector.inFlight !== null) return;
    if (sector.waiting.size === 0 && !this.rotten.has(index)) return;
    sector.inFlight = sector.waiting;
    sector.waiting = new Map();
    sector.writes += 1;
    this.rotten.delete(index);
    this.writesInFlight += 1;
    const start = index * SECTOR_SIZE;
    this.out(index, this.ring.slice(start, start + SECTOR_SIZE));
  }

  private sectorOf(slot: number): Sector {
    return this.sector(Math.floor(slot / HEADERS_PER_SECTOR));
  }

  private sector(index: number): Sector {
    const sector = this.sectors[index];
    assert(sector !== undefined, 'sector in range');
    return sector;
  }
}
