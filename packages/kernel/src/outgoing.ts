/**
 * One piece of memory for bytes on their way into a table, which copies them at once: it stays in
 * the processor's cache. Fresh memory for each put costs more than all else that is done for it.
 */
export class Outgoing {
  private readonly memory: Uint8Array;
  /** The part that was handed out last: puts of one kind are mostly of one size. */
  private part: Uint8Array;

  /** `size` in bytes: of what is handed out again and again, at most. */
  constructor(size: number) {
    this.memory = new Uint8Array(size);
    this.part = this.memory;
  }

  /** So many bytes with anything in them. They are the caller's until the next call. */
  take(size: number): Uint8Array {
    if (size > this.memory.length) return new Uint8Array(size);
    if (this.part.length !== size) this.part = this.memory.subarray(0, size);
    return this.part;
  }
}
