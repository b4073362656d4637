import { assert, Slab } from '@kimberlite/store';
import { Outgoing } from './outgoing.ts';

/**
 * A key's value in KEYS_TABLE: create revision, mod revision and version (u64 each), then the
 * value. What a put writes, without reading, is such a record too, of a key made by that very put;
 * folding it into an older one is a sum. So it does not matter how many puts were folded together
 * before they meet the record below them, or whether they meet one.
 */

const CREATE_OFFSET = 0;
const MOD_OFFSET = 8;
const VERSION_OFFSET = 16;
/** Bytes in front of the value: the head of a row, which says all but the value. */
export const RECORD_HEAD_SIZE = 24;
const VALUE_OFFSET = RECORD_HEAD_SIZE;

/** A record in place: the numbers read, the value a view. */
export interface StoredRecord {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
}

/** For records that are read, which stay with whoever asked. */
const records = new Slab(64 * 1024);
const outgoing = new Outgoing(64 * 1024);

/** What a blind put merges into the table. The bytes are the caller's until the next call. */
export function putDelta(revision: number, value: Uint8Array): Uint8Array {
  const bytes = outgoing.take(VALUE_OFFSET + value.length);
  writeU64(bytes, CREATE_OFFSET, revision);
  writeU64(bytes, MOD_OFFSET, revision);
  writeU64(bytes, VERSION_OFFSET, 1);
  bytes.set(value, VALUE_OFFSET);
  return bytes;
}

/** The table's `combine`: made by the older, valued and dated by the newer, versions added. */
export function combineRecords(older: Uint8Array | null, delta: Uint8Array): Uint8Array {
  if (older === null) return delta;
  const bytes = records.take(delta.length);
  bytes.set(delta);
  writeU64(bytes, CREATE_OFFSET, readU64(older, CREATE_OFFSET));
  writeU64(bytes, VERSION_OFFSET, readU64(older, VERSION_OFFSET) + readU64(delta, VERSION_OFFSET));
  return bytes;
}

export function readRecord(bytes: Uint8Array): StoredRecord {
  assert(bytes.length >= VALUE_OFFSET, 'a whole record');
  return {
    createRevision: readU64(bytes, CREATE_OFFSET),
    modRevision: readU64(bytes, MOD_OFFSET),
    version: readU64(bytes, VERSION_OFFSET),
    value: bytes.subarray(VALUE_OFFSET),
  };
}

/** Byte by byte: a DataView for each record would cost more than all its reads. */
function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU32(bytes, at + 4) * 4294967296;
}

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value >>> 0);
  writeU32(bytes, at + 4, Math.floor(value / 4294967296));
}

function readU32(bytes: Uint8Array, at: number): number {
  // SAFETY: the caller has checked the length.
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
  return (low | (high << 16)) >>> 0;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
