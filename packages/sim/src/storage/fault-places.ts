import { type ClusterConfig, HEADERS_PER_SECTOR, SECTOR_SIZE, type Zone } from '@kimberlite/vsr';
import type { FaultAtlas } from './fault-atlas.ts';

/** One replica's part of the atlas, with the sizes that translate sectors to places. */
export interface FaultPlaces {
  readonly slot: number;
  readonly atlas: FaultAtlas;
  readonly config: ClusterConfig;
}

/** Whether this sector may become unreadable. The superblock does so only as it is written. */
export function mayRot(places: FaultPlaces, zone: Zone, sector: number): boolean {
  const { slot, atlas, config } = places;
  switch (zone) {
    case 'superblock':
      return false;
    case 'wal_headers':
      return atlas.headersMayRot(slot, sector);
    case 'wal_prepares':
      return atlas.prepareMayRot(slot, Math.floor((sector * SECTOR_SIZE) / config.messageSizeMax));
    case 'blocks':
      return atlas.blockMayFail(slot, Math.floor((sector * SECTOR_SIZE) / config.blockSize));
  }
}

export interface WritePlace {
  readonly zone: Zone;
  readonly firstSector: number;
  readonly sectors: readonly Uint8Array[];
}

/** First sectors of the places where a misdirected write may land; its own may be among them. */
export function misdirectPlaces(places: FaultPlaces, write: WritePlace): number[] {
  switch (write.zone) {
    case 'superblock':
      return [];
    case 'wal_headers':
      return headerPlaces(places, write);
    case 'wal_prepares':
      return preparePlaces(places, write);
    case 'blocks':
      return blockPlaces(places, write);
  }
}

function headerPlaces({ slot, atlas, config }: FaultPlaces, write: WritePlace): number[] {
  if (write.sectors.length > 1) return [];
  if (atlas.walFault(slot, write.firstSector) !== 'misdirect_headers') return [];
  const found: number[] = [];
  const sectors = Math.ceil(config.walSlots / HEADERS_PER_SECTOR);
  for (let sector = 0; sector < sectors; sector += 1) {
    const kind = atlas.walFault(slot, sector);
    if (kind === 'misdirect_headers' || kind === 'rot') found.push(sector);
  }
  return found;
}

function preparePlaces({ slot, atlas, config }: FaultPlaces, write: WritePlace): number[] {
  const perSlot = config.messageSizeMax / SECTOR_SIZE;
  const kindOf = (walSlot: number): string =>
    atlas.walFault(slot, Math.floor(walSlot / HEADERS_PER_SECTOR));
  if (kindOf(Math.floor(write.firstSector / perSlot)) !== 'misdirect_prepares') return [];
  const found: number[] = [];
  for (let walSlot = 0; walSlot < config.walSlots; walSlot += 1) {
    const kind = kindOf(walSlot);
    if (kind === 'misdirect_prepares' || kind === 'rot') found.push(walSlot * perSlot);
  }
  return found;
}

/** Neighbours only: the block area has no end to draw from. */
function blockPlaces({ slot, atlas, config }: FaultPlaces, write: WritePlace): number[] {
  const perBlock = config.blockSize / SECTOR_SIZE;
  if (write.sectors.length !== perBlock) return [];
  const address = Math.floor(write.firstSector / perBlock);
  if (!atlas.blockMayFail(slot, address)) return [];
  const found: number[] = [];
  for (let other = Math.max(0, address - 8); other <= address + 8; other += 1) {
    if (atlas.blockMayFail(slot, other)) found.push(other * perBlock);
  }
  return found;
}
