import type { BlockReference } from './forest-types.ts';
import { assert } from './std/assert.ts';
import { Checksum, type ChecksumFunction } from './std/checksum.ts';
import { readU64, readU128, writeU64, writeU128 } from './std/u128.ts';

/**
 * A block: this header, a payload, zeros. All numbers are little-endian.
 *
 * | offset | size | field        |                                                         |
 * |--------|------|--------------|---------------------------------------------------------|
 * | 0      | 4    | magic        | `KFB1`                                                  |
 * | 4      | 1    | kind         | `BlockKind`                                             |
 * | 5      | 3    | reserved     | zero                                                    |
 * | 8      | 4    | payload_size | 1 to block size - 32; full in all but a stream's last   |
 * | 12     | 4    | owner        | table id of a data block, level of a manifest block     |
 * | 16     | 4    | index        | place in the stream, from 0                             |
 * | 20     | 12   | reserved     | zero                                                    |
 *
 * Its checksum covers all of it and is kept by whoever refers to it, never in the block, so that a
 * stale but whole block at the same address is found out.
 */
export const BLOCK_HEADER_SIZE = 32;
const BLOCK_MAGIC = 0x3142464b;
const OFFSET_KIND = 4;
const OFFSET_PAYLOAD_SIZE = 8;
const OFFSET_OWNER = 12;
const OFFSET_INDEX = 16;
const OFFSET_RESERVED = 20;

/** Smallest size of a block; a root block must hold at least two references. */
export const BLOCK_SIZE_MIN = 128;

export const BlockKind = { data: 1, manifest: 2 } as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** What every block of a forest has in common. */
export interface BlockFormat {
  readonly checksum: ChecksumFunction;
  /** Bytes of a block, header included. */
  readonly blockSize: number;
}

/** A block's place in the stream that it is a part of. */
export interface BlockPlace {
  readonly kind: BlockKind;
  /** Table id of a data block, level of a manifest block. */
  readonly owner: number;
  readonly index: number;
}

/** Bytes of a stream that fit in one block. */
export function payloadSizeMax(blockSize: number): number {
  return blockSize - BLOCK_HEADER_SIZE;
}

/** Blocks that a stream of this many bytes takes. */
export function blocksOfStream(streamSize: number, blockSize: number): number {
  return Math.ceil(streamSize / payloadSizeMax(blockSize));
}

/** Writes the header of a block whose payload is in place and whose tail is zero. */
export function blockSeal(block: Uint8Array, place: BlockPlace, payloadSize: number): void {
  assert(payloadSize > 0, 'a block has a payload');
  assert(payloadSize <= payloadSizeMax(block.length), 'a payload fits its block');
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_HEADER_SIZE);
  view.setUint32(0, BLOCK_MAGIC, true);
  view.setUint8(OFFSET_KIND, place.kind);
  view.setUint32(OFFSET_PAYLOAD_SIZE, payloadSize, true);
  view.setUint32(OFFSET_OWNER, place.owner, true);
  view.setUint32(OFFSET_INDEX, place.index, true);
}

/** The payload of a block that has the right checksum, or null when it is not what it should be. */
export function blockPayload(block: Uint8Array, place: BlockPlace): Uint8Array | null {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  if (view.getUint32(0, true) !== BLOCK_MAGIC) return null;
  if (view.getUint32(OFFSET_KIND, true) !== place.kind) return null;
  if (view.getUint32(OFFSET_OWNER, true) !== place.owner) return null;
  if (view.getUint32(OFFSET_INDEX, true) !== place.index) return null;
  for (let at = OFFSET_RESERVED; at < BLOCK_HEADER_SIZE; at += 4) {
    if (view.getUint32(at, true) !== 0) return null;
  }
  const payloadSize = view.getUint32(OFFSET_PAYLOAD_SIZE, true);
  if (payloadSize < 1 || payloadSize > payloadSizeMax(block.length)) return null;
  const end = BLOCK_HEADER_SIZE + payloadSize;
  for (let at = end; at < block.length; at += 1) {
    if (block[at] !== 0) return null;
  }
  return block.subarray(BLOCK_HEADER_SIZE, end);
}

/** Bytes of a reference: address u64, checksum u128. */
export const REFERENCE_SIZE = 24;
/** Highest address: keeps tables indexed by address dense and offsets exact. */
export const ADDRESS_MAX: number = 0xffff_ffff;

export function referenceWrite(view: DataView, offset: number, reference: BlockReference): void {
  writeU64(view, offset, reference.address);
  writeU128(view, offset + 8, reference.checksum);
}

/** Null when the bytes name no block. */
export function referenceRead(view: DataView, offset: number): BlockReference | null {
  const address = readU64(view, offset);
  if (!(address >= 1 && address <= ADDRESS_MAX)) return null;
  const checksum = readU128(view, offset + 8);
  if (checksum === 0n) return null;
  return { address, checksum: Checksum(checksum) };
}
