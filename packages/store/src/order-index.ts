import { LEAF_SIZE, OrderLeaf } from './order-leaf.ts';
import type { RecordHeap } from './record-heap.ts';
import { assert, present } from './std/assert.ts';

/** Below this a leaf is joined with its neighbour when both fit comfortably. */
const LEAF_SIZE_LOW = 32;

/** A place in the order; `slot` is -1 at the end. Any insert or removal makes it invalid. */
export interface OrderCursor {
  leaf: number;
  position: number;
  slot: number;
}

/** Keeps slots in the order of their keys, in leaves that are never empty. */
export class OrderIndex {
  private readonly leaves: OrderLeaf[] = [];
  private readonly heap: RecordHeap;

  constructor(heap: RecordHeap) {
    this.heap = heap;
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
      else this.leaves.push(this.leafOf(slot, key));
      return;
    }
    const index = this.leafOfKey(key);
    let leaf = present(this.leaves[index]);
    if (leaf.count === LEAF_SIZE) {
      const upper = leaf.split();
      this.leaves.splice(index + 1, 0, upper);
      if (this.heap.keyCompare(upper.first, key) < 0) leaf = upper;
    }
    leaf.insert(leaf.positionOf(key), slot, key);
  }

  remove(slot: number, key: Uint8Array): void {
    const index = this.leafOfKey(key);
    const leaf = present(this.leaves[index]);
    const position = leaf.positionOf(key);
    assert(leaf.slot(position) === slot, 'a removed slot is in the order');
    leaf.remove(position);
    if (leaf.count === 0) {
      this.leaves.splice(index, 1);
      return;
    }
    if (leaf.count >= LEAF_SIZE_LOW) return;
    if (!this.join(index)) this.join(index - 1);
  }

  /** Removes the first slot and returns it, or -1 when there is none. */
  removeFirst(): number {
    const leaf = this.leaves[0];
    if (leaf === undefined) return -1;
    const slot = leaf.first;
    leaf.remove(0);
    if (leaf.count === 0) this.leaves.shift();
    return slot;
  }

  /** The first key, or the first at or above `from`. */
  seek(from: Uint8Array | null): OrderCursor {
    const cursor: OrderCursor = { leaf: 0, position: 0, slot: -1 };
    if (from !== null && this.leaves.length > 0) {
      cursor.leaf = this.leafOfKey(from);
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

  /** Moves the next leaf's slots into this one when together they are half a leaf. */
  private join(index: number): boolean {
    const leaf = this.leaves[index];
    const next = this.leaves[index + 1];
    if (leaf === undefined || next === undefined) return false;
    if (leaf.count + next.count > LEAF_SIZE / 2) return false;
    leaf.join(next);
    this.leaves.splice(index + 1, 1);
    return true;
  }

  private settle(cursor: OrderCursor): void {
    const leaf = this.leaves[cursor.leaf];
    if (leaf !== undefined && cursor.position >= leaf.count) {
      cursor.leaf += 1;
      cursor.position = 0;
    }
    cursor.slot = this.leaves[cursor.leaf]?.slot(cursor.position) ?? -1;
  }

  /** The last leaf whose first key is at or below the key, else the first leaf. */
  private leafOfKey(key: Uint8Array): number {
    let low = 0;
    let high = this.leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const leaf = this.leaves[middle] as OrderLeaf; // SAFETY: middle <= high.
      if (this.heap.keyCompare(leaf.first, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
