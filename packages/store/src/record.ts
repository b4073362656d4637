/** What a record of a layer or a run says about its key. */
export const RecordKind = {
  /** The key has this value, whatever older layers say. */
  put: 1,
  /** The key is absent, whatever older layers say. */
  tombstone: 2,
  /** Deltas, joined, to fold into what older layers say. */
  delta: 3,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/**
 * Joins a delta with what is older: a value, a delta again, or null for nothing. Pure and
 * associative, so that it never matters which deltas met first.
 */
export type Combine = (older: Uint8Array | null, delta: Uint8Array) => Uint8Array;

/** Bytes of a record in a page before its key and value. */
const RECORD_HEADER_SIZE = 8;

/** Bytes that a record takes in a run. */
export function recordSize(keySize: number, valueSize: number): number {
  return RECORD_HEADER_SIZE + keySize + valueSize;
}

/** Whether a byte read from a run is a kind of record. */
export function isRecordKind(value: number): value is RecordKind {
  return value >= RecordKind.put && value <= RecordKind.delta;
}
