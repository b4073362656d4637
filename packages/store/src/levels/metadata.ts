import { REFERENCE_SIZE } from '../block.ts';
import { compareBytes } from '../bytes.ts';
import { assert } from '../std/assert.ts';
import { readU64, writeU64 } from '../std/u128.ts';
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
  options: { readonly tables: ReadonlySet<number>; readonly blockSize: number },
): Metadata | null {
  const reader = new Reader(bytes, pageKeySizeMax(options.blockSize));
  const tables: TableLevels[] = [];
  const horizon = reader.u64();
  const tableCount = reader.u32();
  for (let index = 0; index < tableCount && reader.sound; index += 1) {
    const table = reader.u32();
    if (table <= (tables.at(-1)?.table ?? -1) || !options.tables.has(table)) return null;
    const levelCount = reader.u32();
    if (levelCount < 1 || levelCount > LEVELS_MAX) return null;
    const levels: Level[] = [];
    for (let depth = 0; depth < levelCount && reader.sound; depth += 1) {
      levels.push(readLevel(reader));
    }
    tables.push({ table, levels });
  }
  const used = reader.sound ? FreeSet.decode(reader.rest()) : null;
  return reader.sound && used !== null ? { tables, used, horizon } : null;
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

function readLevel(reader: Reader): Level {
  const runCount = reader.count(RUNS_MAX);
  const inputCount = reader.count(RUNS_MAX);
  const runs = readRuns(reader, runCount);
  if (inputCount === 0) return { merge: null, runs };
  const inputs = readRuns(reader, inputCount);
  const outputs = readRuns(reader, reader.count(1));
  const merge: Merge = { inputs, from: reader.sized(), output: outputs[0] ?? null };
  // A merge goes on in its output: a whole leaf would have no index page to open.
  if (merge.output?.height === 0) reader.sound = false;
  return { merge, runs };
}

function readRuns(reader: Reader, count: number): Run[] {
  const runs: Run[] = [];
  for (let index = 0; index < count && reader.sound; index += 1) {
    const root = reader.raw(REFERENCE_SIZE);
    const height = reader.count(LEVELS_MAX);
    const blocks = reader.u32();
    const records = reader.u64();
    const size = reader.u64();
    const expiresFirst = reader.u64();
    const expiresLast = reader.u64();
    const first = reader.sized();
    const last = reader.sized();
    if (blocks < 1 || records < 1 || compareBytes(first, last) > 0) reader.sound = false;
    if (expiresFirst > expiresLast) reader.sound = false;
    runs.push({ root, height, records, size, blocks, first, last, expiresFirst, expiresLast });
  }
  return runs;
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

/** Reads within bounds; what is not there is zero, and `sound` becomes false. */
class Reader {
  sound = true;
  private readonly source: Uint8Array;
  private readonly view: DataView;
  private readonly keySizeMax: number;
  private at = 0;

  constructor(source: Uint8Array, keySizeMax: number) {
    this.source = source;
    this.view = new DataView(source.buffer, source.byteOffset, source.length);
    this.keySizeMax = keySizeMax;
  }

  u32(): number {
    return this.has(4) ? this.view.getUint32(this.advance(4), true) : 0;
  }

  u64(): number {
    const value = this.has(8) ? readU64(this.view, this.advance(8)) : 0;
    if (Number.isNaN(value)) this.sound = false;
    return value;
  }

  count(max: number): number {
    const value = this.u32();
    if (value > max) this.sound = false;
    return this.sound ? value : 0;
  }

  raw(size: number): Uint8Array {
    if (!this.has(size)) return new Uint8Array(size);
    const start = this.advance(size);
    return this.source.slice(start, start + size);
  }

  sized(): Uint8Array {
    return this.raw(this.count(this.keySizeMax));
  }

  rest(): Uint8Array {
    return this.source.subarray(this.at);
  }

  private has(size: number): boolean {
    if (this.at + size > this.source.length) this.sound = false;
    return this.sound;
  }

  private advance(size: number): number {
    const start = this.at;
    this.at += size;
    return start;
  }
}
