import {
  type ClusterConfig,
  HEADER_SIZE,
  HEADERS_PER_SECTOR,
  OFFSET_CHECKSUM_BODY,
  type Prng,
  SECTOR_SIZE,
  SUPERBLOCK_COPY_SIZE,
  type Zone,
} from '@kimberlite/vsr';

export interface SectorPlace {
  readonly zone: Zone;
  readonly sector: number;
  readonly config: ClusterConfig;
}

const CHECKSUM_SIZE = 16;
/** Both checksums of a header, which stand at its beginning. */
const HEADER_CHECKSUMS_SIZE = OFFSET_CHECKSUM_BODY + CHECKSUM_SIZE;

/**
 * A bit of a checksum that stands in this sector, any alike; null where none does. A block has none
 * of its own: whoever refers to it keeps it, in a payload or in the superblock.
 */
export function bitOfChecksum(prng: Prng, { zone, sector, config }: SectorPlace): number | null {
  const isFirstOf = (size: number): boolean => sector % (size / SECTOR_SIZE) === 0;
  switch (zone) {
    case 'superblock':
      return isFirstOf(SUPERBLOCK_COPY_SIZE) ? prng.below(CHECKSUM_SIZE * 8) : null;
    case 'wal_headers': {
      const header = prng.below(HEADERS_PER_SECTOR) * HEADER_SIZE;
      return header * 8 + prng.below(HEADER_CHECKSUMS_SIZE * 8);
    }
    case 'wal_prepares':
      return isFirstOf(config.messageSizeMax) ? prng.below(HEADER_CHECKSUMS_SIZE * 8) : null;
    case 'blocks':
      return null;
  }
}
