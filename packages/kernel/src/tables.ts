import { present, readU64, type TableOptions } from '@kimberlite/store';
import { TABLE_USER_MIN } from '@kimberlite/vsr';
import { prefixEnd } from './codec/bytes.ts';
import { combineRecords, RECORD_HEAD_SIZE } from './key-record.ts';
import { Outgoing } from './outgoing.ts';

/**
 * The kernel's tables and the layout of their keys. Every key begins with its namespace behind the
 * namespace's length, so no key of one namespace is a key, or lies within a range, of another.
 */

/** namespace, key → record (key-record.ts). */
export const KEYS_TABLE: number = TABLE_USER_MIN;
/** `revision` → the last revision taken; `bytes` → what a quota counts. u64. */
export const META_TABLE: number = TABLE_USER_MIN + 1;
/** namespace, stream → stream record (stream-record.ts). */
export const STREAMS_TABLE: number = TABLE_USER_MIN + 2;
/** namespace, stream, offset → event row (stream-record.ts). */
export const EVENTS_TABLE: number = TABLE_USER_MIN + 3;

/** namespace, key, the revision that replaced the record → the record; see history.ts. */
export const HISTORY_TABLE: number = TABLE_USER_MIN + 4;
/** namespace, key → the revision that last deleted the key, u64. */
export const TOMBSTONES_TABLE: number = TABLE_USER_MIN + 5;

export const KERNEL_TABLES: readonly TableOptions[] = [
  { id: KEYS_TABLE, name: 'keys', combine: combineRecords, headSize: RECORD_HEAD_SIZE },
  { id: META_TABLE, name: 'meta', combine: null },
  { id: STREAMS_TABLE, name: 'streams', combine: null },
  { id: EVENTS_TABLE, name: 'events', combine: null },
  { id: HISTORY_TABLE, name: 'history', combine: null, expiry: replacedAt },
  {
    id: TOMBSTONES_TABLE,
    name: 'tombstones',
    combine: null,
    expiry: (_, value) => readTombstone(value),
  },
];

/** A key of META_TABLE: `revision` in ASCII. */
export const REVISION_KEY: Uint8Array = Uint8Array.of(114, 101, 118, 105, 115, 105, 111, 110);

/** The other key of META_TABLE: `bytes` in ASCII; there only where there is a quota. */
export const BYTES_KEY: Uint8Array = Uint8Array.of(98, 121, 116, 101, 115);

/** Another key of META_TABLE: `compacted` in ASCII; there once a compact has moved it. */
export const COMPACTED_KEY: Uint8Array = Uint8Array.of(99, 111, 109, 112, 97, 99, 116, 101, 100);

/** A key, or a bound of a range, as it is in KEYS_TABLE; the same for names in STREAMS_TABLE. */
export function namespacedKey(namespace: Uint8Array, key: Uint8Array): Uint8Array {
  const row = new Uint8Array(1 + namespace.length + key.length);
  writeNamespaced(row, namespace, key);
  return row;
}

const outgoing = new Outgoing(4096);

/** The same for what is put into a table and kept by nobody: good until the next call. */
export function outgoingKey(namespace: Uint8Array, key: Uint8Array): Uint8Array {
  const row = outgoing.take(1 + namespace.length + key.length);
  writeNamespaced(row, namespace, key);
  return row;
}

/** Rows of up to so many bytes are copied one by one: for them that is faster than `set`. */
const BYTEWISE_MAX = 48;

function writeNamespaced(row: Uint8Array, namespace: Uint8Array, key: Uint8Array): void {
  const start = 1 + namespace.length;
  row[0] = namespace.length;
  if (row.length > BYTEWISE_MAX) {
    row.set(namespace, 1);
    row.set(key, start);
    return;
  }
  for (let at = 0; at < namespace.length; at += 1) row[1 + at] = namespace[at] ?? 0;
  for (let at = 0; at < key.length; at += 1) row[start + at] = key[at] ?? 0;
}

/** Bytes in front of the key itself. */
export function namespacedKeyStart(namespace: Uint8Array): number {
  return 1 + namespace.length;
}

const NO_BYTES = new Uint8Array(0);

/** The end of a namespace's keys, excluded. */
export function namespaceEnd(namespace: Uint8Array): Uint8Array {
  return rowsEnd(namespacedKey(namespace, NO_BYTES));
}

/**
 * The key of the record that `replaced` ended. The key's length stands before it, so that no other
 * key's rows lie between those of one; revisions ascend.
 */
export function historyKey(namespace: Uint8Array, key: Uint8Array, replaced: number): Uint8Array {
  const start = 1 + namespace.length;
  const row = new Uint8Array(start + 2 + key.length + 8);
  row[0] = namespace.length;
  row.set(namespace, 1);
  row[start] = key.length >>> 8;
  row[start + 1] = key.length & 0xff;
  row.set(key, start + 2);
  writeBigEndian(row, replaced);
  return row;
}

/** Above every row of the key. */
export function historyEnd(namespace: Uint8Array, key: Uint8Array): Uint8Array {
  return historyKey(namespace, key, Number.MAX_SAFE_INTEGER + 1);
}

/** When a row of HISTORY_TABLE ended; from then on it is of no use to who reads that revision. */
function replacedAt(row: Uint8Array): number {
  const view = new DataView(row.buffer, row.byteOffset + row.length - 8, 8);
  return view.getUint32(0, false) * 4294967296 + view.getUint32(4, false);
}

/** What a row of TOMBSTONES_TABLE says. */
export function readTombstone(value: Uint8Array): number {
  return readU64(new DataView(value.buffer, value.byteOffset, value.length), 0);
}

function writeBigEndian(row: Uint8Array, value: number): void {
  const view = new DataView(row.buffer, row.length - 8, 8);
  view.setUint32(0, Math.floor(value / 4294967296), false);
  view.setUint32(4, value >>> 0, false);
}

/** The key of the event at `offset`: big-endian, so that offsets ascend. */
export function eventKey(namespace: Uint8Array, stream: Uint8Array, offset: number): Uint8Array {
  const prefix = eventPrefix(namespace, stream);
  const row = new Uint8Array(prefix.length + 8);
  row.set(prefix);
  writeBigEndian(row, offset);
  return row;
}

/** The end of a stream's events, excluded. */
export function eventsEnd(namespace: Uint8Array, stream: Uint8Array): Uint8Array {
  return rowsEnd(eventPrefix(namespace, stream));
}

function eventPrefix(namespace: Uint8Array, stream: Uint8Array): Uint8Array {
  const start = 1 + namespace.length;
  const prefix = new Uint8Array(start + 1 + stream.length);
  prefix[0] = namespace.length;
  prefix.set(namespace, 1);
  prefix[start] = stream.length;
  prefix.set(stream, start + 1);
  return prefix;
}

function rowsEnd(prefix: Uint8Array): Uint8Array {
  // The first byte is a length far below 255, so there is always something above.
  return present(prefixEnd(prefix), 'rows end somewhere');
}
