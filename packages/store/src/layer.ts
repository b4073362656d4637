import { HashIndex } from './hash-index.ts';
import { type OrderCursor, OrderIndex } from './order-index.ts';
import type { RecordKind } from './record.ts';
import { RecordHeap } from './record-heap.ts';

/** An ordered map from keys to records, in memory: changes of an interval, or a whole state. */
export class Layer {
  readonly heap: RecordHeap = new RecordHeap();
  private readonly index: HashIndex = new HashIndex();
  private readonly order: OrderIndex = new OrderIndex(this.heap);

  get size(): number {
    return this.index.size;
  }

  /** Bytes of memory held, about. */
  get heldSize(): number {
    return this.heap.heldSize + this.order.heldSize + this.index.size * 16;
  }

  /** Bytes of keys and values, about. */
  get usedSize(): number {
    return this.heap.usedSize;
  }

  /** The slot of the key, or -1. */
  find(key: Uint8Array, hash: number): number {
    return this.index.find(key, hash, this.heap);
  }

  /** Sets the record of a key that `find` has just looked for; copies what it keeps. */
  set(slot: number, key: Uint8Array, hash: number, kind: RecordKind, value: Uint8Array): void {
    if (slot >= 0) {
      this.heap.update(slot, value, kind);
      return;
    }
    const inserted = this.heap.insert(key, value, kind);
    this.index.insert(hash, inserted);
    this.order.insert(inserted, key);
  }

  /** From the first key at or above `from` (null: the first of all). */
  seek(from: Uint8Array | null): OrderCursor {
    return this.order.seek(from);
  }

  advance(cursor: OrderCursor): void {
    this.order.advance(cursor);
  }
}
