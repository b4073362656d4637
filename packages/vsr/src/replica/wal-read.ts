import { SECTOR_SIZE } from '../config.ts';
import type { LogHeader } from '../message/header-list.ts';
import { HEADER_SIZE, type Header } from '../message/layout.ts';
import { decodeHeader, decodeMessage } from '../message/message.ts';
import { isZero } from '../std/zeros.ts';
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
  return r.replicaCount === 1 || isZero(bytes, size, bytes.length);
}

/** The header at the start of these bytes, when it belongs to this slot of this cluster. */
export function slotHeader(r: Replica, walSlot: number, bytes: Uint8Array): Header | null {
  const header = decodeHeader(bytes.subarray(0, HEADER_SIZE), r.checksum);
  if (typeof header === 'string' || header.cluster !== r.cluster) return null;
  if (header.command === 'reserved') return header.op === walSlot ? header : null;
  if (header.command !== 'prepare' || header.op % r.config.walSlots !== walSlot) return null;
  return header;
}

/** Whether the bytes of a slot are the whole message of their header, followed by zeros. */
export function isSlotWhole(r: Replica, header: Header, bytes: Uint8Array): boolean {
  if (header.size > bytes.length) return false;
  const message = decodeMessage(bytes.subarray(0, header.size), r.checksum);
  return typeof message !== 'string' && isPaddingSound(r, bytes, header.size);
}
