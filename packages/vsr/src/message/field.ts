import { assert, readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import { FIELD_SIZES, type Field } from './layout.ts';

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
      const value = readU64(view, field.offset);
      return Number.isNaN(value) ? null : value;
    }
    case 'u128':
    case 'checksum':
    case 'client':
      return readU128(view, field.offset);
  }
}

/** Writes one field. Asserts that the value is of its kind and fits. */
export function writeField(view: DataView, field: Field, value: number | bigint): void {
  if (typeof value === 'bigint') {
    assert(FIELD_SIZES[field.kind] === 16, 'only 128-bit fields are bigint');
    writeU128(view, field.offset, value);
    return;
  }
  assert(Number.isSafeInteger(value) && value >= 0, 'fields are natural numbers');
  switch (field.kind) {
    case 'u8':
      assert(value <= 0xff, 'fits in 8 bits');
      view.setUint8(field.offset, value);
      return;
    case 'u16':
      assert(value <= 0xffff, 'fits in 16 bits');
      view.setUint16(field.offset, value, true);
      return;
    case 'u32':
      assert(value <= 0xffffffff, 'fits in 32 bits');
      view.setUint32(field.offset, value, true);
      return;
    case 'u64':
    case 'op':
    case 'view':
      writeU64(view, field.offset, value);
      return;
    case 'u128':
    case 'checksum':
    case 'client':
      assert(false, '128-bit fields are bigint');
  }
}
