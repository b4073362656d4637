import type { Column, Rows } from './rows.ts';
import { assert, present } from './std/assert.ts';

const CHUNK_SIZE_MIN = 4 * 1024;
const CHUNK_SIZE_MAX = 256 * 1024;
/** What is larger gets a chunk of its own. */
const SHARED_SIZE_MAX = CHUNK_SIZE_MAX / 4;
/** Before each piece in a chunk: its slot and the bytes it takes, so that a chunk can be walked. */
const PREFIX_SIZE = 8;
/** In the place of a chunk's index: the slot has no bytes here. */
const NOWHERE = -1;

interface Chunk {
  readonly words: Int32Array;
  readonly size: number;
  used: number;
  live: number;
}

/**
 * One piece of bytes a slot, kept off the garbage collector's heap in a few large chunks; rows say
 * where. A chunk is only ever appended to, so a view that was handed out keeps its bytes whatever
 * happens to its slot later. Chunks that are mostly garbage are emptied by moving what lives in
 * them: held memory stays below about twice the live bytes.
 */
export class Arena {
  private readonly rows: Rows;
  private readonly columnChunk: Column;
  private readonly columnOffset: Column;
  private readonly columnSize: Column;
  /** Bytes of each chunk; null beside a null in `chunks`. */
  private readonly bytes: (Uint8Array | null)[] = [];
  private readonly chunks: (Chunk | null)[] = [];
  private readonly chunksFree: number[] = [];
  /** The chunk that is being filled; NOWHERE before the first. */
  private current: number = NOWHERE;
  private chunkSize: number = CHUNK_SIZE_MIN;
  private compacting = false;
  /** Bytes of live pieces, with prefix and alignment; liveSize ≤ heldSize. */
  private liveSize = 0;
  private held = 0;

  constructor(rows: Rows, columns: { chunk: Column; offset: Column; size: Column }) {
    this.rows = rows;
    this.columnChunk = columns.chunk;
    this.columnOffset = columns.offset;
    this.columnSize = columns.size;
  }

  /** Bytes of live pieces, with what stands before each. */
  get usedSize(): number {
    return this.liveSize;
  }

  /** Bytes of all chunks. */
  get heldSize(): number {
    return this.held;
  }

  /** Copies the bytes; the slot must have none here. */
  place(slot: number, bytes: Uint8Array): void {
    const taken = (PREFIX_SIZE + bytes.length + 3) & ~3;
    const index = this.chunkFor(taken);
    const chunk = present(this.chunks[index]);
    const start = chunk.used;
    assert(start + taken <= chunk.size, 'a piece fits its chunk');
    chunk.words[start >>> 2] = slot;
    chunk.words[(start >>> 2) + 1] = taken;
    this.bytesOf(index).set(bytes, start + PREFIX_SIZE);
    chunk.used = start + taken;
    chunk.live += taken;
    this.liveSize += taken;
    this.rows.set(slot, this.columnChunk, index);
    this.rows.set(slot, this.columnOffset, start + PREFIX_SIZE);
    this.rows.set(slot, this.columnSize, bytes.length);
  }

  /** The slot has bytes here no more. */
  discard(slot: number): void {
    const index = this.rows.get(slot, this.columnChunk);
    const chunk = present(this.chunks[index], 'a live piece has a chunk');
    const start = this.rows.get(slot, this.columnOffset) - PREFIX_SIZE;
    assert(chunk.words[start >>> 2] === slot, 'a piece knows its slot');
    const taken = chunk.words[(start >>> 2) + 1] as number; // SAFETY: written by `place`.
    // It must not look alive to a compaction that runs before the slot is placed again.
    this.rows.set(slot, this.columnChunk, NOWHERE);
    chunk.live -= taken;
    this.liveSize -= taken;
    if (chunk.live === 0 && index !== this.current) this.drop(index, chunk);
  }

  view(slot: number): Uint8Array {
    const offset = this.rows.get(slot, this.columnOffset);
    const end = offset + this.rows.get(slot, this.columnSize);
    return this.bytesOf(this.rows.get(slot, this.columnChunk)).subarray(offset, end);
  }

  equals(slot: number, other: Uint8Array): boolean {
    const size = this.rows.get(slot, this.columnSize);
    if (size !== other.length) return false;
    const offset = this.rows.get(slot, this.columnOffset);
    const bytes = this.bytesOf(this.rows.get(slot, this.columnChunk));
    for (let at = 0; at < size; at += 1) {
      if (bytes[offset + at] !== other[at]) return false;
    }
    return true;
  }

  /** Negative, zero or positive, as the slot's bytes are below, at or above the other's. */
  compare(slot: number, other: Uint8Array): number {
    return this.prefixCompare(slot, other, Number.MAX_SAFE_INTEGER);
  }

  /** The same for no more than the first `sizeMax` bytes of both. */
  prefixCompare(slot: number, other: Uint8Array, sizeMax: number): number {
    const size = Math.min(this.rows.get(slot, this.columnSize), sizeMax);
    const otherSize = Math.min(other.length, sizeMax);
    const offset = this.rows.get(slot, this.columnOffset);
    const bytes = this.bytesOf(this.rows.get(slot, this.columnChunk));
    const common = Math.min(size, otherSize);
    for (let at = 0; at < common; at += 1) {
      // SAFETY: at is below both sizes.
      const difference = (bytes[offset + at] as number) - (other[at] as number);
      if (difference !== 0) return difference;
    }
    return size - otherSize;
  }

  private bytesOf(index: number): Uint8Array {
    return present(this.bytes[index], 'a live piece has a chunk');
  }

  private chunkFor(taken: number): number {
    if (taken > SHARED_SIZE_MAX) return this.chunkNew(taken);
    const chunk = this.chunks[this.current];
    if (chunk && chunk.used + taken <= chunk.size) return this.current;
    while (this.chunkSize < taken) this.chunkSize *= 2;
    const retired = this.current;
    this.current = this.chunkNew(this.chunkSize);
    if (this.chunkSize < CHUNK_SIZE_MAX) this.chunkSize *= 2;
    if (chunk && chunk.live === 0) this.drop(retired, chunk);
    if (this.compacting) return this.current;
    this.compact();
    // What was moved may have filled the new chunk.
    return this.chunkFor(taken);
  }

  private chunkNew(size: number): number {
    const buffer = new ArrayBuffer(size);
    const index = this.chunksFree.pop() ?? this.chunks.length;
    this.chunks[index] = { words: new Int32Array(buffer), size, used: 0, live: 0 };
    this.bytes[index] = new Uint8Array(buffer);
    this.held += size;
    return index;
  }

  private drop(index: number, chunk: Chunk): void {
    this.held -= chunk.size;
    this.chunks[index] = null;
    this.bytes[index] = null;
    this.chunksFree.push(index);
  }

  /** Empties up to two of the worst chunks while more than half of what is held is garbage. */
  private compact(): void {
    this.compacting = true;
    for (let round = 0; round < 2; round += 1) {
      if (this.held - this.liveSize <= this.liveSize + 2 * CHUNK_SIZE_MAX) break;
      let worst = NOWHERE;
      let share = 1;
      for (let index = 0; index < this.chunks.length; index += 1) {
        const chunk = this.chunks[index];
        if (!chunk || index === this.current || chunk.live / chunk.size >= share) continue;
        worst = index;
        share = chunk.live / chunk.size;
      }
      if (worst === NOWHERE) break;
      this.evacuate(worst);
    }
    this.compacting = false;
  }

  private evacuate(index: number): void {
    const chunk = present(this.chunks[index]);
    for (let start = 0; start < chunk.used && chunk.live > 0; ) {
      const slot = chunk.words[start >>> 2] as number; // SAFETY: start < used.
      const taken = chunk.words[(start >>> 2) + 1] as number; // SAFETY: as above.
      const offset = start + PREFIX_SIZE;
      start += taken;
      if (this.rows.get(slot, this.columnChunk) !== index) continue;
      if (this.rows.get(slot, this.columnOffset) !== offset) continue;
      const bytes = this.view(slot);
      this.discard(slot);
      this.place(slot, bytes);
    }
    assert(this.chunks[index] !== chunk, 'an emptied chunk is dropped');
  }
}
