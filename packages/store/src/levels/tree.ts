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
  /** The forest's horizon when the state was frozen. */
  readonly horizon: number;
}

export function treeEmpty(): Tree {
  const root = new Uint8Array(FOREST_ROOT_SIZE);
  return { root, tables: [], used: new FreeSet(), metadata: [], horizon: 0 };
}
