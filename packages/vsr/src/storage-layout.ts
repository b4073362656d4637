import { type ClusterConfig, SECTOR_SIZE } from './config.ts';
import { HEADER_SIZE } from './message/layout.ts';

/** Copies of the superblock. */
export const SUPERBLOCK_COPIES = 4;
/** Bytes of each copy. */
export const SUPERBLOCK_COPY_SIZE: number = 16 * 1024;

/** Headers in one sector of the redundant ring. */
export const HEADERS_PER_SECTOR: number = SECTOR_SIZE / HEADER_SIZE;

/** Size of a zone in bytes; null for the block area, which grows. */
export function zoneSize(config: ClusterConfig, zone: Zone): number | null {
  switch (zone) {
    case 'superblock':
      return SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;
    case 'wal_headers':
      return config.walSlots * HEADER_SIZE;
    case 'wal_prepares':
      return config.walSlots * config.messageSizeMax;
    case 'blocks':
      return null;
  }
}

/** Offset of a zone in the data file: superblock, header ring, prepare ring, blocks. */
export function zoneOffset(config: ClusterConfig, zone: Zone): number {
  const superblock = SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;
  const headers = config.walSlots * HEADER_SIZE;
  const align = (size: number): number => Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
  switch (zone) {
    case 'superblock':
      return 0;
    case 'wal_headers':
      return superblock;
    case 'wal_prepares':
      return superblock + align(headers);
    case 'blocks':
      return superblock + align(headers) + config.walSlots * config.messageSizeMax;
  }
}

/** Parts of a data file. Offsets are relative to the zone; zone sizes are in storage-layout.ts. */
export type Zone = 'superblock' | 'wal_headers' | 'wal_prepares' | 'blocks';
