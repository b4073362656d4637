import { assert, writeU64 } from '@kimberlite/store';

/**
 * Writes fields one after another into bytes of a size that was reckoned before; writing more or
 * less than that is a bug.
 */
export class ByteWriter {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at: number;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.at = 0;
  }

  /** The bytes, all of them written. */
  finish(): Uint8Array {
    assert(this.at === this.bytes.length, 'as many bytes as were reckoned');
    return this.bytes;
  }

  u8(value: number): void {
    assert(value >= 0 && value <= 0xff, 'fits 8 bits');
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  u16(value: number): void {
    assert(value >= 0 && value <= 0xffff, 'fits 16 bits');
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    assert(value >= 0 && value <= 0xffffffff, 'fits 32 bits');
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a natural number');
    writeU64(this.view, this.at, value);
    this.at += 8;
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  fixed(value: Uint8Array): void {
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  bytes8(value: Uint8Array): void {
    this.u8(value.length);
    this.fixed(value);
  }

  bytes16(value: Uint8Array): void {
    this.u16(value.length);
    this.fixed(value);
  }

  bytes32(value: Uint8Array): void {
    this.u32(value.length);
    this.fixed(value);
  }
}
