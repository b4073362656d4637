import { type BlockFormat, BlockKind } from './block.ts';
import type { BlockWrite } from './forest-types.ts';
import { Allocator, BlockSet } from './free-set.ts';
import type { Layer } from './layer.ts';
import {
  manifestPieces,
  type Run,
  type RunKind,
  referencePieces,
  rootEncode,
  type TableRuns,
} from './manifest.ts';
import { MergeCursor } from './merge-cursor.ts';
import { type Combine, RecordKind } from './record.ts';
import { StreamWriter, type WrittenStream } from './run-writer.ts';
import { assert, present } from './std/assert.ts';
import { type Tree, treeEmpty } from './tree.ts';

/** What the checkpoint writes for one table. */
export interface TablePlan {
  readonly table: number;
  readonly combine: Combine | null;
  /** Runs that stay, oldest first. */
  readonly kept: readonly Run[];
  /** The run to add; null when nothing changed. */
  readonly added: RunKind | null;
  readonly frozen: Layer | null;
  readonly base: Layer;
}

/**
 * Serialises a frozen state, a block at a time: the new runs of the tables in the order of their
 * ids, then the manifest. How the work is cut into calls has no influence on what is written where.
 */
export class CheckpointWriter {
  private readonly format: BlockFormat;
  private readonly durable: Tree;
  private readonly plans: readonly TablePlan[];
  private readonly writer: StreamWriter;
  private readonly work: Generator<undefined, Tree>;
  private tree: Tree | null = null;

  constructor(format: BlockFormat, durable: Tree, plans: readonly TablePlan[]) {
    this.format = format;
    this.durable = durable;
    this.plans = plans;
    const allocator = new Allocator(durable.blocks);
    this.writer = new StreamWriter(format, () => allocator.acquire());
    this.work = this.serialise();
    this.fill();
  }

  /** The tree that was written; null while blocks have yet to be handed out. */
  get written(): Tree | null {
    return this.writer.completed.length > 0 ? null : this.tree;
  }

  /** The next writes, neighbouring blocks joined; empty when all have been handed out. */
  next(budget: number): BlockWrite[] {
    const limit = Math.max(1, Math.floor(budget / this.format.blockSize));
    const blocks: BlockWrite[] = [];
    while (blocks.length < limit) {
      const block = this.writer.completed.shift();
      if (block === undefined) break;
      assert(!this.durable.blocks.uses(block.address), 'the durable tree is never overwritten');
      blocks.push(block);
      this.fill();
    }
    return joinNeighbours(blocks, this.format.blockSize);
  }

  /** Works on until a block is finished or there is no more to do. */
  private fill(): void {
    while (this.writer.completed.length === 0 && this.tree === null) {
      const { done, value } = this.work.next();
      if (done) this.tree = value;
    }
  }

  /** Yields where the work may pause. */
  private *serialise(): Generator<undefined, Tree> {
    const tables: TableRuns[] = [];
    for (const plan of this.plans) {
      const runs = [...plan.kept];
      if (plan.added !== null) {
        const run = yield* this.run(plan, plan.added);
        // A full run of a table that became empty is no run.
        if (run.records > 0) runs.push(run);
      }
      if (runs.length > 0) tables.push({ table: plan.table, runs });
    }
    if (tables.length === 0) return treeEmpty();
    const blocks = new BlockSet();
    for (const { runs } of tables) {
      for (const run of runs) for (const block of run.blocks) assert(blocks.add(block));
    }
    return yield* this.manifest(tables, blocks);
  }

  private *run(plan: TablePlan, kind: RunKind): Generator<undefined, Run> {
    this.writer.begin(BlockKind.data, plan.table);
    const records = kind === 'full' ? yield* this.full(plan) : yield* this.delta(plan);
    const { blocks, size } = this.writer.end();
    return { kind, records, size, blocks };
  }

  /** The table as it is: deltas folded, tombstones dropped. */
  private *full(plan: TablePlan): Generator<undefined, number> {
    const layers = plan.frozen === null ? [plan.base] : [plan.frozen, plan.base];
    const cursor = new MergeCursor(layers, plan.combine, null);
    let records = 0;
    for (let key = cursor.key; key !== null; key = cursor.key) {
      const value = cursor.value();
      cursor.advance();
      if (value === null) continue;
      this.writer.record(RecordKind.put, key, value);
      records += 1;
      if (this.writer.completed.length > 0) yield;
    }
    return records;
  }

  /** The changes as they are. */
  private *delta(plan: TablePlan): Generator<undefined, number> {
    const layer = present(plan.frozen);
    const { heap } = layer;
    let records = 0;
    for (const cursor = layer.seek(null); cursor.slot >= 0; layer.advance(cursor)) {
      const { slot } = cursor;
      this.writer.record(heap.kind(slot), heap.key(slot), heap.value(slot));
      records += 1;
      if (this.writer.completed.length > 0) yield;
    }
    assert(records === layer.size, 'a delta run holds the whole layer');
    return records;
  }

  private *manifest(tables: readonly TableRuns[], blocks: BlockSet): Generator<undefined, Tree> {
    let stream = yield* this.level(manifestPieces(tables), 0);
    const manifestSize = stream.size;
    for (let level = 1; ; level += 1) {
      for (const block of stream.blocks) assert(blocks.add(block));
      if (stream.blocks.length === 1) break;
      stream = yield* this.level(referencePieces(stream.blocks), level);
    }
    const top = present(stream.blocks[0]);
    const root = { top, blockCount: blocks.size, manifestSize };
    return { root: rootEncode(root, this.format.blockSize), tables, blocks };
  }

  private *level(
    pieces: Generator<Uint8Array, void>,
    level: number,
  ): Generator<undefined, WrittenStream> {
    this.writer.begin(BlockKind.manifest, level);
    for (const piece of pieces) {
      this.writer.write(piece);
      if (this.writer.completed.length > 0) yield;
    }
    return this.writer.end();
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
