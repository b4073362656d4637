import { SECTOR_SIZE } from '../config.ts';
import type { LogHeader } from '../message/header-list.ts';
import type { ReadPurpose } from './effect.ts';
import type { Replica } from './replica.ts';

/** Whole sectors that hold a prepare of this size. */
export function readLengthOf(size: number): number {
  return Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
}

/** Asks the disk for the prepare of a known header. */
export function readPrepare(
  r: Replica,
  { header }: LogHeader,
  purpose: Exclude<ReadPurpose, { kind: 'start' }>,
): void {
  r.out.push({
    kind: 'read_prepare',
    walSlot: r.journal.slotOf(header.op),
    length: readLengthOf(header.size),
    op: header.op,
    checksum: header.checksum,
    purpose,
  });
}

/**
 * Whether what follows a prepare in its last sector is zero, as it was written. A flipped bit there
 * harms nobody yet, but shows a sector that is going bad: with peers it is written anew from them.
 */
export function isPaddingSound(r: Replica, bytes: Uint8Array, size: number): boolean {
  if (r.replicaCount === 1) return true;
  for (let at = size; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
