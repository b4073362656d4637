import { compareBytes, hashBytes } from '../bytes.ts';
import type { TableOptions } from '../forest-types.ts';
import { Layer } from '../layer.ts';
import { RecordKind } from '../record.ts';
import { AssertionError, assert, present } from '../std/assert.ts';
import { LayerSource, MergedCursor, type RecordSource } from './merged-cursor.ts';
import { PAGE_SIZE_MIN, pageKeySizeMax, recordKind, valueSizeMax } from './page.ts';
import { RecordFold } from './record-fold.ts';
import { recordValue } from './record-value.ts';
import type { BlockSource } from './run.ts';
import { RunCursor } from './run-cursor.ts';
import { runLookup } from './run-lookup.ts';
import { type Level, type RunView, runViews } from './table-levels.ts';
import { fetchRows, type Walk, type Walked, type WalkedTable, walkRows } from './table-walk.ts';

/** A row that was read. */
export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * An ordered map of byte strings: the changes since the last freeze in memory, those of the
 * interval before while a checkpoint writes them, and the runs on disk. Writes are blind. Reads say
 * 'wanted' when a block is not in memory; it is wanted from then on, and the read is tried again
 * when it has been provided.
 *
 * What is handed in is copied. What is handed out is a view of memory that is never written again:
 * it stays valid, must not be changed, and while it is kept it holds on to what lies around it (a
 * block, or up to 256 KiB), so whoever keeps it for long takes a copy.
 */
export class LeveledTable {
  readonly options: TableOptions;
  /** Records that expire at or below are not seen. Set by the forest. */
  horizon = 0;
  /** No checkpoint is in the making: the runs are those that every replica has. Set likewise. */
  settled = true;
  private readonly blockSize: number;
  private readonly source: BlockSource;
  private active: Layer = new Layer();
  private frozenLayer: Layer | null = null;
  private levelsNow: readonly Level[] = [];
  private views: readonly RunView[] = [];
  private readonly fold: RecordFold;
  private readonly walked: WalkedTable;

  constructor(
    options: TableOptions,
    storage: { readonly blockSize: number; readonly source: BlockSource },
  ) {
    this.options = options;
    this.blockSize = storage.blockSize;
    this.source = storage.source;
    this.fold = new RecordFold(options.combine);
    assert((options.headSize ?? 0) <= PAGE_SIZE_MIN, 'a head lies in one block');
    this.walked = {
      headSize: options.headSize ?? null,
      seen:
        options.expiry === undefined
          ? null
          : (key, value): boolean => this.seen(key, value) !== null,
    };
  }

  /** What a checkpoint in the making writes; null without one. */
  get frozen(): Layer | null {
    return this.frozenLayer;
  }

  /** What it has on disk; level 0 is the newest. */
  get levels(): readonly Level[] {
    return this.levelsNow;
  }

  /** The value of a key, or null; every block that it takes is in memory. */
  get(key: Uint8Array): Uint8Array | null {
    const found = this.lookup(key);
    assert(found !== 'wanted', 'what is read was fetched before');
    return found;
  }

  /** Entries of [from, to); every block that it takes is in memory. */
  range(from: Uint8Array, to: Uint8Array | null, limit: number): StoredEntry[] {
    const found = this.scan(from, to, limit);
    assert(found !== 'wanted', 'what is read was fetched before');
    return found;
  }

  /** The value of a key, or null. */
  lookup(key: Uint8Array): Uint8Array | 'wanted' | null {
    const { fold, source } = this;
    const hash = hashBytes(key);
    fold.begin();
    if (this.foldLayer(this.active, key, hash)) return this.seen(key, fold.value);
    if (this.frozenLayer !== null && this.foldLayer(this.frozenLayer, key, hash)) {
      return this.seen(key, fold.value);
    }
    let complete = true;
    for (const { run, from } of this.views) {
      if (from !== null && compareBytes(key, from) < 0) continue;
      const found = runLookup(run, this.options.id, { key, hash }, source);
      if (found === 'absent') continue;
      const value = found === 'wanted' ? null : recordValue(found.page, found.at, source);
      // Older runs are asked all the same: what they want is read at the same time.
      if (found === 'wanted' || value === null) complete = false;
      else if (complete && fold.older(recordKind(found.page, found.at), value)) break;
    }
    if (!complete) return 'wanted';
    fold.end();
    return this.seen(key, fold.value);
  }

  /** Entries of [from, to) ascending by bytes, at most `limit`; `to` null is the end. */
  scan(from: Uint8Array, to: Uint8Array | null, limit: number): StoredEntry[] | 'wanted' {
    const entries: StoredEntry[] = [];
    if (limit <= 0) return entries;
    const cursor = new MergedCursor(this.sources(from, to), this.options.combine);
    for (;;) {
      if (!cursor.settle()) return 'wanted';
      const key = cursor.key();
      if (key === null || (to !== null && compareBytes(key, to) >= 0)) return entries;
      const record = cursor.resolve();
      if (record === null) return 'wanted';
      record.end();
      const value = this.seen(key, record.value);
      if (value !== null) entries.push({ key, value });
      if (entries.length === limit) return entries;
      cursor.advance();
    }
  }

  /**
   * Whether `scan` finds all that it takes in memory; what is missing is wanted. It puts no value
   * together and does not end at the first one that is missing: a range of long values so costs a
   * few rounds of reading, not one for each of them.
   */
  fetch(from: Uint8Array, to: Uint8Array | null, limit: number): boolean {
    if (limit <= 0) return true;
    const cursor = new MergedCursor(this.sources(from, to), this.options.combine);
    let rows = 0;
    let complete = true;
    for (;;) {
      if (!cursor.settle()) return false;
      const key = cursor.key();
      if (key === null || (to !== null && compareBytes(key, to) >= 0)) return complete;
      const state = cursor.fetch();
      if (state === 'wanted') complete = false;
      if (state === 'wanted' || (state === 'live' && !this.hasExpired(cursor, key))) rows += 1;
      if (rows === limit) return complete;
      cursor.advance();
    }
  }

  /** The rows of a walk; 'wanted' while blocks that it takes are not in memory. */
  walk(walk: Walk): Walked | 'wanted' {
    const cursor = new MergedCursor(this.sources(walk.from, walk.to), this.options.combine);
    return walkRows(cursor, walk, this.walked);
  }

  /**
   * Whether `walk` finds all that it takes in memory; what is missing is wanted. With `exact` it
   * says no as well while the walk's end might not be that of every replica in this state.
   *
   * How many deleted keys a walk comes by follows from the runs and the layers, and not from the
   * state alone: while a checkpoint is being written, one replica may have it already, with its
   * merges done and tombstones gone, and another not. As soon as it is durable here they are equal:
   * its runs are the same everywhere, and so is the layer of what came after it. A checkpoint only
   * takes keys away. So a walk that comes to its end without `lookMax` having ended it, comes to
   * the same end with the checkpoint, and need not wait for it. `added` is how many keys the
   * request itself may add before it walks.
   */
  fetchWalk(walk: Walk, options: { readonly exact: boolean; readonly added: number }): boolean {
    const cursor = new MergedCursor(this.sources(walk.from, walk.to), this.options.combine);
    const { complete, looked } = fetchRows(cursor, walk, this.walked);
    if (options.exact && !this.settled && looked + options.added >= walk.lookMax) return false;
    return complete;
  }

  /** Sets a key. Asserts that key and value are within the limits of the block size. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.assertFits(key, value);
    const hash = hashBytes(key);
    this.active.set(this.active.find(key, hash), key, hash, RecordKind.put, value);
  }

  /** Joins a delta with whatever the key has, now or when it is read. */
  merge(key: Uint8Array, delta: Uint8Array): void {
    const combine = present(this.options.combine, 'this table takes no deltas');
    assert(this.options.expiry === undefined, 'no deltas in a table whose records expire');
    this.assertFits(key, delta);
    const hash = hashBytes(key);
    const layer = this.active;
    const slot = layer.find(key, hash);
    if (slot < 0) {
      layer.set(slot, key, hash, RecordKind.delta, delta);
      return;
    }
    const kind = layer.heap.kind(slot);
    if (kind === RecordKind.tombstone) {
      layer.set(slot, key, hash, RecordKind.put, combine(null, delta));
      return;
    }
    const value = combine(layer.heap.value(slot), delta);
    this.assertFits(key, value);
    layer.set(slot, key, hash, kind, value);
  }

  /** The key has no value from now on, whether or not it had one. */
  delete(key: Uint8Array): void {
    this.assertFits(key, EMPTY);
    assert(this.options.expiry === undefined, 'records that expire are not deleted');
    const hash = hashBytes(key);
    this.active.set(this.active.find(key, hash), key, hash, RecordKind.tombstone, EMPTY);
  }

  /** The changes so far become the frozen layer. */
  freeze(): void {
    assert(this.frozenLayer === null, 'one frozen layer at a time');
    if (this.active.size === 0) return;
    this.frozenLayer = this.active;
    this.active = new Layer();
  }

  /** The levels hold what was frozen. */
  saved(levels: readonly Level[]): void {
    this.frozenLayer = null;
    this.levelsNow = levels;
    this.views = runViews(levels);
  }

  /** Drops everything and takes these levels for what there is. */
  load(levels: readonly Level[]): void {
    this.active = new Layer();
    this.saved(levels);
  }

  /**
   * Null when the record has expired. Whether it still lies in a run is no matter of the state: one
   * replica has merged it away when another has not.
   */
  private seen(key: Uint8Array, value: Uint8Array | null): Uint8Array | null {
    const { expiry } = this.options;
    if (value === null || expiry === undefined) return value;
    return expiry(key, value) > this.horizon ? value : null;
  }

  /** Whether the record at the cursor, whose value is in memory, is seen no more. */
  private hasExpired(cursor: MergedCursor, key: Uint8Array): boolean {
    if (this.options.expiry === undefined) return false;
    const record = present(cursor.resolve(), 'a value in memory');
    record.end();
    return this.seen(key, record.value) === null;
  }

  /** True when nothing older than this layer matters. */
  private foldLayer(layer: Layer, key: Uint8Array, hash: number): boolean {
    const slot = layer.find(key, hash);
    return slot >= 0 && this.fold.older(layer.heap.kind(slot), layer.heap.value(slot));
  }

  private sources(from: Uint8Array, to: Uint8Array | null): RecordSource[] {
    const sources: RecordSource[] = [];
    for (const layer of [this.active, this.frozenLayer]) {
      if (layer !== null && layer.size > 0) sources.push(new LayerSource(layer, from));
    }
    for (const view of this.views) {
      const start = view.from !== null && compareBytes(view.from, from) > 0 ? view.from : from;
      if (compareBytes(view.run.last, start) < 0) continue;
      if (to !== null && compareBytes(view.run.first, to) >= 0) continue;
      sources.push(
        new RunCursor({
          table: this.options.id,
          run: view.run,
          source: this.source,
          from: start,
          to,
          listener: null,
        }),
      );
    }
    return sources;
  }

  private assertFits(key: Uint8Array, value: Uint8Array): void {
    const keyMax = pageKeySizeMax(this.blockSize);
    const valueMax = valueSizeMax(this.blockSize);
    if (key.length <= keyMax && value.length <= valueMax) return;
    const found = `a key of ${key.length} bytes with a value of ${value.length}`;
    throw new AssertionError(`${found}; at most ${keyMax} and ${valueMax} fit the block size`);
  }
}
