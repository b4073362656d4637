import { REPLY_BODY_MAX } from '@kimberlite/vsr';

/** Sizes of calls; docs/kernel.md has the same table. All are bytes unless they say otherwise. */

/** A namespace: 1 to this. */
export const NAMESPACE_MAX = 64;
/** A key: 1 to this. A bound of a range may be one byte longer (`keyAfter` of a longest key). */
export const KEY_MAX = 4096;
/** A value: 0 to this, so that a get's reply fits into REPLY_BODY_MAX with room to spare. */
export const VALUE_MAX: number = 60 * 1024;
/** A stream's name: 1 to this. */
export const STREAM_NAME_MAX = 128;
/** An event: 0 to this. */
export const EVENT_MAX: number = VALUE_MAX;
/** `bytesMax` of a call: 0 to this. */
export const BYTES_MAX: number = 62 * 1024;
/** `bytesMax` that clients use when the caller names none. */
export const BYTES_DEFAULT: number = 16 * 1024;

/** Keys of one delete: 1 to this many. */
export const DELETE_KEYS_MAX = 1024;
/** Entries of one range: 1 to this many. */
export const RANGE_LIMIT_MAX = 1024;
/** Keys, and deleted keys, that one range at a revision looks at. */
export const RANGE_AT_EXAMINED_MAX = 128;
/** Compares of a transaction: 0 to this many. */
export const TXN_COMPARES_MAX = 128;
/** Operations of each branch of a transaction: 0 to this many. */
export const TXN_OPERATIONS_MAX = 128;
/** Events of one append, or asked for by one read: 1 to this many. */
export const EVENTS_MAX = 1024;
/**
 * Keys and rows that the calls of one request may look at (call-reads.ts), in one call or together:
 * what is named is held in memory at one moment, and executed in one step, on every replica.
 */
export const ROWS_READ_MAX = 4096;
/**
 * Keys beside the rows that they return that the ranges of one request may look at, shared evenly:
 * such as were deleted, and have not gone from the tables yet. A range ends when it has used up its
 * share, and says how far it came.
 */
export const LOOKS_SHARED = 1024;
/** Calls of one request: 1 to this many. */
export const CALLS_MAX = 4096;

/** Bytes in front of the first call of a request, and of the first result of a reply. */
export const LIST_HEADER_SIZE = 2;
/** What the results of one request may take together, at most (`callReplyLimit` summed up). */
export const RESULTS_SIZE_MAX: number = REPLY_BODY_MAX - LIST_HEADER_SIZE;
/**
 * What a quota counts of a row besides the names and values in it: what tables keep with them,
 * rounded up.
 */
export const KEY_OVERHEAD = 64;
/** The same of a stream. */
export const STREAM_OVERHEAD = 128;
/** The same of an event. */
export const EVENT_OVERHEAD = 96;
/** A longer value or event lies outside its row, in blocks of its own, and counts as these. */
export const ROW_VALUE_MAX = 4060;
/** What a quota counts of such a block: 16 KiB and its name. */
export const VALUE_BLOCK_SIZE: number = 16 * 1024 + 32;
/** Bytes in such a block. */
export const VALUE_BLOCK_ROOM: number = 16 * 1024;
/** Bytes of an event chain's hash. */
export const CHAIN_SIZE = 32;
