import type { ChecksumFunction } from '@kimberlite/store';
import { type ClusterConfig, decodeHeader, HEADER_SIZE, SECTOR_SIZE } from '@kimberlite/vsr';
import { check } from '../checkers/violation.ts';
import type { SectorMemory } from './sector-memory.ts';

export interface HeaderWrite {
  /** Offset in the header ring, in bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Checks that every prepare header about to be written to the redundant ring belongs to its slot
 * and has its body on disk already. Without this order a crash leaves a header that vouches for a
 * body that was never there, and a torn write can no longer be told from a rotten one.
 */
export function checkHeaderWrite(
  write: HeaderWrite,
  headers: SectorMemory,
  prepares: SectorMemory,
  context: { readonly config: ClusterConfig; readonly checksum: ChecksumFunction },
): void {
  const { config, checksum } = context;
  for (let at = 0; at + HEADER_SIZE <= write.bytes.length; at += HEADER_SIZE) {
    const place = write.offset + at;
    const walSlot = place / HEADER_SIZE;
    const bytes = write.bytes.subarray(at, at + HEADER_SIZE);
    const sector = headers.pristine(Math.floor(place / SECTOR_SIZE));
    const within = place % SECTOR_SIZE;
    if (sameBytes(bytes, sector.subarray(within, within + HEADER_SIZE))) continue;
    const header = decodeHeader(bytes, checksum);
    if (typeof header === 'string' || header.command !== 'prepare') continue;
    check(
      'disk_order',
      header.op % config.walSlots === walSlot,
      () => `header of op ${header.op} is written to slot ${walSlot}`,
    );
    const first = (walSlot * config.messageSizeMax) / SECTOR_SIZE;
    // Where the last write of a body went astray, a start finds the one before, and rightly gives
    // that one its header back.
    const bodies = [prepares.pristine(first), prepares.standing(first)];
    check(
      'disk_order',
      bodies.some((body) => sameBytes(bytes, body.subarray(0, HEADER_SIZE))),
      () => `header of op ${header.op} is written before its prepare is on disk`,
    );
  }
}

/** Whether two byte strings are equal. */
export function sameBytes(first: Uint8Array, other: Uint8Array): boolean {
  if (first.length !== other.length) return false;
  for (let at = 0; at < first.length; at += 1) if (first[at] !== other[at]) return false;
  return true;
}
