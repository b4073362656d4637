export { BlockKind, blockPayload, payloadSizeMax, REFERENCE_SIZE } from './block.ts';
export { FETCH_WINDOW } from './block-fetch.ts';
export { compareBytes } from './bytes.ts';
export { Forest, type ForestOptions, isForestRoot } from './forest.ts';
export {
  type BlockReference,
  type BlockWrite,
  FOREST_ROOT_SIZE,
  type TableOptions,
} from './forest-types.ts';
export {
  manifestDecode,
  manifestLevels,
  type Run,
  referencesDecode,
  rootDecode,
  type TableRuns,
} from './manifest.ts';
export { KEY_SIZE_MAX, RecordKind, VALUE_SIZE_MAX } from './record.ts';
export { type RecordVisitor, RunReader } from './run-reader.ts';
export { AssertionError, assert, maybe, present, unreachable } from './std/assert.ts';
export { Checksum, type ChecksumFunction, checksumOfDigest, mix128 } from './std/checksum.ts';
export { sha256, sha256Checksum } from './std/sha256.ts';
export { Slab } from './std/slab.ts';
export { readU64, readU128, writeU64, writeU128 } from './std/u128.ts';
export type { StoredEntry, Table } from './table.ts';
export type { ProvideResult } from './tree-loader.ts';
