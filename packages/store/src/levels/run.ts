import type { PagePlace } from './page.ts';

/**
 * An immutable sorted run: a B+ tree of pages, built bottom-up in the order of keys. It may grow at
 * its end while a merge writes it; what it holds never changes.
 */
export interface Run {
  /** The reference of the root page, as bytes. */
  readonly root: Uint8Array;
  /** Level of the root page: 0 when the run is one leaf. */
  readonly height: number;
  readonly records: number;
  /** Bytes of its records: what merging it costs to read. */
  readonly size: number;
  /** Blocks of pages and values. */
  readonly blocks: number;
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  /** The least and the greatest expiry of its records; 0 in a table that has none. */
  readonly expiresFirst: number;
  readonly expiresLast: number;
}

/** What a checkpoint's work does with blocks. */
export interface BlockSink {
  /** Gives the block its place and hands it out to be written; takes the bytes over. */
  write(bytes: Uint8Array): Uint8Array;
  /** The block with the reference that begins at `at` is no part of the next tree. */
  release(holder: Uint8Array, at: number): void;
}

/** Where a reader finds blocks. Null means: not in memory, and wanted from now on. */
export interface BlockSource {
  page(holder: Uint8Array, at: number, place: PagePlace): Uint8Array | null;
  /** A block of an outline value. */
  raw(holder: Uint8Array, at: number): Uint8Array | null;
}
