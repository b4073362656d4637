import {
  assert,
  type Checksum,
  readU128,
  readU64 as readWord,
  writeU64,
  writeU128,
} from '@kimberlite/store';
import type { ClientId, Op, View } from '../std/numbers.ts';
import { FIELD_SIZES, type Field } from './layout.ts';

export { readU128 };

/** NaN when it is above `most`. */
export function readU64(view: DataView, offset: number, most: number): number {
  const value = readWord(view, offset);
  return value <= most ? value : Number.NaN;
}

/** Numbers that are too large are read as NaN, and a sum with one of them is NaN. */
export function inRange(sum: number): boolean {
  return !Number.isNaN(sum);
}

export function readOp(view: DataView, offset: number, most: number): Op {
  return readU64(view, offset, most) as Op;
}

export function readView(view: DataView, offset: number, most: number): View {
  return readU64(view, offset, most) as View;
}

export function readChecksum(view: DataView, offset: number): Checksum {
  return readU128(view, offset) as Checksum;
}

export function readClient(view: DataView, offset: number): ClientId {
  return readU128(view, offset) as ClientId;
}

/** Reads one field; null when a 64-bit number is above 2^53 - 1. */
export function readField(view: DataView, field: Field): number | bigint | null {
  switch (field.kind) {
    case 'u8':
      return view.getUint8(field.offset);
    case 'u16':
      return view.getUint16(field.offset, true);
    case 'u32':
      return view.getUint32(field.offset, true);
    case 'u64':
    case 'op':
    case 'view': {
      const value = readU64(view, field.offset, Number.MAX_SAFE_INTEGER);
      return Number.isNaN(value) ? null : value;
    }
    case 'u128':
    case 'checksum':
    case 'client':
      return readU128(view, field.offset);
  }
}

export function writeU8(view: DataView, offset: number, value: number): void {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xff, 'fits in 8 bits');
  view.setUint8(offset, value);
}

export function writeU16(view: DataView, offset: number, value: number): void {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, 'fits in 16 bits');
  view.setUint16(offset, value, true);
}

export function writeU32(view: DataView, offset: number, value: number): void {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, 'fits in 32 bits');
  view.setUint32(offset, value, true);
}

/** Writes a natural number of up to 53 bits. */
export function writeNumber(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'fields are natural numbers');
  writeU64(view, offset, value);
}

export function writeBig(view: DataView, offset: number, value: bigint): void {
  assert(typeof value === 'bigint', '128-bit fields are bigint');
  writeU128(view, offset, value);
}

/** Writes one field. Asserts that the value is of its kind and fits. */
export function writeField(view: DataView, field: Field, value: number | bigint): void {
  if (typeof value === 'bigint') {
    assert(FIELD_SIZES[field.kind] === 16, 'only 128-bit fields are bigint');
    writeU128(view, field.offset, value);
    return;
  }
  switch (field.kind) {
    case 'u8':
      writeU8(view, field.offset, value);
      return;
    case 'u16':
      writeU16(view, field.offset, value);
      return;
    case 'u32':
      writeU32(view, field.offset, value);
      return;
    case 'u64':
    case 'op':
    case 'view':
      writeNumber(view, field.offset, value);
      return;
    case 'u128':
    case 'checksum':
    case 'client':
      assert(false, '128-bit fields are bigint');
  }
}
