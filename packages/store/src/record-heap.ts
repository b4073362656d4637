import type { RecordKind } from './record.ts';
import { assert, present } from './std/assert.ts';

/** Integers of a row: chunk, offset of the key, key size, value size, hash, kind. */
const ROW = 8;
const ROW_CHUNK = 0;
const ROW_OFFSET = 1;
const ROW_KEY_SIZE = 2;
const ROW_VALUE_SIZE = 3;
const ROW_HASH = 4;
const ROW_KIND = 5;
const PAGE_BITS = 10;
const PAGE_ROWS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ROWS - 1;

const CHUNK_SIZE_MIN = 4 * 1024;
const CHUNK_SIZE_MAX = 256 * 1024;
/** A larger record gets a chunk of its own. */
const SHARED_SIZE_MAX = CHUNK_SIZE_MAX / 4;
/** Before each record in a chunk: its slot and its bytes as i32, so that a chunk can be walked. */
const PREFIX_SIZE = 8;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  used: number;
  live: number;
}

/**
 * Keeps keys and values off the garbage collector's heap: bytes in a few large chunks, and a row
 * of integers a record, found by its slot. A chunk is only ever appended to, so a view that was
 * handed out keeps its bytes whatever happens to the record later. Chunks that are mostly garbage
 * are emptied by moving what lives in them; held memory stays below about twice the live bytes.
 */
export class RecordHeap {
  private readonly pages: Int32Array[] = [];
  private readonly slotsFree: number[] = [];
  private slotsUsed = 0;
  private readonly chunks: (Chunk | null)[] = [];
  private readonly chunksFree: number[] = [];
  /** The chunk that is being filled; -1 before the first. */
  private current = -1;
  private chunkSize: number = CHUNK_SIZE_MIN;
  private compacting = false;
  /** Bytes of records (with prefix and alignment) that are reachable by a slot. */
  private liveSize = 0;
  /** Bytes of all chunks that are held. */
  private held = 0;

  /** Bytes held by the chunks and rows. */
  get heldSize(): number {
    return this.held + this.pages.length * PAGE_ROWS * ROW * 4;
  }

  insert(key: Uint8Array, value: Uint8Array, hash: number, kind: RecordKind): number {
    const slot = this.slotNew();
    const page = this.page(slot);
    const row = (slot & PAGE_MASK) * ROW;
    page[row + ROW_HASH] = hash;
    this.place(slot, key, value, kind);
    return slot;
  }

  update(slot: number, value: Uint8Array, kind: RecordKind): void {
    const key = this.key(slot);
    this.discard(slot);
    this.place(slot, key, value, kind);
  }

  remove(slot: number): void {
    this.discard(slot);
    this.page(slot)[(slot & PAGE_MASK) * ROW + ROW_CHUNK] = -1;
    this.slotsFree.push(slot);
  }

  key(slot: number): Uint8Array {
    const page = this.page(slot);
    const row = (slot & PAGE_MASK) * ROW;
    const offset = page[row + ROW_OFFSET] as number; // SAFETY: a row is whole.
    const end = offset + (page[row + ROW_KEY_SIZE] as number); // SAFETY: as above.
    return this.chunkBytes(page, row).subarray(offset, end);
  }

  value(slot: number): Uint8Array {
    const page = this.page(slot);
    const row = (slot & PAGE_MASK) * ROW;
    // SAFETY: a row is whole.
    const offset = (page[row + ROW_OFFSET] as number) + (page[row + ROW_KEY_SIZE] as number);
    const end = offset + (page[row + ROW_VALUE_SIZE] as number); // SAFETY: as above.
    return this.chunkBytes(page, row).subarray(offset, end);
  }

  keySize(slot: number): number {
    return this.cell(slot, ROW_KEY_SIZE);
  }

  valueSize(slot: number): number {
    return this.cell(slot, ROW_VALUE_SIZE);
  }

  hash(slot: number): number {
    return this.cell(slot, ROW_HASH);
  }

  kind(slot: number): RecordKind {
    return this.cell(slot, ROW_KIND) as RecordKind; // SAFETY: only `place` writes it.
  }

  /** Whether the slot's key has these bytes. */
  keyEquals(slot: number, key: Uint8Array): boolean {
    const page = this.page(slot);
    const row = (slot & PAGE_MASK) * ROW;
    if (page[row + ROW_KEY_SIZE] !== key.length) return false;
    const offset = page[row + ROW_OFFSET] as number; // SAFETY: a row is whole.
    const bytes = this.chunkBytes(page, row);
    for (let at = 0; at < key.length; at += 1) {
      if (bytes[offset + at] !== key[at]) return false;
    }
    return true;
  }

  /** Negative, zero or positive, as the slot's key is below, at or above the bytes. */
  keyCompare(slot: number, key: Uint8Array): number {
    const page = this.page(slot);
    const row = (slot & PAGE_MASK) * ROW;
    const offset = page[row + ROW_OFFSET] as number; // SAFETY: a row is whole.
    const keySize = page[row + ROW_KEY_SIZE] as number; // SAFETY: as above.
    const bytes = this.chunkBytes(page, row);
    const size = Math.min(keySize, key.length);
    for (let at = 0; at < size; at += 1) {
      // SAFETY: at < both sizes.
      const difference = (bytes[offset + at] as number) - (key[at] as number);
      if (difference !== 0) return difference;
    }
    return keySize - key.length;
  }

  private place(slot: number, key: Uint8Array, value: Uint8Array, kind: RecordKind): void {
    const size = key.length + value.length;
    const taken = align4(PREFIX_SIZE + size);
    const index = this.chunkFor(taken);
    const chunk = present(this.chunks[index]);
    const start = chunk.used;
    assert(start + taken <= chunk.bytes.length, 'a record fits its chunk');
    chunk.words[start >>> 2] = slot;
    chunk.words[(start >>> 2) + 1] = taken;
    const offset = start + PREFIX_SIZE;
    chunk.bytes.set(key, offset);
    chunk.bytes.set(value, offset + key.length);
    chunk.used = start + taken;
    chunk.live += taken;
    this.liveSize += taken;
    const page = this.page(slot);
    const row = (slot & PAGE_MASK) * ROW;
    page[row + ROW_CHUNK] = index;
    page[row + ROW_OFFSET] = offset;
    page[row + ROW_KEY_SIZE] = key.length;
    page[row + ROW_VALUE_SIZE] = value.length;
    page[row + ROW_KIND] = kind;
  }

  /** Turns the slot's bytes into garbage; the row still points at them. */
  private discard(slot: number): void {
    const index = this.cell(slot, ROW_CHUNK);
    const chunk = present(this.chunks[index], 'a live record has a chunk');
    const start = this.cell(slot, ROW_OFFSET) - PREFIX_SIZE;
    assert(chunk.words[start >>> 2] === slot, 'a record knows its slot');
    const taken = chunk.words[(start >>> 2) + 1] as number; // SAFETY: written by `place`.
    // The row must not look alive to a compaction that runs before the slot is placed again.
    this.page(slot)[(slot & PAGE_MASK) * ROW + ROW_CHUNK] = -1;
    chunk.live -= taken;
    this.liveSize -= taken;
    if (chunk.live === 0 && index !== this.current) this.drop(index, chunk);
  }

  private chunkFor(taken: number): number {
    if (taken > SHARED_SIZE_MAX) return this.chunkNew(taken);
    const chunk = this.current < 0 ? null : this.chunks[this.current];
    if (chunk && chunk.used + taken <= chunk.bytes.length) return this.current;
    while (this.chunkSize < taken) this.chunkSize *= 2;
    const retired = this.current;
    this.current = this.chunkNew(this.chunkSize);
    if (this.chunkSize < CHUNK_SIZE_MAX) this.chunkSize *= 2;
    if (chunk && chunk.live === 0) this.drop(retired, chunk);
    if (!this.compacting) this.compact();
    const filled = present(this.chunks[this.current]);
    if (filled.used + taken <= filled.bytes.length) return this.current;
    return this.chunkFor(taken);
  }

  private chunkNew(size: number): number {
    const buffer = new ArrayBuffer(size);
    const chunk: Chunk = {
      bytes: new Uint8Array(buffer),
      words: new Int32Array(buffer),
      used: 0,
      live: 0,
    };
    this.held += size;
    const index = this.chunksFree.pop() ?? this.chunks.length;
    this.chunks[index] = chunk;
    return index;
  }

  private drop(index: number, chunk: Chunk): void {
    this.held -= chunk.bytes.length;
    this.chunks[index] = null;
    this.chunksFree.push(index);
  }

  /** Empties up to two of the worst chunks while more than half of the held bytes are garbage. */
  private compact(): void {
    this.compacting = true;
    for (let round = 0; round < 2; round += 1) {
      if (this.held - this.liveSize <= this.liveSize + 2 * CHUNK_SIZE_MAX) break;
      let worst = -1;
      let share = 1;
      for (let index = 0; index < this.chunks.length; index += 1) {
        const chunk = this.chunks[index];
        if (!chunk || index === this.current) continue;
        const candidate = chunk.live / chunk.bytes.length;
        if (candidate >= share) continue;
        worst = index;
        share = candidate;
      }
      if (worst < 0) break;
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
      if (this.cell(slot, ROW_CHUNK) !== index) continue;
      if (this.cell(slot, ROW_OFFSET) !== offset) continue;
      const kind = this.kind(slot);
      const key = this.key(slot);
      const value = this.value(slot);
      this.discard(slot);
      this.place(slot, key, value, kind);
    }
    assert(this.chunks[index] !== chunk, 'an emptied chunk is dropped');
  }

  private slotNew(): number {
    const free = this.slotsFree.pop();
    if (free !== undefined) return free;
    const slot = this.slotsUsed;
    this.slotsUsed += 1;
    if (slot >>> PAGE_BITS === this.pages.length) this.pages.push(new Int32Array(PAGE_ROWS * ROW));
    this.page(slot)[(slot & PAGE_MASK) * ROW + ROW_CHUNK] = -1;
    return slot;
  }

  private page(slot: number): Int32Array {
    return this.pages[slot >>> PAGE_BITS] as Int32Array; // SAFETY: slots come from `slotNew`.
  }

  private cell(slot: number, column: number): number {
    return this.page(slot)[(slot & PAGE_MASK) * ROW + column] as number; // SAFETY: a row is whole.
  }

  private chunkBytes(page: Int32Array, row: number): Uint8Array {
    const chunk = this.chunks[page[row + ROW_CHUNK] as number]; // SAFETY: a row is whole.
    return present(chunk, 'a live record has a chunk').bytes;
  }
}

function align4(size: number): number {
  return (size + 3) & ~3;
}
