import { BLOCK_SIZE_MIN, type BlockFormat } from './block.ts';
import { CheckpointWriter, type TablePlan } from './checkpoint-writer.ts';
import type { BlockReference, BlockWrite, TableOptions } from './forest-types.ts';
import { type Run, rootDecode } from './manifest.ts';
import { runKindToAdd } from './run-policy.ts';
import { assert, present } from './std/assert.ts';
import type { ChecksumFunction } from './std/checksum.ts';
import { LayeredTable, type Table } from './table.ts';
import { type Tree, treeEmpty } from './tree.ts';
import { type ProvideResult, type TableTarget, TreeLoader } from './tree-loader.ts';

export interface ForestOptions {
  readonly checksum: ChecksumFunction;
  /** Bytes of a block; 128 or more. The same on every replica, for ever. */
  readonly blockSize: number;
  /** Ids are unique; the same on every replica. */
  readonly tables: readonly TableOptions[];
}

/** Whether the bytes can be given to `beginRestore`: a root comes from outside, so it is asked. */
export function isForestRoot(root: Uint8Array, blockSize: number): boolean {
  return rootDecode(root, blockSize) !== 'bad';
}

/**
 * The tables of a replica and their checkpoints. The whole state is in memory; a checkpoint writes
 * it as immutable sorted runs of checksummed blocks that form a Merkle tree under one root. What a
 * checkpoint writes, and where, is a function of the operations and freezes since the forest was
 * empty: the same on every replica, however the work was sliced, and whether or not the replica
 * was restored from a checkpoint in between.
 *
 * A cycle is freeze, nextWrites until checkpointSerialised, checkpointDurable, foldStep until it
 * returns false. It allocates nothing in the durable tree's place and may be given up at any time
 * by beginRestore.
 */
export class Forest {
  private readonly format: BlockFormat;
  /** Ascending by id: the order in which a checkpoint writes them. */
  private readonly ordered: readonly LayeredTable[];
  private readonly byId: ReadonlyMap<number, LayeredTable>;
  /** The durable tree; the empty one while another is being loaded. */
  private current: Tree = treeEmpty();
  /** The checkpoint between freeze and checkpointDurable. */
  private writer: CheckpointWriter | null = null;
  /** The tree between beginRestore and restored. */
  private loader: TreeLoader | null = null;
  private foldingNow = false;

  constructor(options: ForestOptions) {
    assert(options.blockSize >= BLOCK_SIZE_MIN, 'blocks have a smallest size');
    this.format = { checksum: options.checksum, blockSize: options.blockSize };
    this.ordered = options.tables
      .map((table) => new LayeredTable(table))
      .sort((first, other) => first.options.id - other.options.id);
    this.byId = new Map(this.ordered.map((table) => [table.options.id, table]));
    assert(this.byId.size === this.ordered.length, 'table ids are unique');
  }

  table(id: number): Table {
    return present(this.byId.get(id), 'the forest has this table');
  }

  /** The root of the durable tree: FOREST_ROOT_SIZE bytes, all zero when it is empty. */
  get root(): Uint8Array {
    return this.current.root;
  }

  /**
   * The state exactly now becomes the frozen one, and new writes go to a new layer. Nothing may be
   * frozen, folding or restoring.
   */
  freeze(): void {
    assert(this.writer === null, 'one checkpoint at a time');
    assert(!this.foldingNow, 'the last checkpoint is folded before the next');
    assert(this.loader === null, 'no checkpoint during a restore');
    const plans = this.ordered.map((table) => this.plan(table));
    this.writer = new CheckpointWriter(this.format, this.current, plans);
  }

  /**
   * Serialises the frozen state further and returns the next writes, neighbouring blocks joined,
   * together at most `budget` bytes but at least one block. Empty when all has been handed out.
   */
  nextWrites(budget: number): BlockWrite[] {
    return this.running().next(budget);
  }

  /** Whether nextWrites has handed out everything. */
  get checkpointSerialised(): boolean {
    return this.writer !== null && this.writer.written !== null;
  }

  /** The root of the new tree, all zero when it is empty; asked once it is serialised. */
  checkpointRoot(): Uint8Array {
    return present(this.running().written, 'a checkpoint has a root when it is serialised').root;
  }

  /** The superblock that names checkpointRoot() is durable: it becomes the current tree. */
  checkpointDurable(): void {
    this.current = present(this.running().written, 'a durable checkpoint was serialised');
    this.writer = null;
    this.foldingNow = this.ordered.some((table) => table.frozen !== null);
  }

  /**
   * Moves up to `entries` from the frozen layers into the bases; true while there is more. It is
   * called until false before the next freeze.
   */
  foldStep(entries: number): boolean {
    assert(entries > 0, 'a step moves something');
    if (!this.foldingNow) return false;
    let left = entries;
    for (const table of this.ordered) {
      left -= table.fold(left);
      if (left === 0) break;
    }
    this.foldingNow = this.ordered.some((table) => table.frozen !== null);
    return this.foldingNow;
  }

  get folding(): boolean {
    return this.foldingNow;
  }

  /** All blocks of the durable tree, as they were written; none while another is being loaded. */
  references(): readonly BlockReference[] {
    return this.current.blocks.references;
  }

  /** Whether exactly this block belongs to the durable tree; none does while one is loaded. */
  holds(reference: BlockReference): boolean {
    return this.current.blocks.holds(reference);
  }

  /** The first address above all blocks of the durable tree; 0 when it has none. */
  get blocksEnd(): number {
    return this.current.blocks.end;
  }

  /**
   * Blocks of the durable tree in the order of their addresses: the first at or above `address` and
   * those that follow it without a gap, at most `limit`. Empty when there is none.
   */
  neighboursFrom(address: number, limit: number): readonly BlockReference[] {
    return this.current.blocks.neighboursFrom(address, limit);
  }

  /**
   * Drops everything in memory, a running checkpoint too, and starts loading the tree that `root`
   * names. The root must satisfy `isForestRoot`. The tables can't be used until `restored`.
   */
  beginRestore(root: Uint8Array): void {
    const decoded = rootDecode(root, this.format.blockSize);
    assert(decoded !== 'bad', 'a root is checked before it is restored');
    this.writer = null;
    this.foldingNow = false;
    this.current = treeEmpty();
    for (const table of this.ordered) table.loadBegin();
    if (decoded === 'empty') {
      this.loader = null;
      for (const table of this.ordered) table.loadEnd();
      return;
    }
    const targets = new Map<number, TableTarget>();
    for (const table of this.ordered) {
      targets.set(table.options.id, {
        visit: (kind, key, value) => table.load(kind, key, value),
        takesDeltas: table.options.combine !== null,
      });
    }
    this.loader = new TreeLoader(this.format, decoded, targets);
  }

  /** Blocks needed next that no earlier call has named, at most `limit`. */
  takeWanted(limit: number): BlockReference[] {
    return this.loader === null ? [] : this.loader.take(limit);
  }

  /**
   * The bytes of a wanted block; they are copied where they are kept. 'bad' when they are not what
   * the reference names: the block stays missing, is not named again, and may be provided once more
   * with other bytes. When a block is what its name says and still no part of a tree, nothing more
   * is wanted: such a root was never made by a replica.
   */
  provide(reference: BlockReference, bytes: Uint8Array): ProvideResult {
    if (this.loader === null) return 'unwanted';
    const result = this.loader.provide(reference, bytes);
    const { loaded } = this.loader;
    if (loaded !== null) {
      this.current = loaded;
      this.loader = null;
      for (const table of this.ordered) table.loadEnd();
    }
    return result;
  }

  /** Whether everything that beginRestore asked for is loaded; true when nothing was asked. */
  get restored(): boolean {
    return this.loader === null;
  }

  private running(): CheckpointWriter {
    return present(this.writer, 'a checkpoint is running');
  }

  private plan(table: LayeredTable): TablePlan {
    const { id, combine } = table.options;
    const runs: readonly Run[] = this.current.tables.find((each) => each.table === id)?.runs ?? [];
    const changed = table.freeze();
    const { frozen, base } = table;
    if (!changed || frozen === null) {
      return { table: id, combine, kept: runs, added: null, frozen, base };
    }
    const added = runKindToAdd(runs, frozen.runSize, this.format.blockSize);
    const kept = added === 'full' ? [] : runs;
    return { table: id, combine, kept, added, frozen, base };
  }
}
