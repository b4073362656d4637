export { ADDRESS_MAX, REFERENCE_SIZE } from './block.ts';
export { compareBytes } from './bytes.ts';
export {
  type BlockReference,
  type BlockWrite,
  type Expiry,
  FOREST_ROOT_SIZE,
  type TableOptions,
} from './forest-types.ts';
export type { ProvideResult } from './levels/block-demand.ts';
export type { BlockHold } from './levels/block-hold.ts';
export { Extents } from './levels/extents.ts';
export { Forest, type ForestOptions, isForestRoot } from './levels/forest.ts';
export {
  type InspectOptions,
  inspectTree,
  type TreeContent,
  type TreeFault,
} from './levels/inspect-tree.ts';
export type { LeveledTable, StoredEntry } from './levels/leveled-table.ts';
export { PAGE_SIZE_MAX, pageKeySizeMax, valueSizeMax } from './levels/page.ts';
export type { Run } from './levels/run.ts';
export { runViews, type TableLevels } from './levels/table-levels.ts';
export type { Walk, Walked, WalkedRow, WalkRoom } from './levels/table-walk.ts';
export type { TreeTour } from './levels/tree-tour.ts';
export { AssertionError, assert, present, unreachable } from './std/assert.ts';
export { ByteReader } from './std/byte-reader.ts';
export { Checksum, type ChecksumFunction, checksumOfDigest, mix128 } from './std/checksum.ts';
export { nearestName } from './std/nearest-name.ts';
export { sha256, sha256Checksum } from './std/sha256.ts';
export { Slab } from './std/slab.ts';
export { readU64, readU128, writeU64, writeU128 } from './std/u128.ts';
