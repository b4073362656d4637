import type { RecordHeap } from './record-heap.ts';
import { assert } from './std/assert.ts';

/** Slots that a leaf has room for. */
export const LEAF_SIZE = 128;
/** Bytes of a key in its head. */
const HEAD_SIZE = 4;
/** Counts at which a leaf that only grows looks again at how much its keys have in common. */
const COUNTS_TO_REFRESH: ReadonlySet<number> = new Set([8, 64]);

/**
 * Up to 128 slots in the order of their keys, at least one. Beside each slot stands the head of its
 * key: the four bytes behind what all keys of the leaf begin with. Nearly every comparison of a
 * search is one of two numbers that lie side by side, instead of bytes somewhere in the heap.
 */
export class OrderLeaf {
  private readonly heap: RecordHeap;
  private readonly slots: Int32Array = new Int32Array(LEAF_SIZE);
  private readonly heads: Uint32Array = new Uint32Array(LEAF_SIZE);
  /** Bytes that all keys here begin with; there may be more. */
  private skip = 0;
  private used = 0;

  constructor(heap: RecordHeap) {
    this.heap = heap;
  }

  get count(): number {
    return this.used;
  }

  /** Bytes held, about. */
  static get heldSize(): number {
    return LEAF_SIZE * 8 + 160;
  }

  slot(position: number): number {
    return this.slots[position] ?? -1;
  }

  get first(): number {
    return this.slot(0);
  }

  get last(): number {
    return this.slot(this.used - 1);
  }

  /** The first position whose key is at or above the key; the count when there is none. */
  positionOf(key: Uint8Array): number {
    const { heap, slots, heads, skip } = this;
    if (skip > 0) {
      const order = heap.prefixCompare(this.first, key, skip);
      if (order !== 0) return order > 0 ? 0 : this.used;
    }
    const head = headOf(key, skip);
    let low = 0;
    let high = this.used;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = heads[middle] as number; // SAFETY: < used.
      const below =
        other === head
          ? heap.keyCompare(slots[middle] as number, key) < 0 // SAFETY: < used.
          : other < head;
      if (below) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Inserts at the position that `positionOf` gave; there must be room. */
  insert(position: number, slot: number, key: Uint8Array): void {
    assert(this.used < LEAF_SIZE, 'a leaf that is full is split');
    const { skip } = this;
    // What lies between the first and the last begins with what these two have in common.
    const isOutermost = position === 0 || position === this.used;
    const strange = isOutermost && skip > 0 && this.heap.prefixCompare(this.first, key, skip) !== 0;
    this.slots.copyWithin(position + 1, position, this.used);
    this.heads.copyWithin(position + 1, position, this.used);
    this.slots[position] = slot;
    this.heads[position] = headOf(key, skip);
    this.used += 1;
    if (strange || COUNTS_TO_REFRESH.has(this.used)) this.refresh();
  }

  /** Gives its upper half away, as a leaf of its own. */
  split(): OrderLeaf {
    const half = this.used >>> 1;
    const upper = new OrderLeaf(this.heap);
    upper.slots.set(this.slots.subarray(half, this.used));
    upper.heads.set(this.heads.subarray(half, this.used));
    upper.skip = this.skip;
    upper.used = this.used - half;
    this.used = half;
    this.sharpen();
    upper.sharpen();
    return upper;
  }

  /** Looks at the keys again when they have more in common than before. */
  private sharpen(): void {
    const { heads, used } = this;
    const [first, last] = [heads[0] as number, heads[used - 1] as number]; // SAFETY: never empty.
    if ((first ^ last) >>> 24 === 0) this.refresh();
  }

  /** What the first key and the last have in common, all between them have. */
  private refresh(): void {
    const { heap } = this;
    this.skip = commonLength(heap.key(this.first), heap.key(this.last));
    for (let at = 0; at < this.used; at += 1) {
      const slot = this.slots[at] as number; // SAFETY: < used.
      this.heads[at] = headOf(heap.key(slot), this.skip);
    }
  }
}

/** As a number with the first byte highest; bytes that are not there count as zeros. */
export function headOf(key: Uint8Array, skip: number): number {
  if (skip + HEAD_SIZE <= key.length) {
    const high = ((key[skip] as number) << 8) | (key[skip + 1] as number); // SAFETY: < length.
    const low = ((key[skip + 2] as number) << 8) | (key[skip + 3] as number); // SAFETY: as above.
    return ((high << 16) | low) >>> 0;
  }
  let head = 0;
  for (let at = skip; at < skip + HEAD_SIZE; at += 1) {
    head = (head << 8) | (at < key.length ? (key[at] as number) : 0); // SAFETY: < length.
  }
  return head >>> 0;
}

/** Bytes that two keys begin with. */
export function commonLength(first: Uint8Array, other: Uint8Array): number {
  const most = Math.min(first.length, other.length);
  let at = 0;
  while (at < most && first[at] === other[at]) at += 1;
  return at;
}
