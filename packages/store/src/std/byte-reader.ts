import { readU64 } from './u128.ts';

const EMPTY = new Uint8Array(0);

/**
 * Reads fields one after another from bytes that may be anything. What is not there reads as zero
 * or empty and clears `ok`, which stays cleared: a decoder reads on and asks once. Byte strings are
 * views of the source, not copies.
 */
export class ByteReader {
  /** False once a read went past the end or met a value that has no meaning. */
  ok: boolean;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at: number;

  constructor(bytes: Uint8Array) {
    this.ok = true;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /** Clears `ok`. */
  fail(): void {
    this.ok = false;
  }

  /** Everything was read, and all of it made sense. */
  complete(): boolean {
    return this.ok && this.at === this.bytes.length;
  }

  u8(): number {
    const at = this.take(1);
    return at < 0 ? 0 : this.view.getUint8(at);
  }

  u16(): number {
    const at = this.take(2);
    return at < 0 ? 0 : this.view.getUint16(at, true);
  }

  u32(): number {
    const at = this.take(4);
    return at < 0 ? 0 : this.view.getUint32(at, true);
  }

  /** A natural number up to 2^53 - 1; more is a failure. */
  u64(): number {
    const at = this.take(8);
    if (at < 0) return 0;
    const value = readU64(this.view, at);
    if (!Number.isNaN(value)) return value;
    this.ok = false;
    return 0;
  }

  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) this.ok = false;
    return value === 1;
  }

  /** Exactly `size` bytes. */
  fixed(size: number): Uint8Array {
    const at = this.take(size);
    return at < 0 ? EMPTY : this.bytes.subarray(at, at + size);
  }

  /** A byte string behind its length of one byte. */
  bytes8(): Uint8Array {
    return this.fixed(this.u8());
  }

  /** A byte string behind its length of two bytes. */
  bytes16(): Uint8Array {
    return this.fixed(this.u16());
  }

  /** A byte string behind its length of four bytes. */
  bytes32(): Uint8Array {
    return this.fixed(this.u32());
  }

  /** A list behind its count of two bytes; stops at the first failure. */
  list<T>(read: (reader: ByteReader) => T): T[] {
    const count = this.u16();
    const items: T[] = [];
    for (let index = 0; index < count && this.ok; index += 1) items.push(read(this));
    return items;
  }

  /** What was not read yet. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }

  private take(size: number): number {
    const at = this.at;
    if (size > this.bytes.length - at) {
      this.ok = false;
      return -1;
    }
    this.at = at + size;
    return at;
  }
}
