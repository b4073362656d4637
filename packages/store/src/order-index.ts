import type { RecordHeap } from './record-heap.ts';
import { assert, present } from './std/assert.ts';

const LEAF_SIZE = 128;
/** Below this a leaf is joined with its neighbour when both fit comfortably. */
const LEAF_SIZE_LOW = 32;

interface Leaf {
  readonly slots: Int32Array;
  count: number;
}

/** A place in the order; `slot` is -1 at the end. Any insert or removal makes it invalid. */
export interface OrderCursor {
  leaf: number;
  position: number;
  slot: number;
}

/** Keeps slots in the order of their keys, in leaves of up to 128 that are never empty. */
export class OrderIndex {
  private readonly leaves: Leaf[] = [];
  private readonly heap: RecordHeap;

  constructor(heap: RecordHeap) {
    this.heap = heap;
  }

  /** Bytes held, about. */
  get heldSize(): number {
    return this.leaves.length * (LEAF_SIZE * 4 + 128);
  }

  /** The key must not be there yet. */
  insert(slot: number, key: Uint8Array): void {
    const last = this.leaves.at(-1);
    if (last === undefined) {
      this.leaves.push(leafOf(slot));
      return;
    }
    // Keys in ascending order (loading a run, sequences) fill leaves to the brim.
    const highest = last.slots[last.count - 1] as number; // SAFETY: a leaf is never empty.
    if (this.heap.keyCompare(highest, key) < 0) {
      if (last.count === LEAF_SIZE) this.leaves.push(leafOf(slot));
      else leafInsert(last, last.count, slot);
      return;
    }
    const index = this.leafOfKey(key);
    let leaf = present(this.leaves[index]);
    let position = this.positionInLeaf(leaf, key);
    if (leaf.count === LEAF_SIZE) {
      const half = LEAF_SIZE / 2;
      const upper: Leaf = { slots: new Int32Array(LEAF_SIZE), count: LEAF_SIZE - half };
      upper.slots.set(leaf.slots.subarray(half));
      leaf.count = half;
      this.leaves.splice(index + 1, 0, upper);
      if (position > half) {
        leaf = upper;
        position -= half;
      }
    }
    leafInsert(leaf, position, slot);
  }

  remove(slot: number, key: Uint8Array): void {
    const index = this.leafOfKey(key);
    const leaf = present(this.leaves[index]);
    const position = this.positionInLeaf(leaf, key);
    assert(leaf.slots[position] === slot, 'a removed slot is in the order');
    leaf.slots.copyWithin(position, position + 1, leaf.count);
    leaf.count -= 1;
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
    const slot = leaf.slots[0] as number; // SAFETY: leaves are not empty.
    leaf.slots.copyWithin(0, 1, leaf.count);
    leaf.count -= 1;
    if (leaf.count === 0) this.leaves.shift();
    return slot;
  }

  /** The first key, or the first at or above `from`. */
  seek(from: Uint8Array | null): OrderCursor {
    const cursor: OrderCursor = { leaf: 0, position: 0, slot: -1 };
    if (from !== null && this.leaves.length > 0) {
      cursor.leaf = this.leafOfKey(from);
      cursor.position = this.positionInLeaf(present(this.leaves[cursor.leaf]), from);
    }
    this.settle(cursor);
    return cursor;
  }

  advance(cursor: OrderCursor): void {
    assert(cursor.slot >= 0, 'a cursor at the end stays there');
    cursor.position += 1;
    this.settle(cursor);
  }

  /** Moves the next leaf's slots into this one when together they are half a leaf. */
  private join(index: number): boolean {
    const leaf = this.leaves[index];
    const next = this.leaves[index + 1];
    if (leaf === undefined || next === undefined) return false;
    if (leaf.count + next.count > LEAF_SIZE / 2) return false;
    leaf.slots.set(next.slots.subarray(0, next.count), leaf.count);
    leaf.count += next.count;
    this.leaves.splice(index + 1, 1);
    return true;
  }

  private settle(cursor: OrderCursor): void {
    const leaf = this.leaves[cursor.leaf];
    if (leaf !== undefined && cursor.position >= leaf.count) {
      cursor.leaf += 1;
      cursor.position = 0;
    }
    cursor.slot = this.leaves[cursor.leaf]?.slots[cursor.position] ?? -1;
  }

  /** The last leaf whose first key is at or below the key, else the first leaf. */
  private leafOfKey(key: Uint8Array): number {
    let low = 0;
    let high = this.leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const leaf = this.leaves[middle] as Leaf; // SAFETY: middle <= high.
      const lowest = leaf.slots[0] as number; // SAFETY: a leaf is never empty.
      if (this.heap.keyCompare(lowest, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The first position whose key is at or above the key; the count when there is none. */
  private positionInLeaf(leaf: Leaf, key: Uint8Array): number {
    let low = 0;
    let high = leaf.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.heap.keyCompare(leaf.slots[middle] as number, key); // SAFETY: < count.
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function leafOf(slot: number): Leaf {
  const leaf: Leaf = { slots: new Int32Array(LEAF_SIZE), count: 1 };
  leaf.slots[0] = slot;
  return leaf;
}

function leafInsert(leaf: Leaf, position: number, slot: number): void {
  leaf.slots.copyWithin(position + 1, position, leaf.count);
  leaf.slots[position] = slot;
  leaf.count += 1;
}
