import { compareBytes } from '../bytes.ts';
import type { Layer } from '../layer.ts';
import type { OrderCursor } from '../order-index.ts';
import { type Combine, RecordKind, recordSize } from '../record.ts';
import { assert, present } from '../std/assert.ts';
import { RecordFold } from './record-fold.ts';

/** Records in ascending order of keys: a run, or a layer in memory. */
export interface RecordSource {
  /** False while blocks must be read first: nothing else may be asked then. */
  settle(): boolean;
  /** Null at the end. */
  key(): Uint8Array | null;
  kind(): RecordKind;
  /** Null while blocks of the value must be read first. */
  value(): Uint8Array | null;
  /** Whether all blocks of the value are in memory; those that are not are wanted. */
  ready(): boolean;
  /** Bytes of the value; known without its blocks. */
  valueSize(): number;
  /** At least its first `size` bytes, or all; null while the block of them must be read first. */
  head(size: number): Uint8Array | null;
  /** Bytes that the record counts for; see `recordSize`. */
  weight(): number;
  advance(): void;
}

/** A layer as a source: always settled. The layer must not change meanwhile. */
export class LayerSource implements RecordSource {
  private readonly layer: Layer;
  private readonly cursor: OrderCursor;

  constructor(layer: Layer, from: Uint8Array | null) {
    this.layer = layer;
    this.cursor = layer.seek(from);
  }

  settle(): boolean {
    return true;
  }

  key(): Uint8Array | null {
    return this.cursor.slot < 0 ? null : this.layer.heap.key(this.cursor.slot);
  }

  kind(): RecordKind {
    return this.layer.heap.kind(this.cursor.slot);
  }

  value(): Uint8Array {
    return this.layer.heap.value(this.cursor.slot);
  }

  ready(): boolean {
    return true;
  }

  valueSize(): number {
    return this.layer.heap.valueSize(this.cursor.slot);
  }

  head(): Uint8Array {
    return this.value();
  }

  weight(): number {
    const { heap } = this.layer;
    return recordSize(heap.keySize(this.cursor.slot), heap.valueSize(this.cursor.slot));
  }

  advance(): void {
    this.layer.advance(this.cursor);
  }
}

/**
 * Walks several sources as one and works out what each key has: the newest record decides, deltas
 * are folded into what older sources say. As with a source, nothing is asked before `settle`.
 */
export class MergedCursor {
  private readonly sources: readonly RecordSource[];
  /** Key of each source, null at its end; worth nothing while the source is not settled. */
  private readonly keys: (Uint8Array | null)[];
  private readonly moved: boolean[];
  private readonly fold: RecordFold;
  private keyNow: Uint8Array | null = null;

  /** Sources are given newest first. */
  constructor(sources: readonly RecordSource[], combine: Combine | null) {
    this.sources = sources;
    this.keys = sources.map(() => null);
    this.moved = sources.map(() => true);
    this.fold = new RecordFold(combine);
  }

  settle(): boolean {
    let settled = true;
    for (let index = 0; index < this.sources.length; index += 1) {
      if (!this.moved[index]) continue;
      const source = this.source(index);
      // All are asked, so that what they want is read at once.
      if (source.settle()) {
        this.keys[index] = source.key();
        this.moved[index] = false;
      } else settled = false;
    }
    if (settled) this.choose();
    return settled;
  }

  /** The key the cursor is at; null at the end. */
  key(): Uint8Array | null {
    return this.keyNow;
  }

  /** What the key has; null while blocks of values are not in memory. */
  resolve(): RecordFold | null {
    return this.foldOf((source) => source.value());
  }

  /**
   * The same from the heads of the values, in a table that has them: of what comes out the first
   * `size` bytes are the value's.
   */
  resolveHead(size: number): RecordFold | null {
    return this.foldOf((source) => source.head(size));
  }

  /** Whether all blocks that `resolveHead` takes are in memory; those that are not are wanted. */
  fetchHead(size: number): boolean {
    const key = this.keyAt();
    let ready = true;
    for (let index = 0; index < this.sources.length; index += 1) {
      if (!this.isAt(index, key)) continue;
      const source = this.source(index);
      const kind = source.kind();
      if (kind === RecordKind.tombstone) break;
      if (source.head(size) === null) ready = false;
      if (kind === RecordKind.put) break;
    }
    return ready;
  }

  /** Whether the key has a value, whatever that is: it was not deleted last. */
  isLive(): boolean {
    return this.newest().kind() !== RecordKind.tombstone;
  }

  /** Bytes of its newest record's value: of the key's, in a table with heads. */
  valueSize(): number {
    return this.newest().valueSize();
  }

  private newest(): RecordSource {
    const key = this.keyAt();
    const index = this.sources.findIndex((_, at) => this.isAt(at, key));
    return this.source(index);
  }

  private keyAt(): Uint8Array {
    const key = this.keyNow;
    assert(key !== null, 'a cursor at its end has no record');
    return key;
  }

  private foldOf(read: (source: RecordSource) => Uint8Array | null): RecordFold | null {
    const { fold } = this;
    const key = this.keyAt();
    fold.begin();
    for (let index = 0; index < this.sources.length; index += 1) {
      if (!this.isAt(index, key)) continue;
      const source = this.source(index);
      const kind = source.kind();
      const value = read(source);
      if (value === null) return null;
      if (fold.older(kind, value)) break;
    }
    return fold;
  }

  /**
   * What `resolve` would find, without putting a value together: 'gone' for a key that was deleted,
   * 'wanted' while blocks of its values are not in memory. All of them are wanted then.
   */
  fetch(): 'live' | 'gone' | 'wanted' {
    const key = this.keyNow;
    assert(key !== null, 'a cursor at its end has no record');
    let state: 'live' | 'gone' | 'wanted' = 'gone';
    for (let index = 0; index < this.sources.length; index += 1) {
      if (!this.isAt(index, key)) continue;
      const source = this.source(index);
      const kind = source.kind();
      if (kind === RecordKind.tombstone) return state;
      if (!source.ready()) state = 'wanted';
      else if (state === 'gone') state = 'live';
      if (kind === RecordKind.put) return state;
    }
    return state;
  }

  /** Goes on; returns what the records that are left behind weigh. */
  advance(): number {
    const key = this.keyNow;
    assert(key !== null, 'a cursor at its end stays there');
    let weight = 0;
    for (let index = 0; index < this.sources.length; index += 1) {
      if (!this.isAt(index, key)) continue;
      const source = this.source(index);
      weight += source.weight();
      source.advance();
      this.moved[index] = true;
    }
    return weight;
  }

  private choose(): void {
    let least: Uint8Array | null = null;
    for (const key of this.keys) {
      if (key !== null && (least === null || compareBytes(key, least) < 0)) least = key;
    }
    this.keyNow = least;
  }

  private isAt(index: number, key: Uint8Array): boolean {
    const own = this.keys[index] ?? null;
    return own !== null && (own === key || compareBytes(own, key) === 0);
  }

  private source(index: number): RecordSource {
    return present(this.sources[index], 'a source of this cursor');
  }
}
