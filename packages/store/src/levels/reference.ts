import { REFERENCE_SIZE } from '../block.ts';
import type { BlockReference } from '../forest-types.ts';
import { Checksum } from '../std/checksum.ts';

// References as they lie in blocks: address u64, checksum u128, without an object for each.

export function readU32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8); // SAFETY: in range.
  const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8); // SAFETY: in range.
  return (low | (high << 16)) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** The address in the reference that begins at `at`. */
export function addressAt(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU32(bytes, at + 4) * 4294967296;
}

export function referenceAt(bytes: Uint8Array, at: number): BlockReference {
  const low = BigInt(readU32(bytes, at + 8)) | (BigInt(readU32(bytes, at + 12)) << 32n);
  const high = BigInt(readU32(bytes, at + 16)) | (BigInt(readU32(bytes, at + 20)) << 32n);
  return { address: addressAt(bytes, at), checksum: Checksum(low | (high << 64n)) };
}

/** The bytes of a reference. */
export function referenceBytes(reference: BlockReference): Uint8Array {
  const bytes = new Uint8Array(REFERENCE_SIZE);
  writeU32(bytes, 0, reference.address >>> 0);
  writeU32(bytes, 4, Math.floor(reference.address / 4294967296));
  let rest: bigint = reference.checksum;
  for (let at = 8; at < REFERENCE_SIZE; at += 4) {
    writeU32(bytes, at, Number(rest & 0xffff_ffffn));
    rest >>= 32n;
  }
  return bytes;
}

/** Whether the reference in `name`, alone there, is the one that begins at `at`. */
export function referenceEquals(name: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < REFERENCE_SIZE; index += 1) {
    if (name[index] !== bytes[at + index]) return false;
  }
  return true;
}
