import {
  type ClusterConfig,
  HEADER_SIZE,
  HEADERS_PER_SECTOR,
  type PrepareMessage,
  SECTOR_SIZE,
  SUPERBLOCK_COPY_SIZE,
} from '@kimberlite/vsr';
import type { SimulatedStorage } from '../storage/storage.ts';

/** A byte inside the first request of every prepare's body. */
const IN_BODY = HEADER_SIZE + 40;
/** A byte inside every header. */
const IN_HEADER = 24;

/** One disk and its sizes. */
export interface LogDisk {
  readonly storage: SimulatedStorage;
  readonly config: ClusterConfig;
}

/** Inverts a bit in the body of the prepare in the slot of `op`; its header stays readable. */
export function rotBody({ storage, config }: LogDisk, op: number): void {
  const sector = ((op % config.walSlots) * config.messageSizeMax) / SECTOR_SIZE;
  storage.damage('wal_prepares', sector, { kind: 'flip', bit: IN_BODY * 8 });
}

/**
 * Inverts a bit behind the prepare in the slot of `op`, where it is shorter than a sector: nothing
 * of what it says is touched.
 */
export function rotPadding({ storage, config }: LogDisk, op: number): void {
  const sector = ((op % config.walSlots) * config.messageSizeMax) / SECTOR_SIZE;
  storage.damage('wal_prepares', sector, { kind: 'flip', bit: SECTOR_SIZE * 8 - 1 });
}

/**
 * The write of this prepare was torn: its header is in its slot, and behind it not what belongs
 * there. No sector counts as damaged: this is what the disk was left with.
 */
export function tearBody({ storage, config }: LogDisk, prepare: PrepareMessage): void {
  const bytes = prepare.bytes.slice();
  bytes.fill(0xee, HEADER_SIZE);
  const offset = (prepare.header.op % config.walSlots) * config.messageSizeMax;
  storage.format([{ zone: 'wal_prepares', offset, bytes }]);
}

/** The slot of `op` in the prepare ring can't be read at all. */
export function loseSlot({ storage, config }: LogDisk, op: number): void {
  const sector = ((op % config.walSlots) * config.messageSizeMax) / SECTOR_SIZE;
  storage.damage('wal_prepares', sector, { kind: 'error' });
}

/** Inverts a bit in the redundant header of `op`, and of no other. */
export function rotHeader({ storage, config }: LogDisk, op: number): void {
  const walSlot = op % config.walSlots;
  const byte = (walSlot % HEADERS_PER_SECTOR) * HEADER_SIZE + IN_HEADER;
  storage.damage('wal_headers', Math.floor(walSlot / HEADERS_PER_SECTOR), {
    kind: 'flip',
    bit: byte * 8,
  });
}

/** The whole redundant header ring can't be read. */
export function loseHeaderRing({ storage, config }: LogDisk): void {
  const sectors = Math.ceil(config.walSlots / HEADERS_PER_SECTOR);
  for (let sector = 0; sector < sectors; sector += 1) {
    storage.damage('wal_headers', sector, { kind: 'error' });
  }
}

/** Inverts a bit in one copy of the superblock. */
export function rotSuperblock({ storage }: LogDisk, copy: number): void {
  const sector = (copy * SUPERBLOCK_COPY_SIZE) / SECTOR_SIZE;
  storage.damage('superblock', sector, { kind: 'flip', bit: IN_HEADER * 8 });
}

/** Inverts a bit in the block at this address (1 and up). */
export function rotBlock({ storage, config }: LogDisk, address: number): void {
  const sector = ((address - 1) * config.blockSize) / SECTOR_SIZE;
  storage.damage('blocks', sector, { kind: 'flip', bit: IN_HEADER * 8 });
}

/** The last sector of a block can't be read; the others can. */
export function loseBlockEnd({ storage, config }: LogDisk, address: number): void {
  storage.damage('blocks', (address * config.blockSize) / SECTOR_SIZE - 1, { kind: 'error' });
}
