import type { Checksum } from './std/checksum.ts';

/** A table of the forest: an ordered map of byte strings. */
export interface TableOptions {
  readonly id: number;
  readonly name: string;
  /**
   * Joins a delta (written with `merge`) with what is older: a value, a delta (what comes out is a
   * delta then), or null for nothing. Pure and associative: deltas are joined with each other
   * before they meet a value. Null for a table that takes none.
   */
  readonly combine: ((older: Uint8Array | null, delta: Uint8Array) => Uint8Array) | null;
  /**
   * For a table of which often only the first bytes of values are asked for: as many, 256 at most.
   * The value of a key then has the size of its newest record, and its head follows from the heads
   * of its records: `combine` of heads gives the head of what it gives.
   */
  readonly headSize?: number;
  /** For a table whose records end by themselves; left out: they stay until they are deleted. */
  readonly expiry?: Expiry;
}

/**
 * The number at which a record ends, a safe integer: once the forest's horizon has reached it, no
 * reader sees the record, and it goes when its run is merged. Pure. A table with it takes neither
 * deltas nor deletes, and what replaces a record ends no earlier than that.
 */
export type Expiry = (key: Uint8Array, value: Uint8Array) => number;

/** A block is named by its place and its content; the name is kept by its parent. */
export interface BlockReference {
  /** Place in the block area, in blocks, from 1; 0 stands for none. */
  readonly address: number;
  readonly checksum: Checksum;
}

/** One or more whole, neighbouring blocks to write at once. */
export interface BlockWrite {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Bytes of the reference to a whole forest, kept in the superblock and in every checkpoint id. */
export const FOREST_ROOT_SIZE = 64;
