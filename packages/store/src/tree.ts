import { FOREST_ROOT_SIZE } from './forest-types.ts';
import { BlockSet } from './free-set.ts';
import type { TableRuns } from './manifest.ts';

/** A whole state on disk: the runs of all tables and the blocks that hold them. */
export interface Tree {
  /** FOREST_ROOT_SIZE bytes; all zero for the empty tree. */
  readonly root: Uint8Array;
  /** Ascending by table id; tables without runs are left out. */
  readonly tables: readonly TableRuns[];
  readonly blocks: BlockSet;
}

export function treeEmpty(): Tree {
  return { root: new Uint8Array(FOREST_ROOT_SIZE), tables: [], blocks: new BlockSet() };
}
