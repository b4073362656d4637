import { assert, type ChecksumFunction, readU128 } from '@kimberlite/store';
import {
  type ClusterConfig,
  COMMAND_FIELDS_OFFSET,
  decodeHeader,
  HEADER_SIZE,
  type Prng,
  readSuperblock,
  SECTOR_SIZE,
  type StoragePort,
  type SuperblockState,
  type Zone,
  zoneSize,
} from '@kimberlite/vsr';
import type { EventQueue } from '../std/event-queue.ts';
import { drawExponential } from '../std/exponential.ts';
import { checkHeaderWrite, sameBytes } from './disk-order.ts';
import type { FaultAtlas } from './fault-atlas.ts';
import { type FaultPlaces, mayRot, misdirectPlaces } from './fault-places.ts';
import { logIsAmbiguous } from './log-damage.ts';
import { type Damage, SectorMemory } from './sector-memory.ts';

/** How a disk behaves. Times in microseconds; probabilities per operation. */
export interface StorageOptions {
  readonly readMinMicros: number;
  readonly readMeanMicros: number;
  readonly writeMinMicros: number;
  readonly writeMeanMicros: number;
  /** A read finds a sector rotten, where the atlas allows it; it stays so until overwritten. */
  readonly readFaultProbability: number;
  /** A write stores a sector wrongly, where the atlas allows it. */
  readonly writeFaultProbability: number;
  /** A write lands somewhere else in its zone, where the atlas allows both places. */
  readonly misdirectProbability: number;
  /** At a crash a write in flight is torn: each sector old, new or garbage. */
  readonly crashFaultProbability: number;
}

/** A fast disk without faults, except that a crash loses what was in flight or not. */
export const STORAGE_CALM: StorageOptions = {
  readMinMicros: 100,
  readMeanMicros: 100,
  writeMinMicros: 500,
  writeMeanMicros: 500,
  readFaultProbability: 0,
  writeFaultProbability: 0,
  misdirectProbability: 0,
  crashFaultProbability: 0,
};

/** What a disk did and suffered. */
export interface StorageCounts {
  reads: number;
  writes: number;
  corruptReads: number;
  readErrors: number;
  corruptReadsHealed: number;
  rotten: number;
  misdirected: number;
  tornSectors: number;
  lostWrites: number;
}

interface Write {
  readonly zone: Zone;
  readonly firstSector: number;
  /** Whole sectors, padded with zeros. */
  readonly sectors: readonly Uint8Array[];
}

const ZONES: readonly Zone[] = ['superblock', 'wal_headers', 'wal_prepares', 'blocks'];
/** Where the block area ends, in bytes: far more than a run can need. */
const BLOCKS_LIMIT = 1024 * 1024 * 1024;

export interface StorageSetup {
  readonly queue: EventQueue;
  readonly prng: Prng;
  readonly options: StorageOptions;
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly slot: number;
  readonly atlas: FaultAtlas;
}

/**
 * One replica's disk. It outlives the process: `crash` decides what becomes of the writes in
 * flight, and their completions are never heard.
 */
export class SimulatedStorage implements StoragePort {
  readonly counts: StorageCounts;
  private readonly queue: EventQueue;
  private readonly prng: Prng;
  private readonly config: ClusterConfig;
  private readonly checksum: ChecksumFunction;
  private readonly slot: number;
  private readonly atlas: FaultAtlas;
  private readonly places: FaultPlaces;
  private readonly memory: Readonly<Record<Zone, SectorMemory>>;
  private options: StorageOptions;
  /** Checksums of prepares of which both parts were on this disk at some time. */
  private readonly everDurable: Set<bigint>;
  private inFlight: Write[];
  /** Moves with every crash; completions of an older one are dead. */
  private generation: number;

  constructor(setup: StorageSetup) {
    this.queue = setup.queue;
    this.prng = setup.prng;
    this.options = setup.options;
    this.config = setup.config;
    this.checksum = setup.checksum;
    this.slot = setup.slot;
    this.atlas = setup.atlas;
    this.places = { slot: setup.slot, atlas: setup.atlas, config: setup.config };
    this.memory = {
      superblock: new SectorMemory(setup.prng.u64()),
      wal_headers: new SectorMemory(setup.prng.u64()),
      wal_prepares: new SectorMemory(setup.prng.u64()),
      blocks: new SectorMemory(setup.prng.u64()),
    };
    this.everDurable = new Set();
    this.inFlight = [];
    this.generation = 0;
    this.counts = {
      reads: 0,
      writes: 0,
      corruptReads: 0,
      readErrors: 0,
      corruptReadsHealed: 0,
      rotten: 0,
      misdirected: 0,
      tornSectors: 0,
      lostWrites: 0,
    };
  }

  get writesInFlight(): number {
    return this.inFlight.length;
  }

  setOptions(options: StorageOptions): void {
    this.options = options;
  }

  /** Writes at once and faithfully, as `format` does before anything else runs. */
  format(
    writes: Iterable<{ readonly zone: Zone; readonly offset: number; readonly bytes: Uint8Array }>,
  ): void {
    for (const { zone, offset, bytes } of writes) {
      const write = this.toWrite(zone, offset, bytes);
      write.sectors.forEach((sector, at) => {
        this.memory[zone].store(write.firstSector + at, sector);
      });
    }
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    assert(offset % SECTOR_SIZE === 0 && length % SECTOR_SIZE === 0, 'reads are aligned');
    assert(length > 0, 'reads ask for something');
    this.assertInBounds(zone, offset, length);
    const { generation } = this;
    const delay =
      this.options.readMinMicros + drawExponential(this.prng, this.options.readMeanMicros);
    this.queue.after(delay, () => {
      if (generation === this.generation) done(this.finishRead(zone, offset, length));
    });
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    assert(offset % SECTOR_SIZE === 0, 'writes are aligned');
    assert(bytes.length > 0, 'writes write something');
    const write = this.toWrite(zone, offset, bytes);
    this.assertInBounds(zone, offset, write.sectors.length * SECTOR_SIZE);
    for (const other of this.inFlight) assert(!overlap(write, other), 'no overlapping writes');
    if (zone === 'wal_headers') {
      checkHeaderWrite({ offset, bytes }, this.memory.wal_headers, this.memory.wal_prepares, {
        config: this.config,
        checksum: this.checksum,
      });
    }
    this.inFlight.push(write);
    const { generation } = this;
    const delay =
      this.options.writeMinMicros + drawExponential(this.prng, this.options.writeMeanMicros);
    this.queue.after(delay, () => {
      if (generation !== this.generation) return;
      this.finishWrite(write);
      done();
    });
  }

  /** The power goes: what is in flight is torn, lost or done, and nobody hears of it. */
  crash(): void {
    this.generation += 1;
    const torn = this.inFlight;
    this.inFlight = [];
    for (const write of torn) {
      if (this.prng.chance(this.options.crashFaultProbability)) this.tear(write);
      else if (this.prng.chance(0.5)) this.storeAll(write);
      else this.counts.lostWrites += 1;
      this.noteDurable(write);
    }
  }

  /** The superblock that a start would read from this disk now, or why there is none. */
  superblock(): SuperblockState | string {
    const zone = new Uint8Array(zoneSize(this.config, 'superblock') ?? 0);
    for (let at = 0; at < zone.length; at += SECTOR_SIZE) {
      zone.set(this.memory.superblock.pristine(at / SECTOR_SIZE), at);
    }
    return readSuperblock(zone, this.checksum);
  }

  /** Both parts of the prepare are on disk, as far as the disk ever promised. */
  prepareDurable(op: number, checksum: bigint): boolean {
    const walSlot = op % this.config.walSlots;
    const body = this.bodyHeader(walSlot);
    const headerOffset = walSlot * HEADER_SIZE;
    const ring = this.memory.wal_headers.pristine(Math.floor(headerOffset / SECTOR_SIZE));
    const within = headerOffset % SECTOR_SIZE;
    return (
      readU128(new DataView(body.buffer, body.byteOffset, 16), 0) === checksum &&
      sameBytes(body, ring.subarray(within, within + HEADER_SIZE))
    );
  }

  /** Both parts of this prepare were on this disk at some time, so it may have been promised. */
  wasDurable(checksum: bigint): boolean {
    return this.everDurable.has(checksum);
  }

  /** Durable, and no read has found its body damaged since. */
  prepareSound(op: number, checksum: bigint): boolean {
    const perSlot = this.config.messageSizeMax / SECTOR_SIZE;
    const first = (op % this.config.walSlots) * perSlot;
    const seen = this.memory.wal_prepares.damageSeen();
    if (seen.some((sector) => sector >= first && sector < first + perSlot)) return false;
    return this.prepareDurable(op, checksum);
  }

  /** Parent of this prepare, when its body was written here; null otherwise. */
  prepareParent(op: number, checksum: bigint): bigint | null {
    const body = this.bodyHeader(op % this.config.walSlots);
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    if (readU128(view, 0) !== checksum) return null;
    return readU128(view, COMMAND_FIELDS_OFFSET);
  }

  /** A read of the prepare's body would give it back. */
  prepareReadable(op: number, checksum: bigint): boolean {
    const walSlot = op % this.config.walSlots;
    const perSlot = this.config.messageSizeMax / SECTOR_SIZE;
    const body = this.bodyHeader(walSlot);
    if (readU128(new DataView(body.buffer, body.byteOffset, 16), 0) !== checksum) return false;
    for (let sector = walSlot * perSlot; sector < (walSlot + 1) * perSlot; sector += 1) {
      if (this.memory.wal_prepares.isDamaged(sector)) return false;
    }
    return true;
  }

  /** A replica that reads this log may rightly doubt where it ends. */
  logAmbiguous(): boolean {
    return logIsAmbiguous({
      headers: this.memory.wal_headers,
      prepares: this.memory.wal_prepares,
      config: this.config,
      checksum: this.checksum,
    });
  }

  /** What a read of the slot of `op` would find: that op, damage, or something else. */
  slotState(op: number): 'readable' | 'damaged' | 'absent' {
    const walSlot = op % this.config.walSlots;
    const perSlot = this.config.messageSizeMax / SECTOR_SIZE;
    for (let sector = walSlot * perSlot; sector < (walSlot + 1) * perSlot; sector += 1) {
      if (this.memory.wal_prepares.isDamaged(sector)) return 'damaged';
    }
    const ringSector = Math.floor((walSlot * HEADER_SIZE) / SECTOR_SIZE);
    if (this.memory.wal_headers.isDamaged(ringSector)) return 'damaged';
    const header = decodeHeader(this.bodyHeader(walSlot), this.checksum);
    if (typeof header === 'string') return 'damaged';
    return header.command === 'prepare' && header.op === op ? 'readable' : 'absent';
  }

  /** Block sectors that a read found damaged, with the bytes that should be there. */
  damagedBlocks(): { readonly sector: number; readonly bytes: Uint8Array }[] {
    const { blocks } = this.memory;
    return blocks.damageSeen().map((sector) => ({ sector, bytes: blocks.pristine(sector) }));
  }

  /** This disk gives back exactly these bytes for a block sector. */
  holdsBlock(sector: number, bytes: Uint8Array): boolean {
    const { blocks } = this.memory;
    return !blocks.isDamaged(sector) && sameBytes(blocks.pristine(sector), bytes);
  }

  /** Damages a sector, whatever the atlas says. For scripted tests. */
  damage(zone: Zone, sector: number, damage: Damage): void {
    this.memory[zone].damage(sector, damage);
  }

  private bodyHeader(walSlot: number): Uint8Array {
    const sector = (walSlot * this.config.messageSizeMax) / SECTOR_SIZE;
    return this.memory.wal_prepares.pristine(sector).subarray(0, HEADER_SIZE);
  }

  private assertInBounds(zone: Zone, offset: number, length: number): void {
    const size = zoneSize(this.config, zone) ?? BLOCKS_LIMIT;
    const padded = Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
    assert(offset >= 0 && offset + length <= padded, 'inside the zone');
    assert(ZONES.includes(zone), 'the zone exists');
  }

  private toWrite(zone: Zone, offset: number, bytes: Uint8Array): Write {
    const sectors: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += SECTOR_SIZE) {
      const sector = new Uint8Array(SECTOR_SIZE);
      sector.set(bytes.subarray(at, Math.min(at + SECTOR_SIZE, bytes.length)));
      sectors.push(sector);
    }
    return { zone, firstSector: offset / SECTOR_SIZE, sectors };
  }

  private finishRead(zone: Zone, offset: number, length: number): Uint8Array | null {
    this.counts.reads += 1;
    const bytes = new Uint8Array(length);
    const first = offset / SECTOR_SIZE;
    const memory = this.memory[zone];
    let readable = true;
    for (let at = 0; at * SECTOR_SIZE < length; at += 1) {
      const sector = first + at;
      if (
        this.prng.chance(this.options.readFaultProbability) &&
        mayRot(this.places, zone, sector)
      ) {
        this.rot(zone, sector);
      }
      if (memory.isDamaged(sector)) this.counts.corruptReads += 1;
      const target = bytes.subarray(at * SECTOR_SIZE, (at + 1) * SECTOR_SIZE);
      if (!memory.load(sector, target)) readable = false;
      this.overlayInFlight(zone, sector, target);
    }
    if (!readable) this.counts.readErrors += 1;
    return readable ? bytes : null;
  }

  /** A read that races with a write sees the old sector or the new one. */
  private overlayInFlight(zone: Zone, sector: number, target: Uint8Array): void {
    for (const write of this.inFlight) {
      if (write.zone !== zone) continue;
      const bytes = write.sectors[sector - write.firstSector];
      if (bytes !== undefined && this.prng.chance(0.5)) target.set(bytes);
    }
  }

  private finishWrite(write: Write): void {
    this.counts.writes += 1;
    this.inFlight.splice(this.inFlight.indexOf(write), 1);
    const target = this.prng.chance(this.options.misdirectProbability)
      ? this.misdirectTarget(write)
      : null;
    const stale = target === null ? null : this.staleSectors(write);
    this.storeAll(write);
    this.noteDurable(write);
    if (target !== null && stale !== null) {
      this.counts.misdirected += 1;
      write.sectors.forEach((bytes, at) => {
        const memory = this.memory[write.zone];
        const old = stale[at];
        if (old !== undefined) memory.damage(write.firstSector + at, { kind: 'bytes', bytes: old });
        memory.damage(target + at, { kind: 'bytes', bytes });
      });
      return;
    }
    for (let at = 0; at < write.sectors.length; at += 1) {
      const sector = write.firstSector + at;
      if (
        this.prng.chance(this.options.writeFaultProbability) &&
        mayRot(this.places, write.zone, sector)
      ) {
        this.rot(write.zone, sector);
      }
    }
  }

  /** Remembers the prepares that this write completed. */
  private noteDurable(write: Write): void {
    const { config } = this;
    if (write.zone !== 'wal_headers' && write.zone !== 'wal_prepares') return;
    const ring = write.zone === 'wal_headers';
    const unit = ring ? HEADER_SIZE : config.messageSizeMax;
    const first = Math.floor((write.firstSector * SECTOR_SIZE) / unit);
    const end = Math.ceil(((write.firstSector + write.sectors.length) * SECTOR_SIZE) / unit);
    for (let walSlot = first; walSlot < Math.min(end, config.walSlots); walSlot += 1) {
      const body = this.bodyHeader(walSlot);
      const checksum = readU128(new DataView(body.buffer, body.byteOffset, 16), 0);
      if (this.prepareDurable(walSlot, checksum)) this.everDurable.add(checksum);
    }
  }

  private storeAll(write: Write): void {
    write.sectors.forEach((bytes, at) => {
      const healed = this.memory[write.zone].store(write.firstSector + at, bytes);
      if (healed) this.counts.corruptReadsHealed += 1;
    });
  }

  private staleSectors(write: Write): Uint8Array[] {
    return write.sectors.map((_, at) => {
      const bytes = new Uint8Array(SECTOR_SIZE);
      this.memory[write.zone].load(write.firstSector + at, bytes);
      return bytes;
    });
  }

  /** First sector of another place of the same shape, or null where none may be faulty. */
  private misdirectTarget(write: Write): number | null {
    const places = misdirectPlaces(this.places, write).filter((sector) => {
      if (sector === write.firstSector) return false;
      const there: Write = { ...write, firstSector: sector };
      return !this.inFlight.some((other) => overlap(there, other));
    });
    return places.length === 0 ? null : this.prng.pick(places);
  }

  private rot(zone: Zone, sector: number): void {
    const memory = this.memory[zone];
    if (memory.isDamaged(sector)) return;
    this.counts.rotten += 1;
    const error = this.prng.chance(0.2);
    // Half of the flips hit a header for sure: most of a sector is padding.
    const bits = (this.prng.chance(0.5) ? SECTOR_SIZE / 16 : SECTOR_SIZE) * 8;
    memory.damage(sector, error ? { kind: 'error' } : { kind: 'flip', bit: this.prng.below(bits) });
  }

  private tear(write: Write): void {
    write.sectors.forEach((bytes, at) => {
      const sector = write.firstSector + at;
      // A torn header sector takes sixteen slots with it, so it counts against the atlas.
      const garbage = write.zone !== 'wal_headers' || this.atlas.headersMayRot(this.slot, sector);
      const outcome = this.prng.below(garbage ? 3 : 2);
      if (outcome === 0) {
        this.counts.lostWrites += 1;
        return;
      }
      this.counts.tornSectors += 1;
      this.memory[write.zone].store(sector, outcome === 1 ? bytes : this.garbage(bytes));
    });
  }

  /** A part of the sector new, the rest arbitrary. */
  private garbage(bytes: Uint8Array): Uint8Array {
    const torn = bytes.slice();
    const from = this.prng.below(SECTOR_SIZE / 64) * 64;
    for (let at = from; at < SECTOR_SIZE; at += 1) torn[at] = this.prng.u32() & 0xff;
    return torn;
  }
}

function overlap(first: Write, other: Write): boolean {
  return (
    first.zone === other.zone &&
    first.firstSector < other.firstSector + other.sectors.length &&
    other.firstSector < first.firstSector + first.sectors.length
  );
}
