import {
  BLOCK_SIZE_MIN,
  blocksOfStream,
  REFERENCE_SIZE,
  referenceRead,
  referenceWrite,
} from './block.ts';
import { type BlockReference, FOREST_ROOT_SIZE } from './forest-types.ts';
import { assert } from './std/assert.ts';
import { readU64, writeU64 } from './std/u128.ts';

/**
 * The root of a forest that is not empty (all zero is the empty one): magic `KFR1` u32, block size
 * u32, block count u64 (all blocks, the manifest's too), manifest size u64 (bytes of its stream),
 * the reference of the top manifest block, zeros.
 *
 * The manifest is a tree: level 0 is its stream in blocks; when a level takes more than one block,
 * the references of its blocks are the stream of the next.
 */
export interface ForestRoot {
  readonly top: BlockReference;
  readonly blockCount: number;
  readonly manifestSize: number;
}

const ROOT_MAGIC = 0x3152464b;
const ROOT_OFFSET_BLOCK_SIZE = 4;
const ROOT_OFFSET_BLOCK_COUNT = 8;
const ROOT_OFFSET_MANIFEST_SIZE = 16;
const ROOT_OFFSET_TOP = 24;
const ROOT_OFFSET_RESERVED: number = ROOT_OFFSET_TOP + REFERENCE_SIZE;

export function rootEncode(root: ForestRoot, blockSize: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(FOREST_ROOT_SIZE));
  view.setUint32(0, ROOT_MAGIC, true);
  view.setUint32(ROOT_OFFSET_BLOCK_SIZE, blockSize, true);
  writeU64(view, ROOT_OFFSET_BLOCK_COUNT, root.blockCount);
  writeU64(view, ROOT_OFFSET_MANIFEST_SIZE, root.manifestSize);
  referenceWrite(view, ROOT_OFFSET_TOP, root.top);
  return new Uint8Array(view.buffer);
}

/** The root, 'empty' when the bytes name the empty forest, 'bad' when they name none. */
export function rootDecode(bytes: Uint8Array, blockSize: number): ForestRoot | 'empty' | 'bad' {
  if (bytes.length !== FOREST_ROOT_SIZE) return 'bad';
  if (bytes.every((byte) => byte === 0)) return 'empty';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== ROOT_MAGIC) return 'bad';
  if (view.getUint32(ROOT_OFFSET_BLOCK_SIZE, true) !== blockSize) return 'bad';
  if (bytes.subarray(ROOT_OFFSET_RESERVED).some((byte) => byte !== 0)) return 'bad';
  const top = referenceRead(view, ROOT_OFFSET_TOP);
  const blockCount = readU64(view, ROOT_OFFSET_BLOCK_COUNT);
  const manifestSize = readU64(view, ROOT_OFFSET_MANIFEST_SIZE);
  if (top === null || !(blockCount >= 1) || !(manifestSize >= 1)) return 'bad';
  const levels = manifestLevels(manifestSize, blockSize);
  if (levels.reduce((sum, count) => sum + count, 0) > blockCount) return 'bad';
  return { top, blockCount, manifestSize };
}

/** Blocks of each level of a manifest, the stream's own level first. */
export function manifestLevels(manifestSize: number, blockSize: number): number[] {
  assert(blockSize >= BLOCK_SIZE_MIN, 'a block holds two references or more');
  const levels = [blocksOfStream(manifestSize, blockSize)];
  for (let count = levels[0] ?? 0; count > 1; ) {
    count = blocksOfStream(count * REFERENCE_SIZE, blockSize);
    levels.push(count);
  }
  return levels;
}
