import { REFERENCE_SIZE } from '../block.ts';
import { compareBytes } from '../bytes.ts';
import { assert } from '../std/assert.ts';
import { ByteReader } from '../std/byte-reader.ts';
import { writeU64 } from '../std/u128.ts';
import { FreeSet } from './free-set.ts';
import { pageKeySizeMax } from './page.ts';
import type { Run } from './run.ts';
import type { Level, Merge, TableLevels } from './table-levels.ts';

/** What a checkpoint says of itself: where its tables are, and which blocks are in use. */
export interface Metadata {
  /** Ascending by id; tables that hold nothing are left out. */
  readonly tables: readonly TableLevels[];
  /** Blocks of the tables; those of the metadata itself are left out. */
  readonly used: FreeSet;
  /** Records that expire at or below are gone (`Expiry`). */
  readonly horizon: number;
}

/** Limits of the format; far above what the rules of merging allow. */
const LEVELS_MAX = 32;
const RUNS_MAX = 64;

/**
 * All numbers are little-endian. Horizon u64; table count u32; for each table its id u32, level
 * count u32; for each level: runs u32, inputs u32 (0: no merge), the runs oldest first; and for a
 * merge: the inputs oldest first, 1 u32 and the output or 0 u32, the key at which it goes on. Then
 * the free set.
 *
 * A run: reference of the root (24), height u32, blocks u32, records u64, size u64, first and last
 * expiry u64, first key, last key. A key: size u32, its bytes.
 */
export function metadataEncode(metadata: Metadata): Uint8Array {
  const writer = new Writer();
  writer.u64(metadata.horizon);
  writer.u32(metadata.tables.length);
  for (const { table, levels } of metadata.tables) {
    writer.u32(table);
    writer.u32(levels.length);
    for (const { merge, runs } of levels) {
      assert(runs.length <= RUNS_MAX, 'a level has few runs');
      writer.u32(runs.length);
      writer.u32(merge === null ? 0 : merge.inputs.length);
      for (const run of runs) writeRun(writer, run);
      if (merge === null) continue;
      for (const run of merge.inputs) writeRun(writer, run);
      writer.u32(merge.output === null ? 0 : 1);
      if (merge.output !== null) writeRun(writer, merge.output);
      assert(merge.from !== null, 'a merge that is written has begun');
      writer.sized(merge.from);
    }
  }
  writer.raw(metadata.used.encode());
  return writer.bytes();
}

/** Null when the bytes are no metadata of a forest with these tables and blocks of this size. */
export function metadataDecode(
  bytes: Uint8Array,
  options: { readonly tables: Pick<ReadonlySet<number>, 'has'>; readonly blockSize: number },
): Metadata | null {
  const reader = new ByteReader(bytes);
  const keySizeMax = pageKeySizeMax(options.blockSize);
  const tables: TableLevels[] = [];
  const horizon = reader.u64();
  const tableCount = reader.u32();
  for (let index = 0; index < tableCount && reader.ok; index += 1) {
    const table = reader.u32();
    if (table <= (tables.at(-1)?.table ?? -1) || !options.tables.has(table)) return null;
    const levelCount = reader.u32();
    if (levelCount < 1 || levelCount > LEVELS_MAX) return null;
    const levels: Level[] = [];
    for (let depth = 0; depth < levelCount && reader.ok; depth += 1) {
      levels.push(readLevel(reader, keySizeMax));
    }
    tables.push({ table, levels });
  }
  const used = reader.ok ? FreeSet.decode(reader.rest()) : null;
  return reader.ok && used !== null ? { tables, used, horizon } : null;
}

function writeRun(writer: Writer, run: Run): void {
  writer.raw(run.root);
  writer.u32(run.height);
  writer.u32(run.blocks);
  writer.u64(run.records);
  writer.u64(run.size);
  writer.u64(run.expiresFirst);
  writer.u64(run.expiresLast);
  writer.sized(run.first);
  writer.sized(run.last);
}

function readLevel(reader: ByteReader, keySizeMax: number): Level {
  const runCount = countOf(reader, RUNS_MAX);
  const inputCount = countOf(reader, RUNS_MAX);
  const runs = readRuns(reader, runCount, keySizeMax);
  if (inputCount === 0) return { merge: null, runs };
  const inputs = readRuns(reader, inputCount, keySizeMax);
  const outputs = readRuns(reader, countOf(reader, 1), keySizeMax);
  const merge: Merge = { inputs, from: keyOf(reader, keySizeMax), output: outputs[0] ?? null };
  // A merge goes on in its output: a whole leaf would have no index page to open.
  if (merge.output?.height === 0) reader.fail();
  return { merge, runs };
}

function readRuns(reader: ByteReader, count: number, keySizeMax: number): Run[] {
  const runs: Run[] = [];
  for (let index = 0; index < count && reader.ok; index += 1) {
    const root = reader.fixed(REFERENCE_SIZE).slice();
    const height = countOf(reader, LEVELS_MAX);
    const blocks = reader.u32();
    const records = reader.u64();
    const size = reader.u64();
    const expiresFirst = reader.u64();
    const expiresLast = reader.u64();
    const first = keyOf(reader, keySizeMax);
    const last = keyOf(reader, keySizeMax);
    if (blocks < 1 || records < 1 || compareBytes(first, last) > 0) reader.fail();
    if (expiresFirst > expiresLast) reader.fail();
    runs.push({ root, height, records, size, blocks, first, last, expiresFirst, expiresLast });
  }
  return runs;
}

/** A number that is at most `max`. */
function countOf(reader: ByteReader, max: number): number {
  const count = reader.u32();
  if (count > max) reader.fail();
  return reader.ok ? count : 0;
}

/** A key behind its length of four bytes; a copy. */
function keyOf(reader: ByteReader, keySizeMax: number): Uint8Array {
  return reader.fixed(countOf(reader, keySizeMax)).slice();
}

class Writer {
  private buffer: Uint8Array = new Uint8Array(1024);
  private view: DataView = new DataView(this.buffer.buffer);
  private used = 0;

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.used, value, true);
    this.used += 4;
  }

  u64(value: number): void {
    this.reserve(8);
    writeU64(this.view, this.used, value);
    this.used += 8;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  sized(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }

  private reserve(size: number): void {
    if (this.used + size <= this.buffer.length) return;
    const larger = new Uint8Array((this.used + size) * 2);
    larger.set(this.buffer);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}
