import { closeSync, openSync, readSync } from 'node:fs';
import { createKernel } from '@kimberlite/kernel';
import { sha256 } from '@kimberlite/server';
import {
  type CheckpointRecord,
  type ClusterConfig,
  CORE_TABLES,
  inspectTree,
  readSuperblock,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockState,
  zoneOffset,
} from '@kimberlite/vsr';

const TABLES: ReadonlySet<number> = new Set(
  [...CORE_TABLES, ...createKernel().tables].map(({ id }) => id),
);

/** Blocks of one checkpoint, and how many of them another file does not have. */
export interface MissingBlocks {
  readonly blocks: number;
  readonly missing: number;
}

/** A data file that nobody writes to meanwhile. */
export class RestingFile {
  readonly #fd: number;
  readonly #config: ClusterConfig;
  readonly superblock: SuperblockState;

  constructor(path: string, config: ClusterConfig) {
    this.#fd = openSync(path, 'r');
    this.#config = config;
    const zone = this.#read(0, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
    const superblock = readSuperblock(zone, sha256);
    if (typeof superblock === 'string') throw new Error(superblock);
    this.superblock = superblock;
  }

  block(address: number): Uint8Array {
    const { blockSize } = this.#config;
    return this.#read(zoneOffset(this.#config, 'blocks') + (address - 1) * blockSize, blockSize);
  }

  /** Walks a checkpoint of this file, and counts the blocks that `other` would have to fetch. */
  missingIn(other: RestingFile, checkpoint: CheckpointRecord): MissingBlocks {
    let blocks = 0;
    let missing = 0;
    inspectTree(checkpoint.forestRoot, {
      format: { checksum: sha256, blockSize: this.#config.blockSize },
      tables: TABLES,
      read: (address) => {
        const bytes = this.block(address);
        blocks += 1;
        if (Buffer.compare(bytes, other.block(address)) !== 0) missing += 1;
        return bytes;
      },
      onFault: ({ address, problem }) => {
        throw new Error(`block ${address}: ${problem}`);
      },
      onBlock: () => {},
    });
    return { blocks, missing };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    readSync(this.#fd, bytes, 0, length, position);
    return bytes;
  }
}
