import type { BlockReference } from './forest-types.ts';
import { assert } from './std/assert.ts';

/**
 * Blocks asked for ahead of the first that is missing, at most: what arrives early is kept until
 * its turn comes, and this bounds how much that may be.
 */
export const FETCH_WINDOW = 32;

/** A list of blocks that are fetched in any order and used in the given one. */
export class BlockFetch {
  private readonly references: readonly BlockReference[];
  private readonly indexes: Map<number, number> = new Map();
  /** Index of the next block to use; everything below has been used. */
  private head = 0;
  /** Index of the next block to ask for; head ≤ asked ≤ head + FETCH_WINDOW. */
  private asked = 0;
  /** Arrived and not yet used. */
  private readonly early: Map<number, Uint8Array> = new Map();

  constructor(references: readonly BlockReference[]) {
    this.references = references;
    for (const [index, reference] of references.entries()) {
      this.indexes.set(reference.address, index);
    }
  }

  get done(): boolean {
    return this.head === this.references.length;
  }

  take(limit: number): BlockReference[] {
    const taken: BlockReference[] = [];
    const end = Math.min(this.references.length, this.head + FETCH_WINDOW);
    while (taken.length < limit && this.asked < end) {
      taken.push(this.reference(this.asked));
      this.asked += 1;
    }
    return taken;
  }

  /** The index of a block that was asked for and has not arrived, or -1. */
  missing(reference: BlockReference): number {
    const index = this.indexes.get(reference.address);
    if (index === undefined || this.reference(index).checksum !== reference.checksum) return -1;
    return index >= this.head && index < this.asked && !this.early.has(index) ? index : -1;
  }

  /** The payload may be a view of a buffer that will be used again: what waits is copied. */
  arrived(index: number, payload: Uint8Array): void {
    assert(index >= this.head && !this.early.has(index), 'a block arrives once');
    this.early.set(index, index === this.head ? payload : payload.slice());
  }

  /** The next block to use, when it is there. */
  shift(): Uint8Array | null {
    const payload = this.early.get(this.head);
    if (payload === undefined) return null;
    this.early.delete(this.head);
    this.head += 1;
    return payload;
  }

  private reference(index: number): BlockReference {
    return this.references[index] as BlockReference; // SAFETY: index < asked ≤ length.
  }
}
