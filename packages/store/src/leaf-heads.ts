import { commonLength, headOf, type OrderLeaf } from './order-leaf.ts';
import type { RecordHeap } from './record-heap.ts';
import { present } from './std/assert.ts';

const CAPACITY_MIN = 16;

/**
 * Finds the leaf of a key. As within a leaf, the heads of the leaves' first keys lie side by side:
 * the four bytes behind what all of these keys begin with, so that a search reads hardly any key.
 */
export class LeafHeads {
  private readonly heap: RecordHeap;
  private readonly leaves: readonly OrderLeaf[];
  /** Of the leaf at each place. */
  private heads: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** Bytes that the first keys of all leaves begin with; there may be more. */
  private skip = 0;

  /** Must hear of every change of `leaves`, right after it. */
  constructor(heap: RecordHeap, leaves: readonly OrderLeaf[]) {
    this.heap = heap;
    this.leaves = leaves;
  }

  /** The last leaf whose first key is at or below the key, else the first leaf. */
  indexOf(key: Uint8Array): number {
    const { heap, leaves, heads, skip } = this;
    let low = 0;
    let high = leaves.length - 1;
    if (skip > 0) {
      const order = heap.prefixCompare(present(leaves[0]).first, key, skip);
      if (order !== 0) return order > 0 ? 0 : high;
    }
    const head = headOf(key, skip);
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const other = heads[middle] as number; // SAFETY: middle <= high.
      const above =
        other === head ? heap.keyCompare(present(leaves[middle]).first, key) > 0 : other > head;
      if (above) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** A leaf was put in at the index. */
  inserted(index: number): void {
    const count = this.leaves.length;
    if (count > this.heads.length) {
      const larger = new Uint32Array(this.heads.length * 2);
      larger.set(this.heads);
      this.heads = larger;
    }
    this.heads.copyWithin(index + 1, index, count - 1);
    this.changed(index);
  }

  /** The leaf at the index has another first key. */
  changed(index: number): void {
    const { heap, leaves, skip } = this;
    const key = heap.key(present(leaves[index]).first);
    const last = leaves.length - 1;
    // What lies between the first and the last begins with what these two have in common.
    if (last > 1 && index > 0 && index < last) {
      this.heads[index] = headOf(key, skip);
      return;
    }
    const other = present(leaves[index === 0 ? last : 0]).first;
    if (last > 1 && heap.prefixCompare(other, key, skip) === 0) {
      this.heads[index] = headOf(key, skip);
    } else {
      this.refresh();
    }
  }

  /** What the first key of all and the last have in common, all between them have. */
  private refresh(): void {
    const { heap, leaves } = this;
    const first = heap.key(present(leaves[0]).first);
    this.skip = commonLength(first, heap.key(present(leaves.at(-1)).first));
    leaves.forEach((leaf, index) => {
      this.heads[index] = headOf(heap.key(leaf.first), this.skip);
    });
  }
}
