import { assert, readU64, writeU64 } from '@kimberlite/store';

/**
 * A key's value in KEYS_TABLE: create revision, mod revision and version (u64 each), then the
 * value. What a put writes, without reading, is such a record too, of a key made by that very put;
 * folding it into an older one is a sum. So it does not matter how many puts were folded together
 * before they meet the record below them, or whether they meet one.
 */

const CREATE_OFFSET = 0;
const MOD_OFFSET = 8;
const VERSION_OFFSET = 16;
/** Bytes in front of the value. */
const VALUE_OFFSET = 24;

/** A record in place: the numbers read, the value a view. */
export interface StoredRecord {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
}

/** What a blind put merges into the table. */
export function putDelta(revision: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(VALUE_OFFSET + value.length);
  const view = new DataView(bytes.buffer);
  writeU64(view, CREATE_OFFSET, revision);
  writeU64(view, MOD_OFFSET, revision);
  writeU64(view, VERSION_OFFSET, 1);
  bytes.set(value, VALUE_OFFSET);
  return bytes;
}

/** The table's `combine`: made by the older, valued and dated by the newer, versions added. */
export function combineRecords(older: Uint8Array | null, delta: Uint8Array): Uint8Array {
  if (older === null) return delta;
  const bytes = delta.slice();
  const view = viewOf(bytes);
  const olderView = viewOf(older);
  writeU64(view, CREATE_OFFSET, readU64(olderView, CREATE_OFFSET));
  const version = readU64(olderView, VERSION_OFFSET) + readU64(view, VERSION_OFFSET);
  writeU64(view, VERSION_OFFSET, version);
  return bytes;
}

export function readRecord(bytes: Uint8Array): StoredRecord {
  assert(bytes.length >= VALUE_OFFSET, 'a whole record');
  const view = viewOf(bytes);
  return {
    createRevision: readU64(view, CREATE_OFFSET),
    modRevision: readU64(view, MOD_OFFSET),
    version: readU64(view, VERSION_OFFSET),
    value: bytes.subarray(VALUE_OFFSET),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
