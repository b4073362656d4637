import { Arena } from './arena.ts';
import type { RecordKind } from './record.ts';
import { Column, Rows } from './rows.ts';

/**
 * Records by slot, off the garbage collector's heap. Keys lie apart from values: what is searched
 * stays dense in the caches, and a new value leaves the key where it is.
 */
export class RecordHeap {
  private readonly rows: Rows = new Rows();
  private readonly keys: Arena = new Arena(this.rows, {
    chunk: Column.keyChunk,
    offset: Column.keyOffset,
    size: Column.keySize,
  });
  private readonly values: Arena = new Arena(this.rows, {
    chunk: Column.valueChunk,
    offset: Column.valueOffset,
    size: Column.valueSize,
  });

  /** Bytes held. */
  get heldSize(): number {
    return this.rows.heldSize + this.keys.heldSize + this.values.heldSize;
  }

  /** Bytes of keys and values, about. */
  get usedSize(): number {
    return this.keys.usedSize + this.values.usedSize;
  }

  insert(key: Uint8Array, value: Uint8Array, kind: RecordKind): number {
    const slot = this.rows.acquire();
    this.rows.set(slot, Column.kind, kind);
    this.keys.place(slot, key);
    this.values.place(slot, value);
    return slot;
  }

  update(slot: number, value: Uint8Array, kind: RecordKind): void {
    this.rows.set(slot, Column.kind, kind);
    this.values.discard(slot);
    this.values.place(slot, value);
  }

  /** A view, valid for ever and never to be changed. */
  key(slot: number): Uint8Array {
    return this.keys.view(slot);
  }

  /** A view, valid for ever and never to be changed. */
  value(slot: number): Uint8Array {
    return this.values.view(slot);
  }

  keySize(slot: number): number {
    return this.rows.get(slot, Column.keySize);
  }

  valueSize(slot: number): number {
    return this.rows.get(slot, Column.valueSize);
  }

  kind(slot: number): RecordKind {
    return this.rows.get(slot, Column.kind) as RecordKind; // SAFETY: only kinds are written.
  }

  /** Whether the slot's key has these bytes. */
  keyEquals(slot: number, key: Uint8Array): boolean {
    return this.keys.equals(slot, key);
  }

  /** Negative, zero or positive, as the slot's key is below, at or above the bytes. */
  keyCompare(slot: number, key: Uint8Array): number {
    return this.keys.compare(slot, key);
  }

  /** The same for no more than the first so many bytes of both. */
  prefixCompare(slot: number, key: Uint8Array, size: number): number {
    return this.keys.prefixCompare(slot, key, size);
  }
}
