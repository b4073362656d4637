export { type BlockReference, type BlockWrite, FOREST_ROOT_SIZE, type TableOptions } from './forest-types.ts';
export { AssertionError, assert, maybe, present, unreachable } from './std/assert.ts';
export { Checksum, type ChecksumFunction, checksumOfDigest, mix128 } from './std/checksum.ts';
export { readU64, readU128, writeU64, writeU128 } from './std/u128.ts';
