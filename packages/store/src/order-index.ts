import { LeafHeads } from './leaf-heads.ts';
import { LEAF_SIZE, OrderLeaf } from './order-leaf.ts';
import type { RecordHeap } from './record-heap.ts';
import { assert, present } from './std/assert.ts';

/** A place in the order; `slot` is -1 at the end. Any insert makes it invalid. */
export interface OrderCursor {
  leaf: number;
  position: number;
  slot: number;
}

/** Keeps slots in the order of their keys, in leaves that are never empty. */
export class OrderIndex {
  private readonly leaves: OrderLeaf[] = [];
  private readonly heap: RecordHeap;
  private readonly heads: LeafHeads;

  constructor(heap: RecordHeap) {
    this.heap = heap;
    this.heads = new LeafHeads(heap, this.leaves);
  }

  /** Bytes held, about. */
  get heldSize(): number {
    return this.leaves.length * OrderLeaf.heldSize;
  }

  /** The key must not be there yet. */
  insert(slot: number, key: Uint8Array): void {
    const last = this.leaves.at(-1);
    // Keys in ascending order (loading a run, sequences) fill leaves to the brim.
    if (last === undefined || this.heap.keyCompare(last.last, key) < 0) {
      if (last !== undefined && last.count < LEAF_SIZE) last.insert(last.count, slot, key);
      else this.put(this.leaves.length, this.leafOf(slot, key));
      return;
    }
    let index = this.heads.indexOf(key);
    let leaf = present(this.leaves[index]);
    if (leaf.count === LEAF_SIZE) {
      const upper = leaf.split();
      this.put(index + 1, upper);
      if (this.heap.keyCompare(upper.first, key) < 0) {
        index += 1;
        leaf = upper;
      }
    }
    const position = leaf.positionOf(key);
    leaf.insert(position, slot, key);
    if (position === 0) this.heads.changed(index);
  }

  /** The first key, or the first at or above `from`. */
  seek(from: Uint8Array | null): OrderCursor {
    const cursor: OrderCursor = { leaf: 0, position: 0, slot: -1 };
    if (from !== null && this.leaves.length > 0) {
      cursor.leaf = this.heads.indexOf(from);
      cursor.position = present(this.leaves[cursor.leaf]).positionOf(from);
    }
    this.settle(cursor);
    return cursor;
  }

  advance(cursor: OrderCursor): void {
    assert(cursor.slot >= 0, 'a cursor at the end stays there');
    cursor.position += 1;
    this.settle(cursor);
  }

  private leafOf(slot: number, key: Uint8Array): OrderLeaf {
    const leaf = new OrderLeaf(this.heap);
    leaf.insert(0, slot, key);
    return leaf;
  }

  private put(index: number, leaf: OrderLeaf): void {
    this.leaves.splice(index, 0, leaf);
    this.heads.inserted(index);
  }

  private settle(cursor: OrderCursor): void {
    const leaf = this.leaves[cursor.leaf];
    if (leaf !== undefined && cursor.position >= leaf.count) {
      cursor.leaf += 1;
      cursor.position = 0;
    }
    cursor.slot = this.leaves[cursor.leaf]?.slot(cursor.position) ?? -1;
  }
}
