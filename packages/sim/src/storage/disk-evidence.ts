import { type ChecksumFunction, readU128 } from '@kimberlite/store';
import {
  type ClusterConfig,
  COMMAND_FIELDS_OFFSET,
  decodeHeader,
  decodeMessage,
  decodeSuperblock,
  HEADER_SIZE,
  type Header,
  inspectTree,
  readSuperblock,
  SECTOR_SIZE,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockCopy,
  type SuperblockState,
  selectSuperblock,
  type TreeFault,
  type Zone,
  zoneSize,
} from '@kimberlite/vsr';
import { sameBytes } from './disk-order.ts';
import { logIsAmbiguous } from './log-damage.ts';
import type { SectorMemory } from './sector-memory.ts';
import type { Word } from './word.ts';

const SECTORS_PER_COPY = SUPERBLOCK_COPY_SIZE / SECTOR_SIZE;

/** A copy of the superblock, null where it is not one, and the sectors that it was decoded from. */
interface DecodedCopy {
  readonly sectors: readonly Uint8Array[];
  readonly decoded: SuperblockCopy | null;
}

export interface DiskEvidenceSetup {
  readonly memory: Readonly<Record<Zone, SectorMemory>>;
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  /** Of the cluster: a replica without peers does not mind what follows a prepare in its sector. */
  readonly replicaCount: number;
}

/** Sectors that were written, which checkers judge by their bytes. */
export interface WrittenSectors {
  readonly zone: Zone;
  readonly firstSector: number;
  readonly sectorCount: number;
}

/**
 * What the bytes of one disk prove, and what a read of them would give: the checkers' questions.
 * They are answered without a read, so asking changes nothing.
 */
export class DiskEvidence {
  private readonly setup: DiskEvidenceSetup;
  /** Checksums of prepares of which both parts were on this disk at some time. */
  private readonly everDurable: Set<bigint>;
  /** Sectors of blocks as the last write that was not torn left them. */
  private readonly wholeBlocks: Map<number, Uint8Array> = new Map();
  /** What `superblock` gave last, and for which version of the bytes; null before the first. */
  private superblockNow: SuperblockState | string | null;
  private superblockVersion: number;
  /** Copies of the superblock as they were decoded last, and of which sectors. */
  private readonly copiesNow: (DecodedCopy | undefined)[] = [];

  constructor(setup: DiskEvidenceSetup) {
    this.setup = setup;
    this.everDurable = new Set();
    this.superblockNow = null;
    this.superblockVersion = 0;
  }

  /** Remembers the prepares that this write completed. */
  noteWritten({ zone, firstSector, sectorCount }: WrittenSectors): void {
    const { messageSizeMax, walSlots } = this.setup.config;
    if (zone !== 'wal_headers' && zone !== 'wal_prepares') return;
    const unit = zone === 'wal_headers' ? HEADER_SIZE : messageSizeMax;
    const first = Math.floor((firstSector * SECTOR_SIZE) / unit);
    const end = Math.ceil(((firstSector + sectorCount) * SECTOR_SIZE) / unit);
    for (let walSlot = first; walSlot < Math.min(end, walSlots); walSlot += 1) {
      const body = this.bodyHeader(walSlot);
      if (sameBytes(body, this.ringHeader(walSlot))) this.everDurable.add(checksumIn(body));
    }
  }

  /** Remembers what a write of blocks that ended, or was not torn, left on the disk. */
  noteWholeBlocks(write: {
    readonly firstSector: number;
    readonly sectors: readonly Uint8Array[];
  }): void {
    write.sectors.forEach((bytes, at) => {
      this.wholeBlocks.set(write.firstSector + at, bytes);
    });
  }

  /** The disk holds something else now. */
  forgetWholeBlocks(): void {
    this.wholeBlocks.clear();
  }

  /** The superblock that a start would read from this disk now, or why there is none. */
  superblock(): SuperblockState | string {
    const { version } = this.setup.memory.superblock;
    if (this.superblockNow === null || this.superblockVersion !== version) {
      this.superblockNow = this.readSuperblock();
      this.superblockVersion = version;
    }
    return this.superblockNow;
  }

  private readSuperblock(): SuperblockState | string {
    const { memory, checksum } = this.setup;
    if (memory.superblock.damagedSectors().length > 0) {
      const read = readSuperblock(this.superblockZone(), checksum);
      // Beyond what may rot only scripted tests go: then what was promised is what was written.
      if (typeof read !== 'string') return read;
    }
    const chosen = selectSuperblock(this.writtenCopies());
    return typeof chosen === 'string' ? chosen : chosen.state;
  }

  /** The copies as they were written; those that have not changed are not decoded again. */
  private writtenCopies(): (SuperblockCopy | null)[] {
    const { memory, checksum } = this.setup;
    return Array.from({ length: SUPERBLOCK_COPIES }, (_, copy) => {
      const sectors = Array.from({ length: SECTORS_PER_COPY }, (__, at) =>
        memory.superblock.pristine(copy * SECTORS_PER_COPY + at),
      );
      const known = this.copiesNow[copy];
      if (known !== undefined && sectors.every((bytes, at) => bytes === known.sectors[at])) {
        return known.decoded;
      }
      const bytes = new Uint8Array(SUPERBLOCK_COPY_SIZE);
      for (const [at, sector] of sectors.entries()) bytes.set(sector, at * SECTOR_SIZE);
      const decoded = decodeSuperblock(bytes, copy, checksum);
      this.copiesNow[copy] = { sectors, decoded };
      return decoded;
    });
  }

  /** Copies of that superblock that reads would give back whole. */
  superblockCopies(): number {
    const { memory } = this.setup;
    const copies = this.writtenCopies();
    const chosen = selectSuperblock(copies);
    if (typeof chosen === 'string') return 0;
    const damaged = new Set(
      memory.superblock.damagedSectors().map((sector) => Math.floor(sector / SECTORS_PER_COPY)),
    );
    const sound = (copy: number): boolean => !damaged.has(copy);
    return copies.filter((each, copy) => each?.checksum === chosen.checksum && sound(copy)).length;
  }

  /** Both parts of the prepare are on disk, as far as the disk ever promised. */
  prepareDurable(op: number, checksum: bigint): boolean {
    const walSlot = op % this.setup.config.walSlots;
    const body = this.bodyHeader(walSlot);
    return checksumIn(body) === checksum && sameBytes(body, this.ringHeader(walSlot));
  }

  /** WAL slots whose prepares have both parts on disk, from the highest op down. */
  durableSlots(): number[] {
    const { config, checksum } = this.setup;
    const found: { readonly walSlot: number; readonly op: number }[] = [];
    for (let walSlot = 0; walSlot < config.walSlots; walSlot += 1) {
      const body = this.bodyHeader(walSlot);
      const header = decodeHeader(body, checksum);
      if (typeof header === 'string' || header.command !== 'prepare') continue;
      if (sameBytes(body, this.ringHeader(walSlot))) found.push({ walSlot, op: header.op });
    }
    return found.sort((first, other) => other.op - first.op).map(({ walSlot }) => walSlot);
  }

  /** Checksums of the prepares that have both parts on disk. */
  durablePrepares(): ReadonlySet<bigint> {
    return new Set(this.durableSlots().map((walSlot) => checksumIn(this.bodyHeader(walSlot))));
  }

  /**
   * The most that a start from this disk, or from a copy of it, could stand by; null without a
   * superblock. Its head may be lower: what it cannot prove is dropped. What rotted counts as it
   * was written: a copy of the disk has it whole again.
   */
  word(): Word | null {
    const superblock = selectSuperblock(this.writtenCopies());
    if (typeof superblock === 'string') return null;
    const { view, logView, headers } = superblock.state;
    const { config, checksum } = this.setup;
    let op = Math.max(0, ...headers.map((header) => header?.header.op ?? 0));
    for (let walSlot = 0; walSlot < config.walSlots; walSlot += 1) {
      for (const bytes of [this.bodyHeader(walSlot), this.ringHeader(walSlot)]) {
        const header = decodeHeader(bytes, checksum);
        if (typeof header === 'string' || header.command !== 'prepare') continue;
        op = Math.max(op, header.op);
      }
    }
    return { view, logView, op };
  }

  /** Both parts of this prepare were on this disk at some time, so it may have been promised. */
  wasDurable(checksum: bigint): boolean {
    return this.everDurable.has(checksum);
  }

  /** Durable, and no read has found its body damaged since. */
  prepareSound(op: number, checksum: bigint): boolean {
    const seen = new Set(this.setup.memory.wal_prepares.damageSeen());
    if (this.sectorsOf(op).some((sector) => seen.has(sector))) return false;
    return this.prepareDurable(op, checksum);
  }

  /** Parent of this prepare, when its body was written here; null otherwise. */
  prepareParent(op: number, checksum: bigint): bigint | null {
    const body = this.bodyHeader(op % this.setup.config.walSlots);
    return checksumIn(body) === checksum ? parentOf(body) : null;
  }

  /** A read of the prepare's body would give it back, whole. */
  prepareReadable(op: number, checksum: bigint): boolean {
    const body = this.bodyHeader(op % this.setup.config.walSlots);
    if (checksumIn(body) !== checksum || this.slotDamaged(op)) return false;
    const header = decodeHeader(body, this.setup.checksum);
    return typeof header !== 'string' && this.messageWhole(op, header);
  }

  /** What a read of the slot of `op` would find: that op, damage, or something else. */
  slotState(op: number): 'readable' | 'damaged' | 'absent' {
    const { memory, config, checksum } = this.setup;
    const walSlot = op % config.walSlots;
    const ringSector = Math.floor((walSlot * HEADER_SIZE) / SECTOR_SIZE);
    if (this.slotDamaged(op) || memory.wal_headers.isDamaged(ringSector)) return 'damaged';
    const header = decodeHeader(this.bodyHeader(walSlot), checksum);
    if (typeof header === 'string') return 'damaged';
    if (header.command !== 'prepare' || header.op !== op) return 'absent';
    // A torn write may leave the header new and what is behind it old: no op of this slot at all.
    return this.messageWhole(op, header) ? 'readable' : 'damaged';
  }

  /** The checksum of the prepare that a read of the slot of `op` would give; null without one. */
  checksumIn(op: number): bigint | null {
    if (this.slotState(op) !== 'readable') return null;
    return checksumIn(this.bodyHeader(op % this.setup.config.walSlots));
  }

  /** What the redundant header of the slot of `op` names for just this op; null: nothing. */
  redundantChecksum(op: number): bigint | null {
    const { memory, config, checksum } = this.setup;
    const walSlot = op % config.walSlots;
    const ringSector = Math.floor((walSlot * HEADER_SIZE) / SECTOR_SIZE);
    if (memory.wal_headers.isDamaged(ringSector)) return null;
    const header = decodeHeader(this.ringHeader(walSlot), checksum);
    if (typeof header === 'string' || header.command !== 'prepare') return null;
    return header.op === op ? header.checksum : null;
  }

  /** What the prepare that a read of the slot of `op` would give names as the one before it. */
  parentIn(op: number): bigint | null {
    if (this.slotState(op) !== 'readable') return null;
    return parentOf(this.bodyHeader(op % this.setup.config.walSlots));
  }

  /** A replica that reads this log may rightly doubt where it ends. */
  logAmbiguous(): boolean {
    const { memory, config, checksum } = this.setup;
    const { wal_headers: headers, wal_prepares: prepares } = memory;
    return logIsAmbiguous({ headers, prepares, config, checksum });
  }

  /**
   * What of the durable checkpoint was never written here as it should be; null: nothing. A block
   * may since have been torn while a peer's copy was written over what had rotted.
   */
  checkpointFault(tables: ReadonlySet<number>): TreeFault | null {
    const superblock = this.superblock();
    if (typeof superblock === 'string') return null;
    const { config, checksum } = this.setup;
    const torn = new Set<number>();
    for (;;) {
      const found: TreeFault[] = [];
      inspectTree(superblock.checkpoint.forestRoot, {
        format: { checksum, blockSize: config.blockSize },
        tables,
        read: (address) => this.writtenBlock(address, { whole: torn.has(address) }),
        onFault: (fault) => found.push(fault),
        onBlock: () => {},
      });
      const [first] = found;
      if (first === undefined) return null;
      if (first.address === null || torn.has(first.address)) return first;
      torn.add(first.address);
    }
  }

  /** A block as the last write left it, or the last one that was not torn. */
  private writtenBlock(address: number, { whole }: { readonly whole: boolean }): Uint8Array {
    const { memory, config } = this.setup;
    const block = new Uint8Array(config.blockSize);
    const first = ((address - 1) * config.blockSize) / SECTOR_SIZE;
    for (let at = 0; at < config.blockSize; at += SECTOR_SIZE) {
      const sector = first + at / SECTOR_SIZE;
      const known = whole ? this.wholeBlocks.get(sector) : undefined;
      block.set(known ?? memory.blocks.pristine(sector), at);
    }
    return block;
  }

  /** Blocks of the durable checkpoint that reads do not give back as they are named. */
  rottenBlocks(tables: ReadonlySet<number>): TreeFault[] {
    const superblock = this.superblock();
    if (typeof superblock === 'string') return [];
    const { config, checksum } = this.setup;
    const found: TreeFault[] = [];
    inspectTree(superblock.checkpoint.forestRoot, {
      format: { checksum, blockSize: config.blockSize },
      tables,
      read: (address) => this.readBlock(address),
      onFault: (fault) => found.push(fault),
      onBlock: () => {},
    });
    return found;
  }

  /**
   * A block as a read gives it: zeros in place of a sector that the device refuses, which is right
   * where zeros were written; null where it refuses them all.
   */
  private readBlock(address: number): Uint8Array | null {
    const { memory, config } = this.setup;
    const block = new Uint8Array(config.blockSize);
    const first = ((address - 1) * config.blockSize) / SECTOR_SIZE;
    let given = false;
    for (let at = 0; at < config.blockSize; at += SECTOR_SIZE) {
      const sector = block.subarray(at, at + SECTOR_SIZE);
      if (memory.blocks.peek(first + at / SECTOR_SIZE, sector)) given = true;
    }
    return given ? block : null;
  }

  /** Blocks in which a read found a sector damaged, with the bytes that should be there. */
  damagedBlocks(): { readonly address: number; readonly bytes: Uint8Array }[] {
    const { memory, config } = this.setup;
    const perBlock = config.blockSize / SECTOR_SIZE;
    const seen = memory.blocks.damageSeen().map((sector) => 1 + Math.floor(sector / perBlock));
    return [...new Set(seen)].map((address) => {
      return { address, bytes: this.writtenBlock(address, { whole: false }) };
    });
  }

  /**
   * This disk gives back exactly these bytes for a block. All of it: peers are given whole blocks,
   * so one sector here and another there are no copy.
   */
  holdsBlock(address: number, bytes: Uint8Array): boolean {
    const { memory, config } = this.setup;
    const first = ((address - 1) * config.blockSize) / SECTOR_SIZE;
    for (let at = 0; at < config.blockSize; at += SECTOR_SIZE) {
      const sector = first + at / SECTOR_SIZE;
      const wanted = bytes.subarray(at, at + SECTOR_SIZE);
      const { blocks } = memory;
      if (blocks.isDamaged(sector) || !sameBytes(blocks.pristine(sector), wanted)) return false;
    }
    return true;
  }

  /** As reads give it. */
  private superblockZone(): Uint8Array {
    const { memory, config } = this.setup;
    const zone = new Uint8Array(zoneSize(config, 'superblock') ?? 0);
    for (let at = 0; at < zone.length; at += SECTOR_SIZE) {
      memory.superblock.peek(at / SECTOR_SIZE, zone.subarray(at, at + SECTOR_SIZE));
    }
    return zone;
  }

  private ringHeader(walSlot: number): Uint8Array {
    const offset = walSlot * HEADER_SIZE;
    const ring = this.setup.memory.wal_headers.pristine(Math.floor(offset / SECTOR_SIZE));
    const within = offset % SECTOR_SIZE;
    return ring.subarray(within, within + HEADER_SIZE);
  }

  private bodyHeader(walSlot: number): Uint8Array {
    const { memory, config } = this.setup;
    const sector = (walSlot * config.messageSizeMax) / SECTOR_SIZE;
    return memory.wal_prepares.pristine(sector).subarray(0, HEADER_SIZE);
  }

  /** Sectors of the prepare ring that make up the slot of `op`. */
  private sectorsOf(op: number): number[] {
    const { messageSizeMax, walSlots } = this.setup.config;
    const perSlot = messageSizeMax / SECTOR_SIZE;
    const first = (op % walSlots) * perSlot;
    return Array.from({ length: perSlot }, (_, at) => first + at);
  }

  private slotDamaged(op: number): boolean {
    const { wal_prepares: prepares } = this.setup.memory;
    return this.sectorsOf(op).some((sector) => prepares.isDamaged(sector));
  }

  /**
   * What was written behind this header in the slot of `op` is the whole message, and padding as a
   * replica wants it.
   */
  private messageWhole(op: number, { size }: Header): boolean {
    const { memory, config, checksum, replicaCount } = this.setup;
    if (size > config.messageSizeMax) return false;
    const length = Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
    const bytes = new Uint8Array(length);
    this.sectorsOf(op)
      .slice(0, length / SECTOR_SIZE)
      .forEach((sector, at) => {
        bytes.set(memory.wal_prepares.pristine(sector), at * SECTOR_SIZE);
      });
    if (typeof decodeMessage(bytes.subarray(0, size), checksum) === 'string') return false;
    return replicaCount === 1 || bytes.subarray(size).every((byte) => byte === 0);
  }
}

function parentOf(prepare: Uint8Array): bigint {
  const view = new DataView(prepare.buffer, prepare.byteOffset, prepare.length);
  return readU128(view, COMMAND_FIELDS_OFFSET);
}

function checksumIn(header: Uint8Array): bigint {
  return readU128(new DataView(header.buffer, header.byteOffset, HEADER_SIZE), 0);
}
