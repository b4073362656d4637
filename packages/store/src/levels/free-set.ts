import { ADDRESS_MAX } from '../block.ts';
import { assert } from '../std/assert.ts';
import { Extents } from './extents.ts';
import { wordStart } from './word-start.ts';

/**
 * Which blocks of the block area the durable tree uses, a bit each. It belongs to the checkpoint
 * and is written with it. Blocks that a checkpoint gives up are free in the set that it writes, and
 * the first that may take them is the next checkpoint (rule window): it begins when an op above the
 * deadline of this one has committed, so a replication quorum holds this one, and nobody can fall
 * back to what came before.
 */
export class FreeSet {
  /** Bit set: in use. Bit n is address n + 1. */
  private words: Uint32Array;
  private usedCount = 0;

  constructor() {
    this.words = new Uint32Array(16);
  }

  copy(): FreeSet {
    const other = new FreeSet();
    other.words = this.words.slice();
    other.usedCount = this.usedCount;
    return other;
  }

  /** Blocks in use. */
  get used(): number {
    return this.usedCount;
  }

  uses(address: number): boolean {
    const bit = address - 1;
    return (((this.words[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  /** False when it is in use already. */
  take(address: number): boolean {
    assert(address >= 1 && address <= ADDRESS_MAX, 'an address in range');
    if (this.uses(address)) return false;
    const bit = address - 1;
    if (bit >>> 5 >= this.words.length) this.grow(bit >>> 5);
    this.words[bit >>> 5] = (this.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    this.usedCount += 1;
    return true;
  }

  release(address: number): void {
    assert(this.uses(address), 'a block is given up once');
    const bit = address - 1;
    this.words[bit >>> 5] = (this.words[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
    this.usedCount -= 1;
  }

  /** The lowest free address above `after`. */
  lowestFree(after: number): number {
    let bit = after;
    while (bit < ADDRESS_MAX) {
      const word = this.words[bit >>> 5];
      if (word === undefined) break;
      // Bits below the first of interest count as in use.
      const free = ~(word | ((1 << (bit & 31)) - 1)) >>> 0;
      if (free !== 0) {
        bit = wordStart(bit) + (31 - Math.clz32(free & -free));
        break;
      }
      bit = wordStart(bit) + 32;
    }
    assert(bit < ADDRESS_MAX, 'block addresses are exhausted');
    return bit + 1;
  }

  /** Extents in use, as Extents reads them. */
  encode(): Uint8Array {
    const numbers: number[] = [];
    let end = 0; // Addresses up to here are told.
    for (let at = this.nextUsed(0); at > 0; at = this.nextUsed(end)) {
      const next = this.lowestFree(at - 1) - 1;
      numbers.push(at - 1 - end, next - at + 1);
      end = next;
    }
    const view = new DataView(new ArrayBuffer(4 + numbers.length * 4));
    view.setUint32(0, numbers.length / 2, true);
    for (const [index, number] of numbers.entries()) view.setUint32(4 + index * 4, number, true);
    return new Uint8Array(view.buffer);
  }

  /** Null when the bytes are no set. */
  static decode(bytes: Uint8Array): FreeSet | null {
    const extents = Extents.decode(bytes);
    if (extents === null) return null;
    const set = new FreeSet();
    for (const { first, length } of extents.stretches()) {
      for (let index = 0; index < length; index += 1) set.take(first + index);
    }
    return set;
  }

  /** The lowest address in use above `after`, or 0. */
  private nextUsed(after: number): number {
    const end = this.words.length * 32;
    for (let bit = after; bit < end; bit = wordStart(bit) + 32) {
      const word = ((this.words[bit >>> 5] ?? 0) & ~((1 << (bit & 31)) - 1)) >>> 0;
      if (word !== 0) return wordStart(bit) + (31 - Math.clz32(word & -word)) + 1;
    }
    return 0;
  }

  private grow(word: number): void {
    const larger = new Uint32Array(Math.max(word + 1, this.words.length * 2));
    larger.set(this.words);
    this.words = larger;
  }
}
