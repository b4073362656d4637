import { ADDRESS_MAX } from '../block.ts';
import { assert } from '../std/assert.ts';

/**
 * Which addresses a checkpoint uses, as the stretches of them, with the rank of each: how many of
 * the used ones lie below. Eight bytes a stretch, whatever its length.
 */
export class Extents {
  /** The first address of each stretch, ascending. */
  private readonly firsts: Float64Array;
  /** The rank of that address; one more at the end, which is the number of all. */
  private readonly ranks: Float64Array;

  private constructor(firsts: Float64Array, ranks: Float64Array) {
    this.firsts = firsts;
    this.ranks = ranks;
  }

  /**
   * Reads what a free set encodes: count u32, then for each the free blocks before it and its
   * length, u32s. Null for what is not that. The form is the only one for its content, so equal
   * sets have equal bytes.
   */
  static decode(bytes: Uint8Array): Extents | null {
    if (bytes.length < 4) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const count = view.getUint32(0, true);
    if (bytes.length !== 4 + count * 8) return null;
    const firsts = new Float64Array(count);
    const ranks = new Float64Array(count + 1);
    let end = 0;
    for (let index = 0; index < count; index += 1) {
      const gap = view.getUint32(4 + index * 8, true);
      const length = view.getUint32(8 + index * 8, true);
      if (length === 0 || (gap === 0 && index > 0)) return null;
      if (end + gap + length > ADDRESS_MAX) return null;
      firsts[index] = end + gap + 1;
      ranks[index + 1] = (ranks[index] ?? 0) + length;
      end += gap + length;
    }
    return new Extents(firsts, ranks);
  }

  /** Each stretch, ascending. */
  *stretches(): Generator<{ readonly first: number; readonly length: number }, void, undefined> {
    for (const [at, first] of this.firsts.entries()) {
      yield { first, length: (this.ranks[at + 1] ?? 0) - (this.ranks[at] ?? 0) };
    }
  }

  /** Addresses in all. */
  get count(): number {
    return this.ranks.at(-1) ?? 0;
  }

  /** The highest address, 0 where there is none. */
  get last(): number {
    return this.count === 0 ? 0 : this.addressOf(this.count - 1);
  }

  /** How many used addresses lie below this one, or -1 where it is not used itself. */
  rankOf(address: number): number {
    const at = lastAtMost(this.firsts, this.firsts.length, address);
    if (at < 0) return -1;
    const rank = (this.ranks[at] ?? 0) + address - (this.firsts[at] ?? 0);
    return rank < (this.ranks[at + 1] ?? 0) ? rank : -1;
  }

  addressOf(rank: number): number {
    assert(rank >= 0 && rank < this.count, 'a rank below the number of addresses');
    const at = lastAtMost(this.ranks, this.firsts.length, rank);
    return (this.firsts[at] ?? 0) + rank - (this.ranks[at] ?? 0);
  }

  /** How many used addresses follow each other without a gap from this rank on, itself included. */
  neighbours(rank: number): number {
    assert(rank >= 0 && rank < this.count, 'a rank below the number of addresses');
    const at = lastAtMost(this.ranks, this.firsts.length, rank);
    return (this.ranks[at + 1] ?? 0) - rank;
  }
}

/** Index of the last of the first `count` values that is at most `value`, or -1. */
function lastAtMost(values: Float64Array, count: number, value: number): number {
  let low = -1;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  return low;
}
