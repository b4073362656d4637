import { compareBytes, hashBytes } from './bytes.ts';
import type { TableOptions } from './forest-types.ts';
import { Layer } from './layer.ts';
import { MergeCursor } from './merge-cursor.ts';
import {
  type Combine,
  DELTAS_MAX,
  deltaListAppend,
  deltaListCount,
  deltaListFold,
  KEY_SIZE_MAX,
  RecordKind,
  VALUE_SIZE_MAX,
} from './record.ts';
import { assert, present } from './std/assert.ts';

export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * An ordered map of byte strings. What is handed in is copied. What is handed out is a view of
 * memory that is never written again: it stays valid, must not be changed, and while it is kept it
 * holds on to up to 256 KiB around it, so whoever keeps it for long takes a copy.
 */
export interface Table {
  get(key: Uint8Array): Uint8Array | null;
  /** A key is at most 65,535 bytes, a value at most 1 MiB. */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Folds a delta of at most 1 MiB into the value by the table's `combine`, now or when read. */
  merge(key: Uint8Array, delta: Uint8Array): void;
  /** Deleting an absent key changes nothing. */
  delete(key: Uint8Array): void;
  /** Entries of [from, to) ascending by bytes, at most `limit`; `to` null is the end. */
  range(from: Uint8Array, to: Uint8Array | null, limit: number): StoredEntry[];
  /** Keys that have a value: exact, and the same on every replica. */
  readonly count: number;
  /**
   * Bytes of keys and values held, about. It depends on how far a checkpoint has come: for
   * metrics, never for a decision that must be the same on every replica.
   */
  readonly bytes: number;
}

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * A table in three layers: `active` has the changes since the last freeze, `frozen` those of the
 * interval before while they are written and folded, `base` everything older. What is in `active`
 * at a freeze is a function of the operations since the last one and of the state at that time,
 * never of how far folding had come or of whether this replica was restored meanwhile: it is what
 * the checkpoint writes.
 */
export class LayeredTable implements Table {
  readonly options: TableOptions;
  private activeLayer: Layer = new Layer();
  private frozenLayer: Layer | null = null;
  private baseLayer: Layer = new Layer();
  private live = 0;
  /** While a tree is loaded into the base, the table can be neither read nor written. */
  private loading = false;

  constructor(options: TableOptions) {
    this.options = options;
  }

  get count(): number {
    return this.live;
  }

  get bytes(): number {
    return this.activeLayer.runSize + (this.frozenLayer?.runSize ?? 0) + this.baseLayer.runSize;
  }

  get frozen(): Layer | null {
    return this.frozenLayer;
  }

  get base(): Layer {
    return this.baseLayer;
  }

  get(key: Uint8Array): Uint8Array | null {
    assert(!this.loading, 'a table is not read while it is restored');
    const hash = hashBytes(key);
    const slot = this.activeLayer.find(key, hash);
    if (slot < 0) return this.older(key, hash);
    return this.resolve(this.activeLayer, slot, key, hash);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.assertWritable(key, value);
    const hash = hashBytes(key);
    const slot = this.activeLayer.find(key, hash);
    if (!this.liveAt(slot, key, hash)) this.live += 1;
    this.activeLayer.set(slot, key, hash, RecordKind.put, value);
  }

  merge(key: Uint8Array, delta: Uint8Array): void {
    this.assertWritable(key, delta);
    const combine = present(this.options.combine, 'this table takes no deltas');
    const hash = hashBytes(key);
    const layer = this.activeLayer;
    const slot = layer.find(key, hash);
    if (!this.liveAt(slot, key, hash)) {
      this.live += 1;
      layer.set(slot, key, hash, RecordKind.put, combined(combine, null, delta));
      return;
    }
    if (slot < 0) {
      layer.set(slot, key, hash, RecordKind.delta, deltaListAppend(null, delta));
      return;
    }
    const value = layer.heap.value(slot);
    if (layer.heap.kind(slot) === RecordKind.put) {
      layer.set(slot, key, hash, RecordKind.put, combined(combine, value, delta));
      return;
    }
    assert(layer.heap.kind(slot) === RecordKind.delta, 'a live key has a value or deltas');
    if (deltaListCount(value) < DELTAS_MAX) {
      layer.set(slot, key, hash, RecordKind.delta, deltaListAppend(value, delta));
      return;
    }
    const older = this.resolve(layer, slot, key, hash);
    layer.set(slot, key, hash, RecordKind.put, combined(combine, older, delta));
  }

  delete(key: Uint8Array): void {
    this.assertWritable(key, EMPTY);
    const hash = hashBytes(key);
    const layer = this.activeLayer;
    const slot = layer.find(key, hash);
    if (!this.liveAt(slot, key, hash)) return;
    this.live -= 1;
    // A tombstone only where there is something to hide, so that short-lived keys leave no trace.
    if (this.liveBefore(key, hash)) layer.set(slot, key, hash, RecordKind.tombstone, EMPTY);
    else layer.remove(slot);
  }

  range(from: Uint8Array, to: Uint8Array | null, limit: number): StoredEntry[] {
    assert(!this.loading, 'a table is not read while it is restored');
    const entries: StoredEntry[] = [];
    if (limit <= 0) return entries;
    const layers: Layer[] = [];
    for (const layer of [this.activeLayer, this.frozenLayer, this.baseLayer]) {
      if (layer !== null && layer.size > 0) layers.push(layer);
    }
    const cursor = new MergeCursor(layers, this.options.combine, from);
    for (let key = cursor.key; key !== null && entries.length < limit; key = cursor.key) {
      if (to !== null && compareBytes(key, to) >= 0) break;
      const value = cursor.value();
      if (value !== null) entries.push({ key, value });
      cursor.advance();
    }
    return entries;
  }

  /** The changes so far become the frozen layer; false when there are none. */
  freeze(): boolean {
    assert(!this.loading, 'a table is not frozen while it is restored');
    assert(this.frozenLayer === null, 'one frozen layer at a time');
    if (this.activeLayer.size === 0) return false;
    this.frozenLayer = this.activeLayer;
    this.activeLayer = new Layer();
    return true;
  }

  /** Moves up to `limit` entries of the frozen layer into the base; returns how many. */
  fold(limit: number): number {
    const layer = this.frozenLayer;
    if (layer === null) return 0;
    let moved = 0;
    while (moved < limit && layer.size > 0) {
      const slot = layer.first();
      const { heap } = layer;
      this.apply(heap.kind(slot), heap.key(slot), heap.hash(slot), heap.value(slot));
      layer.removeFirst();
      moved += 1;
    }
    if (layer.size === 0) this.frozenLayer = null;
    return moved;
  }

  /** Drops everything; `load` fills the base until `loadEnd`. */
  loadBegin(): void {
    this.activeLayer = new Layer();
    this.frozenLayer = null;
    this.baseLayer = new Layer();
    this.live = 0;
    this.loading = true;
  }

  /** Applies a record of a run, oldest run first. */
  load(kind: RecordKind, key: Uint8Array, value: Uint8Array): void {
    assert(this.loading, 'records are loaded during a restore');
    this.apply(kind, key, hashBytes(key), value);
  }

  loadEnd(): void {
    this.live = this.baseLayer.size;
    this.loading = false;
  }

  private apply(kind: RecordKind, key: Uint8Array, hash: number, value: Uint8Array): void {
    const base = this.baseLayer;
    const slot = base.find(key, hash);
    switch (kind) {
      case RecordKind.put:
        base.set(slot, key, hash, RecordKind.put, value);
        return;
      case RecordKind.tombstone:
        if (slot >= 0) base.remove(slot);
        return;
      case RecordKind.delta: {
        const older = slot < 0 ? null : base.heap.value(slot);
        const folded = deltaListFold(older, value, present(this.options.combine));
        base.set(slot, key, hash, RecordKind.put, folded);
      }
    }
  }

  /** The value at the last freeze. */
  private older(key: Uint8Array, hash: number): Uint8Array | null {
    const frozen = this.frozenLayer;
    const slot = frozen === null ? -1 : frozen.find(key, hash);
    if (frozen === null || slot < 0) return this.oldest(key, hash);
    return this.resolve(frozen, slot, key, hash);
  }

  private oldest(key: Uint8Array, hash: number): Uint8Array | null {
    const slot = this.baseLayer.find(key, hash);
    return slot < 0 ? null : this.baseLayer.heap.value(slot);
  }

  private resolve(layer: Layer, slot: number, key: Uint8Array, hash: number): Uint8Array | null {
    const { heap } = layer;
    const kind = heap.kind(slot);
    if (kind === RecordKind.put) return heap.value(slot);
    if (kind === RecordKind.tombstone) return null;
    const older = layer === this.activeLayer ? this.older(key, hash) : this.oldest(key, hash);
    return deltaListFold(older, heap.value(slot), present(this.options.combine));
  }

  /** Whether the key, found at this slot of the active layer (-1: not there), has a value. */
  private liveAt(slot: number, key: Uint8Array, hash: number): boolean {
    if (slot >= 0) return this.activeLayer.heap.kind(slot) !== RecordKind.tombstone;
    return this.liveBefore(key, hash);
  }

  /** Whether the key had a value at the last freeze. */
  private liveBefore(key: Uint8Array, hash: number): boolean {
    const frozen = this.frozenLayer;
    const slot = frozen === null ? -1 : frozen.find(key, hash);
    if (frozen !== null && slot >= 0) return frozen.heap.kind(slot) !== RecordKind.tombstone;
    return this.baseLayer.find(key, hash) >= 0;
  }

  private assertWritable(key: Uint8Array, value: Uint8Array): void {
    assert(!this.loading, 'a table is not written while it is restored');
    assert(key.length <= KEY_SIZE_MAX, 'a key is within the limit');
    assert(value.length <= VALUE_SIZE_MAX, 'a value is within the limit');
  }
}

function combined(combine: Combine, older: Uint8Array | null, delta: Uint8Array): Uint8Array {
  const value = combine(older, delta);
  assert(value.length <= VALUE_SIZE_MAX, 'a combined value is within the limit');
  return value;
}
