/** Integers of a row. */
const ROW = 7;
const PAGE_BITS = 10;
const PAGE_ROWS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ROWS - 1;

/** Columns: where the key's bytes are, where the value's are, and what is known of the record. */
export const Column = {
  keyChunk: 0,
  keyOffset: 1,
  keySize: 2,
  valueChunk: 3,
  valueOffset: 4,
  valueSize: 5,
  kind: 6,
} as const;
export type Column = (typeof Column)[keyof typeof Column];

/** A row of integers a slot, in pages of typed arrays that never move. */
export class Rows {
  private readonly pages: Int32Array[] = [];
  private used = 0;

  /** Bytes held. */
  get heldSize(): number {
    return this.pages.length * PAGE_ROWS * ROW * 4;
  }

  acquire(): number {
    const slot = this.used;
    this.used += 1;
    if (slot >>> PAGE_BITS === this.pages.length) this.pages.push(new Int32Array(PAGE_ROWS * ROW));
    return slot;
  }

  get(slot: number, column: Column): number {
    const page = this.pages[slot >>> PAGE_BITS] as Int32Array; // SAFETY: slots are acquired.
    return page[(slot & PAGE_MASK) * ROW + column] as number; // SAFETY: rows are whole.
  }

  set(slot: number, column: Column, value: number): void {
    const page = this.pages[slot >>> PAGE_BITS] as Int32Array; // SAFETY: slots are acquired.
    page[(slot & PAGE_MASK) * ROW + column] = value;
  }
}
