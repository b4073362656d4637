import { assert, type ChecksumFunction } from '@kimberlite/store';
import {
  type ClusterConfig,
  type Prng,
  SECTOR_SIZE,
  type StoragePort,
  SUPERBLOCK_COPIES,
  type Zone,
  zoneSize,
} from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { EventQueue } from '../std/event-queue.ts';
import { drawExponential } from '../std/exponential.ts';
import { BlockRoom } from './block-room.ts';
import { DiskEvidence } from './disk-evidence.ts';
import { checkHeaderWrite } from './disk-order.ts';
import type { FaultAtlas } from './fault-atlas.ts';
import { type FaultPlaces, mayRot, misdirectPlaces } from './fault-places.ts';
import { hideHead } from './hidden-head.ts';
import { HungZones } from './hung-zones.ts';
import { type Damage, SectorMemory } from './sector-memory.ts';
import { drawRot } from './sector-rot.ts';
import { emptyStorageCounts, type StorageCounts } from './storage-counts.ts';
import { checkSuperblockWrite } from './superblock-order.ts';
import { overlap, toWrite, type Write } from './write.ts';
import { WrongCopies } from './wrong-copies.ts';

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
  /** Per tick: a sector that was written at some time goes bad at rest, where the atlas allows. */
  readonly latentFaultProbability: number;
  /** Per crash: the end of the log rots, where the atlas allows it (hidden-head.ts). */
  readonly headFaultProbability: number;
  /** A write fails, or the sync behind it: its process ends, and what was in flight is torn. */
  readonly writeErrorProbability: number;
  /** A write is said to be done, and nothing was stored, where the atlas allows it. */
  readonly droppedWriteProbability: number;
  /** Of rot, the share in which a bit of a checksum is wrong for sure, where the sector has one. */
  readonly rotChecksums: number;
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
  latentFaultProbability: 0,
  headFaultProbability: 0,
  writeErrorProbability: 0,
  droppedWriteProbability: 0,
  rotChecksums: 0,
};

const ZONES: readonly Zone[] = ['superblock', 'wal_headers', 'wal_prepares', 'blocks'];
/** Where the block area ends, in bytes: far more than a run can need. */
const BLOCKS_LIMIT = 1024 * 1024 * 1024;

/** By zone and sector, what stood there. */
export type DiskCopy = ReadonlyMap<Zone, ReadonlyMap<number, Uint8Array>>;

export interface StorageSetup {
  readonly queue: EventQueue;
  readonly prng: Prng;
  readonly options: StorageOptions;
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly slot: number;
  readonly atlas: FaultAtlas;
  /** Asked about each fault that was drawn; null lets all happen. */
  readonly faults: FaultGate | null;
  /** A write has failed: the process must end now. Left out: no write fails. */
  readonly onWriteFailed?: () => void;
}

/**
 * One replica's disk. It outlives the process: `crash` decides what becomes of the writes in
 * flight, and their completions are never heard.
 */
export class SimulatedStorage implements StoragePort {
  readonly counts: StorageCounts;
  /** How far the block area may grow. */
  readonly room: BlockRoom;
  /** Answers what checkers ask of these bytes. */
  readonly evidence: DiskEvidence;
  private readonly queue: EventQueue;
  private readonly prng: Prng;
  /** Of rot at rest, apart from what is drawn for each read and write. */
  private readonly latentPrng: Prng;
  private readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  private readonly slot: number;
  private readonly atlas: FaultAtlas;
  private readonly faults: FaultGate | null;
  private readonly places: FaultPlaces;
  private readonly memory: Readonly<Record<Zone, SectorMemory>>;
  private options: StorageOptions;
  /** What every latency is multiplied with. */
  private slowdown: number;
  private inFlight: Write[];
  private readonly onWriteFailed: (() => void) | null;
  private readonly hung: HungZones;
  private readonly wrongCopies: WrongCopies;
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
    this.faults = setup.faults;
    this.places = { slot: setup.slot, atlas: setup.atlas, config: setup.config };
    this.memory = {
      superblock: new SectorMemory(setup.prng.u64()),
      wal_headers: new SectorMemory(setup.prng.u64()),
      wal_prepares: new SectorMemory(setup.prng.u64()),
      blocks: new SectorMemory(setup.prng.u64()),
    };
    this.evidence = new DiskEvidence({
      memory: this.memory,
      config: setup.config,
      checksum: setup.checksum,
      replicaCount: setup.atlas.replicaCount,
    });
    this.slowdown = 1;
    this.inFlight = [];
    this.onWriteFailed = setup.onWriteFailed ?? null;
    this.hung = new HungZones();
    this.room = new BlockRoom();
    this.wrongCopies = new WrongCopies(this.memory.superblock, setup.prng.fork());
    this.generation = 0;
    this.latentPrng = setup.prng.fork();
    this.counts = emptyStorageCounts();
  }

  get writesInFlight(): number {
    return this.inFlight.length;
  }

  /** From now on all latencies are so many times as long; 1 is normal. */
  setSlowdown(factor: number): void {
    this.slowdown = factor;
  }

  /**
   * From now on no write that is asked for in these zones ends; what waits elsewhere goes on. A
   * crash decides as ever, and the disk hangs on after it.
   */
  hang(zones: readonly Zone[]): void {
    this.hung.set(zones);
  }

  setOptions(options: StorageOptions): void {
    this.options = options;
  }

  /** Writes at once and faithfully, as `format` does before anything else runs. */
  format(
    writes: Iterable<{ readonly zone: Zone; readonly offset: number; readonly bytes: Uint8Array }>,
  ): void {
    for (const { zone, offset, bytes } of writes) {
      const write = toWrite(zone, offset, bytes);
      write.sectors.forEach((sector, at) => {
        this.memory[zone].store(write.firstSector + at, sector);
      });
    }
  }

  /** A copy of the whole disk, as a snapshot of it would be: without what is in flight. */
  copy(): DiskCopy {
    const copies = ZONES.map((zone) => [zone, this.memory[zone].copy()] as const);
    return new Map(copies);
  }

  /** Puts an earlier copy in place of what the disk holds. */
  putBack(copy: DiskCopy): void {
    assert(this.inFlight.length === 0, 'the disk is at rest');
    for (const [zone, sectors] of copy) this.memory[zone].putBack(sectors);
    this.evidence.forgetWholeBlocks();
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    assert(offset % SECTOR_SIZE === 0 && length % SECTOR_SIZE === 0, 'reads are aligned');
    assert(length > 0, 'reads ask for something');
    this.assertInBounds(zone, offset, length);
    const { generation } = this;
    const delay =
      this.slowdown *
      (this.options.readMinMicros + drawExponential(this.prng, this.options.readMeanMicros));
    this.queue.after(delay, () => {
      if (generation === this.generation) done(this.finishRead(zone, offset, length));
      else this.queue.idle();
    });
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    assert(offset % SECTOR_SIZE === 0, 'writes are aligned');
    assert(bytes.length > 0, 'writes write something');
    const write = toWrite(zone, offset, bytes);
    this.assertInBounds(zone, offset, write.sectors.length * SECTOR_SIZE);
    for (const other of this.inFlight) assert(!overlap(write, other), 'no overlapping writes');
    assert(!this.room.overlaps(write), 'no overlapping writes');
    if (zone === 'superblock') {
      checkSuperblockWrite({ offset, bytes }, [...this.inFlight, ...this.room.writes()], this);
    }
    if (zone === 'wal_headers') {
      checkHeaderWrite({ offset, bytes }, this.memory.wal_headers, this.memory.wal_prepares, {
        config: this.config,
        checksum: this.checksum,
      });
    }
    this.room.begin(write, () => {
      this.inFlight.push(write);
      this.hung.begin(zone, () => this.land(write, done));
    });
  }

  private land(write: Write, done: () => void): void {
    const { generation } = this;
    const delay =
      this.slowdown *
      (this.options.writeMinMicros + drawExponential(this.prng, this.options.writeMeanMicros));
    this.queue.after(delay, () => {
      if (generation !== this.generation) {
        this.queue.idle();
        return;
      }
      if (this.fails(write)) return;
      this.finishWrite(write);
      done();
    });
  }

  /** The write, or its sync, has failed: nothing more is to be believed, and the process ends. */
  private fails({ firstSector }: Write): boolean {
    const { writeErrorProbability: probability } = this.options;
    if (probability === 0 || this.onWriteFailed === null || !this.prng.chance(probability)) {
      return false;
    }
    if (this.faults?.allow('write_error', this.slot, firstSector) === false) return false;
    this.counts.failed += 1;
    this.onWriteFailed();
    return true;
  }

  /** The power goes: what is in flight is torn, lost or done, and nobody hears of it. */
  crash(): void {
    this.generation += 1;
    this.hung.onCrash();
    this.room.onCrash();
    const torn = this.inFlight;
    this.inFlight = [];
    this.wrongCopies.onCrash();
    for (const write of torn) {
      if (
        this.prng.chance(this.options.crashFaultProbability) &&
        (this.faults?.allow('torn_write', this.slot, write.firstSector) ?? true)
      ) {
        this.tear(write);
      } else if (this.prng.chance(0.5)) this.storeAll(write);
      else this.counts.lostWrites += 1;
      this.noteWritten(write);
    }
    if (this.prng.chance(this.options.headFaultProbability)) this.hideHead();
  }

  private hideHead(): void {
    const { wal_headers: headers, wal_prepares: prepares } = this.memory;
    const { slot, config, atlas, faults } = this;
    const disk = { slot, config, atlas, headers, prepares, faults };
    this.counts.hiddenHeads += hideHead(disk, this.evidence.durableSlots(), this.prng);
  }

  /** One tick at rest: what nobody reads may rot too. */
  tick(): void {
    if (!this.latentPrng.chance(this.options.latentFaultProbability)) return;
    if (!this.rotAtRest()) this.faults?.skip('latent_fault');
  }

  /** A sector somewhere goes bad, where the atlas allows it; false where it doesn't. */
  rotAtRest(): boolean {
    const prng = this.latentPrng.fork();
    const zone = prng.pick(ZONES);
    const sectors = this.memory[zone].writtenSectors();
    if (sectors.length === 0) return false;
    const sector = prng.pick(sectors);
    if (this.memory[zone].isDamaged(sector) || !this.mayRotAtRest(zone, sector)) return false;
    if (this.rot('latent_fault', { zone, sector, prng })) this.counts.latentFaults += 1;
    return true;
  }

  /**
   * Of the superblock one copy at a time, and none beside one that a crash has left behind: else no
   * quorum is left.
   */
  private mayRotAtRest(zone: Zone, sector: number): boolean {
    if (zone !== 'superblock') return mayRot(this.places, zone, sector);
    if (this.inFlight.some((write) => write.zone === 'superblock')) return false;
    if (!this.atlas.superblockMayRot(this.slot)) return false;
    return this.evidence.superblockCopies() === SUPERBLOCK_COPIES;
  }

  /** Damages a sector, whatever the atlas says. For scripted tests. */
  damage(zone: Zone, sector: number, damage: Damage): void {
    this.memory[zone].damage(sector, damage);
  }

  private assertInBounds(zone: Zone, offset: number, length: number): void {
    const size = zoneSize(this.config, zone) ?? BLOCKS_LIMIT;
    const padded = Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
    assert(offset >= 0 && offset + length <= padded, 'inside the zone');
    assert(ZONES.includes(zone), 'the zone exists');
  }

  private finishRead(zone: Zone, offset: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length);
    const first = offset / SECTOR_SIZE;
    const memory = this.memory[zone];
    let unreadable = 0;
    for (let at = 0; at * SECTOR_SIZE < length; at += 1) {
      const sector = first + at;
      if (
        this.prng.chance(this.options.readFaultProbability) &&
        mayRot(this.places, zone, sector)
      ) {
        this.rot('read_fault', { zone, sector, prng: this.prng });
      }
      if (memory.isDamaged(sector)) this.counts.corruptReads += 1;
      const target = bytes.subarray(at * SECTOR_SIZE, (at + 1) * SECTOR_SIZE);
      // As with files, one sector that the device refuses hides none beside it: the headers of all
      // slots are one read, and the atlas counts what may fail by sectors.
      if (!memory.load(sector, target)) unreadable += SECTOR_SIZE;
      this.overlayInFlight(zone, sector, target);
    }
    return unreadable < length ? bytes : null;
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
    const astray =
      target !== null && (this.faults?.allow('misdirect', this.slot, write.firstSector) ?? true);
    const dropped = !astray && this.mayDrop(write);
    const stale = astray || dropped ? this.staleSectors(write) : null;
    this.storeAll(write);
    this.noteWritten(write);
    if (dropped && stale !== null) {
      this.counts.dropped += 1;
      this.hide(write, stale);
      return;
    }
    if (target !== null && stale !== null) {
      this.counts.misdirected += 1;
      this.hide(write, stale);
      write.sectors.forEach((bytes, at) => {
        this.memory[write.zone].damage(target + at, { kind: 'bytes', bytes });
      });
      return;
    }
    if (write.zone === 'superblock') {
      const { firstSector } = write;
      this.wrongCopies.onStored(
        firstSector,
        this.options.writeFaultProbability,
        () => this.faults?.allow('write_fault', this.slot, firstSector) ?? true,
      );
    }
    for (let at = 0; at < write.sectors.length; at += 1) {
      const sector = write.firstSector + at;
      if (
        this.prng.chance(this.options.writeFaultProbability) &&
        mayRot(this.places, write.zone, sector)
      ) {
        this.rot('write_fault', { zone: write.zone, sector, prng: this.prng });
      }
    }
  }

  /** What stood there before is what reads give back. */
  private hide({ zone, firstSector }: Write, stale: readonly Uint8Array[]): void {
    stale.forEach((bytes, at) => {
      this.memory[zone].damage(firstSector + at, { kind: 'bytes', bytes });
    });
  }

  /**
   * Where a write may land elsewhere it may as well land nowhere: its own place is stale then, too.
   */
  private mayDrop(write: Write): boolean {
    const { droppedWriteProbability: probability } = this.options;
    if (probability === 0 || !this.prng.chance(probability)) return false;
    if (!misdirectPlaces(this.places, write).includes(write.firstSector)) return false;
    return this.faults?.allow('dropped_write', this.slot, write.firstSector) ?? true;
  }

  private noteWritten({ zone, firstSector, sectors }: Write): void {
    this.evidence.noteWritten({ zone, firstSector, sectorCount: sectors.length });
  }

  private storeAll(write: Write): void {
    if (write.zone === 'blocks') this.evidence.noteWholeBlocks(write);
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

  private rot(
    kind: 'read_fault' | 'write_fault' | 'latent_fault',
    { zone, sector, prng }: { readonly zone: Zone; readonly sector: number; readonly prng: Prng },
  ): boolean {
    if (this.memory[zone].isDamaged(sector)) return false;
    const { config, options } = this;
    const { damage, ofChecksum } = drawRot(prng, { zone, sector, config }, options.rotChecksums);
    if (this.faults?.allow(kind, this.slot, sector) === false) return false;
    if (ofChecksum) this.counts.checksumsRotten += 1;
    this.memory[zone].damage(sector, damage);
    return true;
  }

  private tear(write: Write): void {
    write.sectors.forEach((bytes, at) => {
      const sector = write.firstSector + at;
      // A torn header sector takes sixteen slots with it, so it counts against the atlas.
      const garbage = this.mayTear(write.zone, sector);
      const outcome = this.prng.below(garbage ? 3 : 2);
      if (outcome === 0) {
        this.counts.lostWrites += 1;
        return;
      }
      this.counts.tornSectors += 1;
      this.memory[write.zone].store(sector, outcome === 1 ? bytes : this.garbage(bytes));
    });
  }

  /** Whether a crash may leave neither the old nor the new content in this sector. */
  private mayTear(zone: Zone, sector: number): boolean {
    if (zone === 'wal_headers') return this.atlas.headersMayRot(this.slot, sector);
    // Beside a rotten copy a torn one is one too many.
    return zone !== 'superblock' || this.memory.superblock.damagedSectors().length === 0;
  }

  /** A part of the sector new, the rest arbitrary. */
  private garbage(bytes: Uint8Array): Uint8Array {
    const torn = bytes.slice();
    const from = this.prng.below(SECTOR_SIZE / 64) * 64;
    for (let at = from; at < SECTOR_SIZE; at += 1) torn[at] = this.prng.u32() & 0xff;
    return torn;
  }
}
