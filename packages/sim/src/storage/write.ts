import { SECTOR_SIZE, type Zone } from '@kimberlite/vsr';

/** A write on its way to a simulated disk. */
export interface Write {
  readonly zone: Zone;
  readonly firstSector: number;
  /** Whole sectors, padded with zeros. */
  readonly sectors: readonly Uint8Array[];
}

/** One copy of all: what the writer does to its bytes later is not seen by anybody. */
export function toWrite(zone: Zone, offset: number, bytes: Uint8Array): Write {
  const padded = new Uint8Array(Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE);
  padded.set(bytes);
  const sectors: Uint8Array[] = [];
  for (let at = 0; at < padded.length; at += SECTOR_SIZE) {
    sectors.push(padded.subarray(at, at + SECTOR_SIZE));
  }
  return { zone, firstSector: offset / SECTOR_SIZE, sectors };
}

/** Whether two writes have a sector in common. */
export function overlap(first: Write, other: Write): boolean {
  return (
    first.zone === other.zone &&
    first.firstSector < other.firstSector + other.sectors.length &&
    other.firstSector < first.firstSector + first.sectors.length
  );
}
