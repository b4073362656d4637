import { assert } from './assert.ts';

/** Pieces above this share of a slab get memory of their own, so that little of it is wasted. */
const SHARE_MAX = 1 / 8;

/**
 * Hands out zeroed bytes from larger pieces of memory. Memory of its own costs a small array more
 * than all else that is done with it, and the garbage collector once more. A piece is never handed
 * out twice; whoever keeps one for long keeps its whole slab, so copy what is to stay.
 */
export class Slab {
  private readonly size: number;
  private bytes: Uint8Array;
  private used: number;

  /** `size` in bytes. */
  constructor(size: number) {
    assert(size > 0, 'a slab has room');
    this.size = size;
    this.bytes = new Uint8Array(0);
    this.used = 0;
  }

  /** `size` zeroed bytes that nobody else has. */
  take(size: number): Uint8Array {
    if (size > this.size * SHARE_MAX) return new Uint8Array(size);
    if (this.used + size > this.bytes.length) {
      this.bytes = new Uint8Array(this.size);
      this.used = 0;
    }
    const start = this.used;
    this.used += (size + 7) & ~7;
    return this.bytes.subarray(start, start + size);
  }
}
