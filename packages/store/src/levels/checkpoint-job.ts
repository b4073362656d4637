import {
  BLOCK_HEADER_SIZE,
  type BlockFormat,
  BlockKind,
  blockSeal,
  payloadSizeMax,
  REFERENCE_SIZE,
} from '../block.ts';
import type { BlockReference, BlockWrite, Expiry } from '../forest-types.ts';
import type { Layer } from '../layer.ts';
import { rootEncode } from '../manifest.ts';
import type { Combine } from '../record.ts';
import { assert, present } from '../std/assert.ts';
import { advanceTable, tableWorkSize } from './advance-table.ts';
import type { BlockDemand } from './block-demand.ts';
import { BlockHold } from './block-hold.ts';
import type { FreeSet } from './free-set.ts';
import type { Pause, WorkContext, WorkSink } from './merge-step.ts';
import { metadataEncode } from './metadata.ts';
import { addressAt, referenceAt, referenceBytes } from './reference.ts';
import type { Level, TableLevels } from './table-levels.ts';
import { type Tree, treeEmpty } from './tree.ts';

/**
 * Records that a slice looks at, at most: about a millisecond. A merge may drop all that it reads,
 * so the blocks that come out of it are no measure of its work.
 */
const SLICE_RECORDS = 2_000;

/**
 * Bytes that are handed out at once, unless no more are to be had now: they are made a slice at a
 * time, and written in fewer and larger pieces, for a slow disk takes as long for a small one.
 */
const WRITE_BYTES = 128 * 1024;

/** What can be said of work that has not come to its end: its size is known about. */
const PROGRESS_MAX = 0.999;

/** A table as it was frozen. */
export interface FrozenTable {
  readonly table: number;
  readonly combine: Combine | null;
  readonly expiry: Expiry | null;
  readonly frozen: Layer | null;
}

/** Keeps blocks in memory for the work: the forest, which lets go of them when it is dropped. */
export interface HoldKeeper {
  holding<T>(hold: BlockHold, look: () => T): T;
  release(hold: BlockHold): void;
}

/** The state as it was frozen. */
export interface FrozenState {
  /** Ascending by id. */
  readonly tables: readonly FrozenTable[];
  /** The forest's horizon at that moment. */
  readonly horizon: number;
}

/**
 * The work of one checkpoint: a function from the durable tree and the frozen state to the next
 * tree and its blocks. Tables go in the order of their ids, then the metadata. Slices, caches, the
 * time that reads take and restarts have no influence on what is written where.
 */
export class CheckpointJob implements WorkSink {
  private readonly format: BlockFormat;
  private readonly durable: Tree;
  private readonly demand: BlockDemand;
  private readonly keeper: HoldKeeper;
  private readonly hold: BlockHold = new BlockHold(true);
  private readonly work: Generator<Pause, Tree>;
  /** What the next tree uses, and what the durable one does: blocks given up stay until the end. */
  private readonly taken: FreeSet;
  private readonly released: number[] = [];
  private lastTaken = 0;
  private completed: BlockWrite[] = [];
  private treeNow: Tree | null = null;
  private blockedNow = false;
  /** Bytes of records to look at, about, and those that were. */
  private readonly size: number;
  private sizeDone = 0;
  /** Records that the slice may still look at. */
  private recordsLeft = 0;
  /** Finished blocks with which the slice may pause. */
  private goal = 0;

  constructor(
    storage: {
      readonly format: BlockFormat;
      readonly demand: BlockDemand;
      readonly keeper: HoldKeeper;
    },
    durable: Tree,
    frozen: FrozenState,
  ) {
    this.format = storage.format;
    this.demand = storage.demand;
    this.keeper = storage.keeper;
    this.durable = durable;
    this.taken = durable.used.copy();
    this.size = this.sizeOf(frozen);
    this.work = this.run(frozen);
  }

  /** The tree that was written; null while blocks have yet to be handed out. */
  get written(): Tree | null {
    return this.completed.length > 0 ? null : this.treeNow;
  }

  /** The share of the work that is done, from 0 to 1, about; 1 only when there is no more to do. */
  get progress(): number {
    return this.treeNow === null
      ? Math.min(this.sizeDone / Math.max(1, this.size), PROGRESS_MAX)
      : 1;
  }

  /** Nothing can be handed out before a wanted block is provided. */
  get blocked(): boolean {
    return this.blockedNow && this.completed.length === 0;
  }

  /** A wanted block was provided. */
  wake(): void {
    this.blockedNow = false;
  }

  recordDone(size: number): 'written' | 'sliced' | null {
    this.recordsLeft -= 1;
    this.sizeDone += size;
    if (this.completed.length >= this.goal) return 'written';
    return this.recordsLeft > 0 ? null : 'sliced';
  }

  /**
   * One slice of work, which makes at most `budget` bytes of blocks, or one. Returns the next
   * writes, neighbouring blocks joined; none until WRITE_BYTES are there to be handed out, or all.
   */
  next(budget: number): BlockWrite[] {
    this.recordsLeft = SLICE_RECORDS;
    const { blockSize } = this.format;
    this.fill(this.completed.length + Math.max(1, Math.floor(budget / blockSize)));
    const enough = Math.max(1, Math.floor(WRITE_BYTES / blockSize));
    const more = this.treeNow === null && !this.blockedNow;
    if (more && this.completed.length < enough) return [];
    return joinNeighbours(this.completed.splice(0, enough), blockSize);
  }

  write(bytes: Uint8Array): Uint8Array {
    assert(bytes.length === this.format.blockSize, 'whole blocks are written');
    const address = this.taken.lowestFree(this.lastTaken);
    assert(this.taken.take(address), 'a free block is taken');
    assert(!this.durable.used.uses(address), 'the durable tree is never overwritten');
    this.lastTaken = address;
    const reference: BlockReference = { address, checksum: this.format.checksum.hash(bytes) };
    this.completed.push({ address, bytes });
    this.demand.written(reference, bytes);
    return referenceBytes(reference);
  }

  release(holder: Uint8Array, at: number): void {
    const address = addressAt(holder, at);
    assert(this.durable.used.uses(address), 'what is given up was durable');
    this.released.push(address);
  }

  /** Works on until so many blocks wait, one is wanted, the slice is over, or all is done. */
  private fill(goal: number): void {
    this.blockedNow = false;
    this.goal = goal;
    while (this.completed.length < goal && this.treeNow === null && !this.blockedNow) {
      if (this.recordsLeft <= 0) return;
      const { done, value } = this.work.next();
      if (done) this.treeNow = value;
      else this.blockedNow = value === 'blocked';
    }
  }

  /**
   * In a cache with less room than all that is needed, each block that came would cost one that was
   * there, for ever: so what was found stays until nothing is missing.
   */
  private *together<T>(look: () => T | null): Generator<Pause, T> {
    for (;;) {
      const found = this.keeper.holding(this.hold, look);
      if (found !== null) {
        if (this.hold.size > 0) this.keeper.release(this.hold);
        return found;
      }
      yield 'blocked';
    }
  }

  private sizeOf({ tables, horizon }: FrozenState): number {
    const { blockSize } = this.format;
    let size = 0;
    for (const frozen of tables) {
      const work = { ...frozen, levels: this.levelsOf(frozen) };
      size += tableWorkSize(work, { blockSize, horizon });
    }
    return size;
  }

  /** What the durable tree has of a table. */
  private levelsOf({ table }: FrozenTable): readonly Level[] {
    return this.durable.tables.find((each) => each.table === table)?.levels ?? [];
  }

  private *run({ tables, horizon }: FrozenState): Generator<Pause, Tree> {
    const context: WorkContext = {
      blockSize: this.format.blockSize,
      sink: this,
      source: this.demand,
      together: (look) => this.together(look),
      horizon,
    };
    const levels: TableLevels[] = [];
    for (const frozen of tables) {
      const after = yield* advanceTable(context, { ...frozen, levels: this.levelsOf(frozen) });
      if (after.length > 0) levels.push({ table: frozen.table, levels: after });
    }
    return this.finish(levels, horizon);
  }

  /** Writes the metadata: the last blocks of the checkpoint, all of them new each time. */
  private finish(tables: readonly TableLevels[], horizon: number): Tree {
    for (const reference of this.durable.metadata) this.release(referenceBytes(reference), 0);
    const used = this.taken.copy();
    for (const address of this.released) used.release(address);
    // Without a record, but with a horizon, there is still something to remember.
    if (tables.length === 0 && horizon === 0) {
      assert(used.used === 0, 'an empty tree uses nothing');
      return treeEmpty();
    }
    const bytes = metadataEncode({ tables, used, horizon });
    const metadata: BlockReference[] = [];
    let names = this.stream(bytes, 0);
    for (let level = 1; ; level += 1) {
      for (let at = 0; at < names.length; at += REFERENCE_SIZE) {
        metadata.push(referenceAt(names, at));
      }
      if (names.length === REFERENCE_SIZE) break;
      names = this.stream(names, level);
    }
    for (const { address } of metadata) assert(used.take(address), 'metadata has its own blocks');
    const top = present(metadata.at(-1));
    const root = rootEncode(
      { top, blockCount: used.used, manifestSize: bytes.length },
      this.format.blockSize,
    );
    return { root, tables, used, metadata, horizon };
  }

  /** Cuts a stream into blocks; returns their references, one after another. */
  private stream(bytes: Uint8Array, level: number): Uint8Array {
    const size = payloadSizeMax(this.format.blockSize);
    const count = Math.ceil(bytes.length / size);
    const names = new Uint8Array(count * REFERENCE_SIZE);
    for (let index = 0; index < count; index += 1) {
      const payload = bytes.subarray(index * size, (index + 1) * size);
      const block = new Uint8Array(this.format.blockSize);
      block.set(payload, BLOCK_HEADER_SIZE);
      blockSeal(block, { kind: BlockKind.manifest, owner: level, index }, payload.length);
      names.set(this.write(block), index * REFERENCE_SIZE);
    }
    return names;
  }
}

function joinNeighbours(blocks: readonly BlockWrite[], blockSize: number): BlockWrite[] {
  const writes: BlockWrite[] = [];
  for (let start = 0; start < blocks.length; ) {
    const first = present(blocks[start]);
    let end = start + 1;
    while (blocks[end]?.address === first.address + (end - start)) end += 1;
    if (end === start + 1) {
      writes.push(first);
    } else {
      const bytes = new Uint8Array((end - start) * blockSize);
      for (let at = start; at < end; at += 1) {
        bytes.set(present(blocks[at]).bytes, (at - start) * blockSize);
      }
      writes.push({ address: first.address, bytes });
    }
    start = end;
  }
  return writes;
}
