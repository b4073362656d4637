import { assert } from './std/assert.ts';

/** What a record of a layer or a run says about its key. */
export const RecordKind = {
  /** The key has this value, whatever older layers say. */
  put: 1,
  /** The key is absent, whatever older layers say. */
  tombstone: 2,
  /** A list of deltas, oldest first, to fold into what older layers say. */
  delta: 3,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Folds a delta into an older value; see `TableOptions`. */
export type Combine = (older: Uint8Array | null, delta: Uint8Array) => Uint8Array;

/** Bytes of a key, at most. */
export const KEY_SIZE_MAX = 0xffff;
/** Bytes of a value or of a delta, at most. */
export const VALUE_SIZE_MAX: number = 1024 * 1024;
/**
 * Deltas that one record lists, at most. The next one is folded into the value that the key then
 * has, so that a key that is merged often costs no more and more to read. A rule counted in
 * operations: every replica folds at the same one.
 */
export const DELTAS_MAX = 8;
/** Bytes of a record's value part, at most. */
export const RECORD_VALUE_SIZE_MAX: number = DELTAS_MAX * (VALUE_SIZE_MAX + 4);

/** Of a record in a run, before key and value: key size u16, kind u8, zero u8, value size u32. */
export const RECORD_HEADER_SIZE = 8;

/** Bytes that a record takes in a run. */
export function recordSize(keySize: number, valueSize: number): number {
  return RECORD_HEADER_SIZE + keySize + valueSize;
}

/** Whether a byte read from a run is a kind of record. */
export function isRecordKind(value: number): value is RecordKind {
  return value >= RecordKind.put && value <= RecordKind.delta;
}

/** The list with one more delta: each is its size as u32, then its bytes. */
export function deltaListAppend(list: Uint8Array | null, delta: Uint8Array): Uint8Array {
  const before = list === null ? 0 : list.length;
  const grown = new Uint8Array(before + 4 + delta.length);
  if (list !== null) grown.set(list);
  new DataView(grown.buffer).setUint32(before, delta.length, true);
  grown.set(delta, before + 4);
  return grown;
}

/** How many deltas the list has, or -1 when its bytes are no list. */
export function deltaListCount(list: Uint8Array): number {
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  let count = 0;
  let at = 0;
  while (at < list.length) {
    if (at + 4 > list.length) return -1;
    at += 4 + view.getUint32(at, true);
    count += 1;
  }
  return at === list.length ? count : -1;
}

/** The value that results from the older one and a list of deltas. */
export function deltaListFold(
  older: Uint8Array | null,
  list: Uint8Array,
  combine: Combine,
): Uint8Array {
  assert(list.length > 0, 'a delta list is not empty');
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  let value = older;
  let at = 0;
  while (at < list.length) {
    const size = view.getUint32(at, true);
    value = combine(value, list.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  assert(at === list.length, 'a delta list ends with its last delta');
  assert(value !== null, 'a fold has a value');
  assert(value.length <= VALUE_SIZE_MAX, 'a folded value is within the limit');
  return value;
}
