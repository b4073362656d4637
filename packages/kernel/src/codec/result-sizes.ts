import { CHAIN_SIZE } from './limits.ts';

/** Sizes inside results that the kernel reckons with while it fills a reply, in bytes. */

/** A record without its value: three revisions, the value's size, and whether it is there. */
export const RECORD_SIZE: number = 8 + 8 + 8 + 4 + 1;
/** A refused result: every call may become one. */
export const REFUSED_SIZE: number = 1 + 1 + 8;
/** A range's result without entries. */
export const RANGE_SIZE: number = 1 + 1 + 2;
/** A result of a range at a revision, without entries and without the key that was reached. */
export const RANGE_AT_SIZE: number = 1 + 1 + 2 + 2;
/** A transaction's result without its parts. */
export const TXN_SIZE: number = 1 + 1 + 8 + 2;
/** A stream read's result without events. */
export const STREAM_READ_SIZE: number = 1 + 8 + CHAIN_SIZE + 1 + 2;

/** A record with its value, or with the value withheld. */
export function recordSize(value: Uint8Array | null): number {
  return RECORD_SIZE + (value === null ? 0 : value.length);
}

/** An entry of a range. */
export function entrySize(key: Uint8Array, value: Uint8Array | null): number {
  return 2 + key.length + recordSize(value);
}

/** An event of a stream read. */
export function eventSize(event: Uint8Array): number {
  return 4 + event.length;
}

/** The shortest entry of a range: of a key of one byte, without its value. */
export const ENTRY_SIZE_MIN: number = entrySize(Uint8Array.of(0), null);
/** An empty event. */
export const EVENT_SIZE_MIN: number = eventSize(new Uint8Array(0));
