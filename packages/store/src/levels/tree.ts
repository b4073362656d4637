import { type BlockReference, FOREST_ROOT_SIZE } from '../forest-types.ts';
import { FreeSet } from './free-set.ts';
import type { TableLevels } from './table-levels.ts';

/** A whole state on disk. */
export interface Tree {
  /** FOREST_ROOT_SIZE bytes; all zero for the empty tree. */
  readonly root: Uint8Array;
  /** Ascending by id; tables that hold nothing are left out. */
  readonly tables: readonly TableLevels[];
  /** Every block of the tree. */
  readonly used: FreeSet;
  /** Blocks of the metadata, in the order in which they were written. */
  readonly metadata: readonly BlockReference[];
}

export function treeEmpty(): Tree {
  return { root: new Uint8Array(FOREST_ROOT_SIZE), tables: [], used: new FreeSet(), metadata: [] };
}
