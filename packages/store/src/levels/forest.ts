import type { BlockFormat } from '../block.ts';
import type { BlockReference, BlockWrite, TableOptions } from '../forest-types.ts';
import { rootDecode } from '../manifest.ts';
import { assert, present } from '../std/assert.ts';
import type { ChecksumFunction } from '../std/checksum.ts';
import { BlockCache } from './block-cache.ts';
import { BlockDemand, type ProvideResult } from './block-demand.ts';
import { BlockHold } from './block-hold.ts';
import { CheckpointJob } from './checkpoint-job.ts';
import { LeveledTable } from './leveled-table.ts';
import { PAGE_SIZE_MAX, PAGE_SIZE_MIN } from './page.ts';
import { type Restore, restoreTree } from './restore-tree.ts';
import { type Tree, treeEmpty } from './tree.ts';
import { TreeTour } from './tree-tour.ts';

/** What a forest is made with. */
export interface ForestOptions {
  readonly checksum: ChecksumFunction;
  /** Bytes of a block: 256 to 65,536. The same on every replica, for ever. */
  readonly blockSize: number;
  /** Bytes of blocks kept in memory. It changes how fast reads are, never what is written. */
  readonly cacheSize: number;
  /** Ids are unique; the same on every replica. */
  readonly tables: readonly TableOptions[];
}

/** Whether the bytes can be given to `beginRestore`: a root comes from outside, so it is asked. */
export function isForestRoot(root: Uint8Array, blockSize: number): boolean {
  return rootDecode(root, blockSize) !== 'bad';
}

/**
 * The tables of a replica, in memory and on disk, and their checkpoints. A checkpoint writes the
 * changes of an interval as sorted runs and takes a step of every merge; all blocks together form a
 * Merkle tree under one root. What a checkpoint writes, and where, is a function of the operations
 * and freezes since the forest was empty: the same on every replica, however the work was sliced,
 * whatever was in the cache, and whether or not the replica was restored in between.
 *
 * A cycle is freeze, nextWrites until checkpointSerialised, checkpointDurable. Reading, the work of
 * a checkpoint and a restore all want blocks; takeWanted names them, provide hands them in.
 */
export class Forest {
  private readonly format: BlockFormat;
  private readonly cache: BlockCache;
  private readonly demand: BlockDemand;
  /** Ascending by id: the order in which a checkpoint works on them. */
  private readonly ordered: readonly LeveledTable[];
  private readonly byId: ReadonlyMap<number, LeveledTable>;
  /** The durable tree; the empty one while another is being restored. */
  private current: Tree = treeEmpty();
  /** Records that expire at or below are gone; see `expire`. */
  private horizonNow = 0;
  /** The checkpoint between freeze and checkpointDurable. */
  private job: CheckpointJob | null = null;
  /** The restore between beginRestore and restored. */
  private restoring: Restore | null = null;
  /** Holds that keep or wait for something. */
  private readonly holds: Set<BlockHold> = new Set();

  constructor(options: ForestOptions) {
    const { checksum, blockSize } = options;
    assert(blockSize >= PAGE_SIZE_MIN && blockSize <= PAGE_SIZE_MAX, 'a block size in range');
    this.format = { checksum, blockSize };
    this.cache = new BlockCache(options.cacheSize, blockSize);
    this.demand = new BlockDemand(this.cache, { checksum, blockSize });
    this.ordered = options.tables
      .map((table) => new LeveledTable(table, { blockSize, source: this.demand }))
      .sort((first, other) => first.options.id - other.options.id);
    this.byId = new Map(this.ordered.map((table) => [table.options.id, table]));
    assert(this.byId.size === this.ordered.length, 'table ids are unique');
  }

  /** Whether there is such a table. */
  has(id: number): boolean {
    return this.byId.has(id);
  }

  /** A table is neither read nor written before `restored`. */
  table(id: number): LeveledTable {
    assert(this.restoring === null, 'a table is not used while it is restored');
    return present(this.byId.get(id), 'the forest has this table');
  }

  /** The root of the durable tree: FOREST_ROOT_SIZE bytes, all zero when it is empty. */
  get root(): Uint8Array {
    return this.current.root;
  }

  /** The durable tree. */
  get tree(): Tree {
    return this.current;
  }

  /** A tour over all blocks of the durable tree, from a place drawn with `fraction` (0 to 1). */
  tour(fraction: number): TreeTour {
    return new TreeTour(this.format, this.current, fraction);
  }

  /** The state exactly now becomes the frozen one. Nothing may be frozen or restoring. */
  freeze(): void {
    assert(this.job === null, 'one checkpoint at a time');
    assert(this.restoring === null, 'no checkpoint during a restore');
    const { format, demand } = this;
    const frozen = this.ordered.map((table) => {
      table.freeze();
      const { id, combine, expiry } = table.options;
      return { table: id, combine, expiry: expiry ?? null, frozen: table.frozen };
    });
    const state = { tables: frozen, horizon: this.horizonNow };
    for (const table of this.ordered) table.settled = false;
    this.job = new CheckpointJob({ format, demand, keeper: this }, this.current, state);
  }

  /**
   * From now on records that expire at or below `horizon` are gone for readers; their space comes
   * back when they are merged. Never goes back: a lower one changes nothing. Part of the state, so
   * it must follow from the operations alone.
   */
  expire(horizon: number): void {
    assert(this.restoring === null, 'no horizon moves during a restore');
    assert(Number.isSafeInteger(horizon) && horizon >= 0, 'a horizon is a safe integer');
    if (horizon <= this.horizonNow) return;
    this.horizonNow = horizon;
    for (const table of this.ordered) table.horizon = horizon;
  }

  /** The highest `expire` so far. */
  get horizon(): number {
    return this.horizonNow;
  }

  /**
   * Works on for a slice, which makes at most `budget` bytes of blocks or one block, and looks at a
   * limited number of records. Returns the next writes, neighbouring blocks joined: blocks are
   * handed out when 128 KiB of them are there, or the last ones, and together at most as many (at
   * least one block), whatever the budget. Empty while fewer are there, when `checkpointBlocked`
   * with none left to hand out, and when all has been handed out.
   */
  nextWrites(budget: number): BlockWrite[] {
    return this.running().next(budget);
  }

  /** Whether a checkpoint was frozen and is not durable yet. */
  get checkpointing(): boolean {
    return this.job !== null;
  }

  /** The share of the work of the checkpoint that is done, from 0 to 1, about; 1 without one. */
  get checkpointProgress(): number {
    return this.job?.progress ?? 1;
  }

  /** Whether the work of the checkpoint waits for a wanted block. */
  get checkpointBlocked(): boolean {
    return this.job?.blocked ?? false;
  }

  /** Whether nextWrites has handed out everything. */
  get checkpointSerialised(): boolean {
    return this.job !== null && this.job.written !== null;
  }

  /** The root of the new tree, all zero when it is empty; asked once it is serialised. */
  checkpointRoot(): Uint8Array {
    return present(this.running().written, 'a checkpoint has a root when it is serialised').root;
  }

  /** The superblock that names checkpointRoot() is durable: it becomes the current tree. */
  checkpointDurable(): void {
    this.adopt(present(this.running().written, 'a durable checkpoint was serialised'));
    this.job = null;
    // What was wanted of the tree before may be gone from the disk soon, and from peers. Found to
    // be something else here, it would be fetched as if it had rotted, from who no longer has it,
    // or put back over what stands there by then. Who still wants it looks again, in the new tree.
    this.demand.clear();
  }

  /** Holds that keep or wait for blocks. */
  get holdCount(): number {
    return this.holds.size;
  }

  /** A hold of nothing yet; it must be released once `holding` was called with it. */
  hold(options: { readonly privileged: boolean }): BlockHold {
    return new BlockHold(options.privileged);
  }

  /**
   * Blocks that `look` finds stay in memory until the hold is released, and those that it misses
   * will when they come.
   */
  holding<T>(hold: BlockHold, look: () => T): T {
    const { cache } = this;
    const outer = cache.holder;
    cache.holder = hold;
    const result = look();
    cache.holder = outer;
    if (hold.size > 0) this.holds.add(hold);
    return result;
  }

  /** What was held may be evicted again, what was wanted for it alone is wanted no more. */
  release(hold: BlockHold): void {
    this.demand.release(hold);
    this.holds.delete(hold);
  }

  /** Bytes of the blocks that holds keep or wait for, each counted once. */
  get claimedSize(): number {
    return this.demand.claimed * this.format.blockSize;
  }

  /** The same of holds without a privilege. */
  get limitedSize(): number {
    return this.demand.limited * this.format.blockSize;
  }

  /**
   * Bytes that holds without a privilege may claim together: half of the cache, so that the rest
   * of it still serves those who find what they need in memory.
   */
  get limitedSizeMax(): number {
    return Math.max(1, Math.floor(this.cache.capacity / 2)) * this.format.blockSize;
  }

  /** Whether they claim more: then whoever looked last must let go. */
  get claimsTooMuch(): boolean {
    return this.limitedSize > this.limitedSizeMax;
  }

  /** The hold counts for no limit from now on. */
  privilege(hold: BlockHold): void {
    this.demand.privilege(hold);
  }

  /** Bytes of the blocks in memory. */
  get cachedSize(): number {
    return this.cache.size * this.format.blockSize;
  }

  /**
   * Drops everything in memory, what is held and a running checkpoint too, and restores the tree
   * that `root` names: its metadata is read, and with `whole` every block of it, so that it is
   * known to be there; but what an earlier restore has seen, and nobody has written over since, is
   * not read again, so that one that is overtaken by the next loses nothing. The root must satisfy
   * `isForestRoot`. The tables can't be used until `restored`.
   */
  beginRestore(root: Uint8Array, options: { readonly whole: boolean }): void {
    const decoded = rootDecode(root, this.format.blockSize);
    assert(decoded !== 'bad', 'a root is checked before it is restored');
    this.job = null;
    this.demand.clear();
    for (const hold of [...this.holds]) this.release(hold);
    this.cache.clear();
    this.restoring = null;
    this.adopt(treeEmpty(), { drop: true });
    this.demand.verifying = options.whole && decoded !== 'empty';
    if (decoded === 'empty') return;
    this.restoring = restoreTree({
      format: this.format,
      source: this.demand,
      tables: new Set(this.byId.keys()),
      root: decoded,
      verified: options.whole ? this.demand.verified : null,
    });
    this.continueRestore(0);
  }

  /** A block is not on the disk, whatever was seen of it before. */
  forgetVerified(address: number): void {
    this.demand.verified.forget(address);
  }

  /** Whether everything that beginRestore asked for is there; true when nothing was asked. */
  get restored(): boolean {
    return this.restoring === null;
  }

  /** Wanted blocks that no earlier call has named, at most `limit`. */
  takeWanted(limit: number): BlockReference[] {
    return this.demand.take(limit);
  }

  /** Whether a reader, a checkpoint or a restore waits for just this block. */
  wants(reference: BlockReference): boolean {
    return this.demand.wants(reference);
  }

  /**
   * Moves when a wanted block came, and when all that was wanted is forgotten: before that a read
   * that was answered with 'wanted' would be again.
   */
  get demandVersion(): number {
    return this.demand.version;
  }

  /**
   * The bytes of a wanted block, null when they can't be read; they are copied. 'bad' when they are
   * not what the reference names: the block stays missing, is not named again, and may be provided
   * once more with other bytes.
   */
  provide(reference: BlockReference, bytes: Uint8Array | null): ProvideResult {
    const result = this.demand.provide(reference, bytes);
    if (result !== 'accepted') return result;
    this.job?.wake();
    this.continueRestore(reference.address);
    return result;
  }

  private continueRestore(came: number): void {
    if (this.restoring === null) return;
    const { done, value } = this.restoring.next(came);
    if (!done) return;
    // Without a tree it never ends, and nothing more is wanted: no replica has made such a root.
    if (value === null) {
      this.demand.clear();
      return;
    }
    this.restoring = null;
    this.demand.verifying = false;
    this.adopt(value, { drop: true });
  }

  private adopt(tree: Tree, options: { readonly drop: boolean } = { drop: false }): void {
    this.current = tree;
    if (options.drop) this.horizonNow = tree.horizon;
    for (const table of this.ordered) {
      const own = tree.tables.find((each) => each.table === table.options.id);
      const levels = own?.levels ?? [];
      table.horizon = this.horizonNow;
      table.settled = true;
      if (options.drop) table.load(levels);
      else table.saved(levels);
    }
  }

  private running(): CheckpointJob {
    return present(this.job, 'a checkpoint is running');
  }
}
