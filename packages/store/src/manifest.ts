import {
  BLOCK_SIZE_MIN,
  blocksOfStream,
  REFERENCE_SIZE,
  referenceRead,
  referenceWrite,
} from './block.ts';
import { type BlockReference, FOREST_ROOT_SIZE } from './forest-types.ts';
import { assert } from './std/assert.ts';
import { readU64, writeU64 } from './std/u128.ts';

/** Full: all that a table held. Delta: what changed between two checkpoints. */
export type RunKind = 'full' | 'delta';

/** An immutable sorted run: a stream of records in ascending order of keys, cut into blocks. */
export interface Run {
  readonly kind: RunKind;
  readonly records: number;
  /** Bytes of the stream. */
  readonly size: number;
  readonly blocks: readonly BlockReference[];
}

/** The runs of one table, oldest first: one full run, then deltas. */
export interface TableRuns {
  readonly table: number;
  readonly runs: readonly Run[];
}

/** Runs of a table, at most; a format limit. */
export const RUNS_MAX = 64;
const TABLE_ENTRY_SIZE = 8;
const RUN_ENTRY_SIZE = 24;
/** References written in one piece, so that a long list is serialised in bounded steps. */
const PIECE_REFERENCES = 256;

/**
 * The manifest as a stream: for each table with runs, in the order of ids, its id u32 and run count
 * u32; for each run kind u32 (1 full, 2 delta), block count u32, records u64, stream size u64 and
 * the references of its blocks.
 */
export function* manifestPieces(tables: readonly TableRuns[]): Generator<Uint8Array, void> {
  for (const { table, runs } of tables) {
    if (runs.length === 0) continue;
    assert(runs.length <= RUNS_MAX, 'a table has few runs');
    const head = new DataView(new ArrayBuffer(TABLE_ENTRY_SIZE));
    head.setUint32(0, table, true);
    head.setUint32(4, runs.length, true);
    yield new Uint8Array(head.buffer);
    for (const run of runs) {
      const view = new DataView(new ArrayBuffer(RUN_ENTRY_SIZE));
      view.setUint32(0, run.kind === 'full' ? 1 : 2, true);
      view.setUint32(4, run.blocks.length, true);
      writeU64(view, 8, run.records);
      writeU64(view, 16, run.size);
      yield new Uint8Array(view.buffer);
      yield* referencePieces(run.blocks);
    }
  }
}

/** A list of references as a stream: the levels of the manifest above the first. */
export function* referencePieces(
  references: readonly BlockReference[],
): Generator<Uint8Array, void> {
  for (let start = 0; start < references.length; start += PIECE_REFERENCES) {
    const part = references.slice(start, start + PIECE_REFERENCES);
    const view = new DataView(new ArrayBuffer(part.length * REFERENCE_SIZE));
    for (const [at, reference] of part.entries()) {
      referenceWrite(view, at * REFERENCE_SIZE, reference);
    }
    yield new Uint8Array(view.buffer);
  }
}

/** Null when the bytes are no manifest of a forest with these tables. */
export function manifestDecode(
  bytes: Uint8Array,
  tableIds: ReadonlySet<number>,
  blockSize: number,
): TableRuns[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables: TableRuns[] = [];
  let at = 0;
  let last = -1;
  while (at < bytes.length) {
    if (at + TABLE_ENTRY_SIZE > bytes.length) return null;
    const table = view.getUint32(at, true);
    const runCount = view.getUint32(at + 4, true);
    if (table <= last || !tableIds.has(table)) return null;
    if (runCount < 1 || runCount > RUNS_MAX) return null;
    last = table;
    at += TABLE_ENTRY_SIZE;
    const runs: Run[] = [];
    for (let index = 0; index < runCount; index += 1) {
      const run = runDecode(view, at, blockSize);
      if (run === null || (run.kind === 'full') !== (index === 0)) return null;
      runs.push(run);
      at += RUN_ENTRY_SIZE + run.blocks.length * REFERENCE_SIZE;
    }
    tables.push({ table, runs });
  }
  return tables;
}

function runDecode(view: DataView, at: number, blockSize: number): Run | null {
  if (at + RUN_ENTRY_SIZE > view.byteLength) return null;
  const kind = view.getUint32(at, true);
  if (kind !== 1 && kind !== 2) return null;
  const blockCount = view.getUint32(at + 4, true);
  const records = readU64(view, at + 8);
  const size = readU64(view, at + 16);
  if (!(records >= 1) || !(size >= 1)) return null;
  if (blocksOfStream(size, blockSize) !== blockCount) return null;
  const start = at + RUN_ENTRY_SIZE;
  const blocks = referencesDecode(view, start, blockCount);
  return blocks === null ? null : { kind: kind === 1 ? 'full' : 'delta', records, size, blocks };
}

/** Null when there are fewer, or when one names no block. */
export function referencesDecode(
  view: DataView,
  start: number,
  count: number,
): BlockReference[] | null {
  if (start + count * REFERENCE_SIZE > view.byteLength) return null;
  const references: BlockReference[] = [];
  for (let index = 0; index < count; index += 1) {
    const reference = referenceRead(view, start + index * REFERENCE_SIZE);
    if (reference === null) return null;
    references.push(reference);
  }
  return references;
}

/**
 * The root of a forest that is not empty (all zero is the empty one): magic `KFR1` u32, block size
 * u32, block count u64 (all blocks, the manifest's too), manifest size u64 (bytes of its stream),
 * the reference of the top manifest block, zeros.
 *
 * The manifest is a tree: level 0 is its stream in blocks; when a level takes more than one block,
 * the references of its blocks are the stream of the next.
 */
export interface ForestRoot {
  readonly top: BlockReference;
  readonly blockCount: number;
  readonly manifestSize: number;
}

const ROOT_MAGIC = 0x3152464b;
const ROOT_OFFSET_BLOCK_SIZE = 4;
const ROOT_OFFSET_BLOCK_COUNT = 8;
const ROOT_OFFSET_MANIFEST_SIZE = 16;
const ROOT_OFFSET_TOP = 24;
const ROOT_OFFSET_RESERVED: number = ROOT_OFFSET_TOP + REFERENCE_SIZE;

export function rootEncode(root: ForestRoot, blockSize: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(FOREST_ROOT_SIZE));
  view.setUint32(0, ROOT_MAGIC, true);
  view.setUint32(ROOT_OFFSET_BLOCK_SIZE, blockSize, true);
  writeU64(view, ROOT_OFFSET_BLOCK_COUNT, root.blockCount);
  writeU64(view, ROOT_OFFSET_MANIFEST_SIZE, root.manifestSize);
  referenceWrite(view, ROOT_OFFSET_TOP, root.top);
  return new Uint8Array(view.buffer);
}

/** The root, 'empty' when the bytes name the empty forest, 'bad' when they name none. */
export function rootDecode(bytes: Uint8Array, blockSize: number): ForestRoot | 'empty' | 'bad' {
  if (bytes.length !== FOREST_ROOT_SIZE) return 'bad';
  if (bytes.every((byte) => byte === 0)) return 'empty';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== ROOT_MAGIC) return 'bad';
  if (view.getUint32(ROOT_OFFSET_BLOCK_SIZE, true) !== blockSize) return 'bad';
  if (bytes.subarray(ROOT_OFFSET_RESERVED).some((byte) => byte !== 0)) return 'bad';
  const top = referenceRead(view, ROOT_OFFSET_TOP);
  const blockCount = readU64(view, ROOT_OFFSET_BLOCK_COUNT);
  const manifestSize = readU64(view, ROOT_OFFSET_MANIFEST_SIZE);
  if (top === null || !(blockCount >= 2) || !(manifestSize >= 1)) return 'bad';
  const levels = manifestLevels(manifestSize, blockSize);
  if (levels.reduce((sum, count) => sum + count, 0) >= blockCount) return 'bad';
  return { top, blockCount, manifestSize };
}

/** Blocks of each level of a manifest, the stream's own level first. */
export function manifestLevels(manifestSize: number, blockSize: number): number[] {
  assert(blockSize >= BLOCK_SIZE_MIN, 'a block holds two references or more');
  const levels = [blocksOfStream(manifestSize, blockSize)];
  for (let count = levels[0] ?? 0; count > 1; ) {
    count = blocksOfStream(count * REFERENCE_SIZE, blockSize);
    levels.push(count);
  }
  return levels;
}
