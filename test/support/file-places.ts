import { closeSync, openSync, readSync } from 'node:fs';
import { createKernel } from '@kimberlite/kernel';
import { sha256 } from '@kimberlite/server';
import {
  type ClusterConfig,
  CORE_TABLES,
  decodeCopies,
  decodeHeader,
  HEADER_SIZE,
  inspectTree,
  readSuperblock,
  SECTOR_SIZE,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type Zone,
  zoneOffset,
} from '@kimberlite/vsr';

/** What a byte of a data file is for: nobody misses one that is free. */
export type Use = 'live' | 'padding' | 'free';

/** A byte of a data file. */
export interface Place {
  readonly offset: number;
  readonly zone: Zone;
  readonly use: Use;
  /** What a replica calls its neighbourhood: the copy, the WAL slot, the address of the block. */
  readonly number: number;
}

/**
 * Reads what stands where in a data file that nobody is writing. Throws where something in it is
 * not right.
 */
export class FilePlaces {
  readonly #config: ClusterConfig;
  readonly #bytes: Uint8Array;
  readonly #blocks: ReadonlySet<number>;

  constructor(path: string, config: ClusterConfig) {
    this.#config = config;
    this.#bytes = bytesOf(path);
    this.#checkCopiesAndHeaders();
    this.#blocks = this.#usedBlocks();
  }

  /** The address above all blocks in use. */
  get blocksEnd(): number {
    return Math.max(0, ...this.#blocks) + 1;
  }

  /** A byte in the middle of each block and each message that is in use. */
  inUse(): Place[] {
    const { walSlots, messageSizeMax, blockSize } = this.#config;
    const slots = Array.from({ length: walSlots }, (_, slot) => {
      return zoneOffset(this.#config, 'wal_prepares') + slot * messageSizeMax + HEADER_SIZE / 2;
    });
    const blocks = [...this.#blocks].map((address) => {
      return zoneOffset(this.#config, 'blocks') + (address - 1) * blockSize + blockSize / 2;
    });
    return [...slots, ...blocks].map((offset) => this.at(offset));
  }

  at(offset: number): Place {
    const zones: readonly Zone[] = ['blocks', 'wal_prepares', 'wal_headers', 'superblock'];
    const zone = zones.find((each) => offset >= zoneOffset(this.#config, each)) ?? 'superblock';
    const within = offset - zoneOffset(this.#config, zone);
    switch (zone) {
      case 'superblock':
        return this.#place(offset, zone, Math.floor(within / SUPERBLOCK_COPY_SIZE), 'live');
      case 'wal_headers':
        return this.#place(offset, zone, Math.floor(within / HEADER_SIZE), 'live');
      case 'wal_prepares': {
        const slot = Math.floor(within / this.#config.messageSizeMax);
        return this.#place(offset, zone, slot, this.#useInSlot(slot, within));
      }
      case 'blocks': {
        const address = Math.floor(within / this.#config.blockSize) + 1;
        return this.#place(offset, zone, address, this.#blocks.has(address) ? 'live' : 'free');
      }
    }
  }

  #place(offset: number, zone: Zone, number: number, use: Use): Place {
    return { offset, zone, number, use };
  }

  /** A message, the zeros up to the end of its sector, and what no longer belongs to anything. */
  #useInSlot(slot: number, within: number): Use {
    const start = zoneOffset(this.#config, 'wal_prepares') + slot * this.#config.messageSizeMax;
    const header = decodeHeader(this.#bytes.subarray(start, start + HEADER_SIZE), sha256);
    if (typeof header === 'string') throw new Error(`slot ${slot} is rotten already`);
    const at = within - slot * this.#config.messageSizeMax;
    if (at < header.size) return 'live';
    return at < Math.ceil(header.size / SECTOR_SIZE) * SECTOR_SIZE ? 'padding' : 'free';
  }

  #checkCopiesAndHeaders(): void {
    const zone = this.#bytes.subarray(0, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
    const copies = decodeCopies(zone, sha256);
    if (copies.some((copy) => copy === null || copy.checksum !== copies[0]?.checksum)) {
      throw new Error('a copy of the superblock is rotten already');
    }
    const start = zoneOffset(this.#config, 'wal_headers');
    for (let slot = 0; slot < this.#config.walSlots; slot += 1) {
      const at = start + slot * HEADER_SIZE;
      if (typeof decodeHeader(this.#bytes.subarray(at, at + HEADER_SIZE), sha256) === 'string') {
        throw new Error(`redundant header ${slot} is rotten already`);
      }
    }
  }

  /** Addresses of the blocks of the durable checkpoint, by walking it. */
  #usedBlocks(): Set<number> {
    const zone = this.#bytes.subarray(0, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
    const state = readSuperblock(zone, sha256);
    if (typeof state === 'string') throw new Error(state);
    const { blockSize } = this.#config;
    const used = new Set<number>();
    inspectTree(state.checkpoint.forestRoot, {
      format: { checksum: sha256, blockSize },
      tables: new Set([...CORE_TABLES, ...createKernel().tables].map(({ id }) => id)),
      read: (address) => {
        used.add(address);
        const start = zoneOffset(this.#config, 'blocks') + (address - 1) * blockSize;
        return this.#bytes.subarray(start, start + blockSize);
      },
      onFault: ({ address, problem }) => {
        throw new Error(`block ${address} is rotten already: ${problem}`);
      },
      onBlock: () => {},
    });
    return used;
  }
}

function bytesOf(path: string): Uint8Array {
  const fd = openSync(path, 'r');
  try {
    const parts: Uint8Array[] = [];
    for (;;) {
      const part = Buffer.alloc(1024 * 1024);
      const count = readSync(fd, part);
      if (count === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
