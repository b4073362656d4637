/**
 * What a client asks of the kernel. One logged request carries a list of these. Strings are bytes
 * here. Sizes outside limits.ts are refused call by call, never the whole
 * request, so that calls of several callers can share one.
 */

/** Operation code of a logged request whose body is a list of calls. */
export const KERNEL_CALLS = 16;

/** Sets a key. Blind (no read on any replica) unless it asks for what was there before. */
export interface PutOperation {
  readonly kind: 'put';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /**
   * Null: blind. A number: answer with the previous record, and with its value when that has at
   * most this many bytes (0 to BYTES_MAX).
   */
  readonly previousBytesMax: number | null;
}

/** Reads a key. */
export interface GetOperation {
  readonly kind: 'get';
  readonly key: Uint8Array;
  /**
   * A longer value is withheld (the answer has its size and revisions): 0 to BYTES_MAX. Reserves
   * reply space, so a small one lets more gets share a request.
   */
  readonly bytesMax: number;
}

/** Removes keys, in order; an absent one (or the second of two equal ones) is no mutation. */
export interface DeleteOperation {
  readonly kind: 'delete';
  readonly keys: readonly Uint8Array[];
}

/** Reads keys in ascending byte order; see `prefixRange` for "all that begin with". */
export interface RangeOperation {
  readonly kind: 'range';
  /** First key, included; empty for the first of the namespace. */
  readonly from: Uint8Array;
  /** End, excluded; null for the end of the namespace. At or below `from`: nothing. */
  readonly to: Uint8Array | null;
  /** Entries, at most: 1 to RANGE_LIMIT_MAX. */
  readonly limit: number;
  /** Withholds all values. */
  readonly keysOnly: boolean;
  /** Bytes of the encoded entries, at most: 0 to BYTES_MAX. */
  readonly bytesMax: number;
}

/** What a transaction may do in a branch. */
export type KeyOperation = PutOperation | GetOperation | DeleteOperation | RangeOperation;

/** How what is stored must stand to what it is compared with. */
export type Relation = 'equal' | 'notEqual' | 'greater' | 'less';

/** A number of a key's record; 0 for an absent key. */
export type NumberTarget = 'createRevision' | 'modRevision' | 'version';

/**
 * A condition on one key: `record relation operand`. Values compare as bytes; every comparison of
 * an absent key's value is false, `notEqual` too.
 */
export type Compare =
  | { readonly target: 'exists' | 'absent'; readonly key: Uint8Array }
  | {
      readonly target: 'value';
      readonly key: Uint8Array;
      readonly relation: Relation;
      readonly value: Uint8Array;
    }
  | {
      readonly target: NumberTarget;
      readonly key: Uint8Array;
      readonly relation: Relation;
      readonly operand: number;
    };

interface Namespaced {
  /** The tenant: 1 to NAMESPACE_MAX bytes. Exists by being used. */
  readonly namespace: Uint8Array;
}

interface OnStream extends Namespaced {
  /** The stream's name: 1 to STREAM_NAME_MAX bytes. */
  readonly stream: Uint8Array;
}

/** A put as a call of its own. */
export type PutCall = PutOperation & Namespaced;
/** A get as a call of its own. */
export type GetCall = GetOperation & Namespaced;
/** A delete as a call of its own: 1 to DELETE_KEYS_MAX keys. */
export type DeleteCall = DeleteOperation & Namespaced;
/** A range as a call of its own. */
export type RangeCall = RangeOperation & Namespaced;

/** Reads a key as it was just after a revision. */
export interface GetAtCall extends Namespaced {
  readonly kind: 'getAt';
  readonly key: Uint8Array;
  /** From the watermark to the newest revision; outside: `compacted` or `future_revision`. */
  readonly revision: number;
  /** As of a get. */
  readonly bytesMax: number;
}

/** Reads keys as they were just after a revision; the bounds are those of a range. */
export interface RangeAtCall extends Namespaced {
  readonly kind: 'rangeAt';
  readonly from: Uint8Array;
  readonly to: Uint8Array | null;
  /** From the watermark to the newest revision; outside: `compacted` or `future_revision`. */
  readonly revision: number;
  readonly limit: number;
  readonly keysOnly: boolean;
  readonly bytesMax: number;
}

/** Gives up the revisions below one; the watermark never goes back. */
export interface CompactCall extends Namespaced {
  readonly kind: 'compact';
  /** The lowest revision that stays readable: at most the newest. */
  readonly revision: number;
}

/** When all compares hold, `then`, otherwise `else`; all of it in one revision. */
export interface TxnCall extends Namespaced {
  readonly kind: 'txn';
  readonly compares: readonly Compare[];
  readonly then: readonly KeyOperation[];
  /** Empty: a transaction whose compares do not hold is refused with `compare_failed`. */
  readonly else: readonly KeyOperation[];
}

/** Makes an empty stream; `stream_exists` when there is one. */
export interface StreamCreateCall extends OnStream {
  readonly kind: 'streamCreate';
}

/** Appends all events or none. */
export interface StreamAppendCall extends OnStream {
  readonly kind: 'streamAppend';
  /** The length that the stream must have; null for any. */
  readonly expectedOffset: number | null;
  readonly events: readonly Uint8Array[];
}

/** Reads events from an offset; at the stream's length none, above it `wrong_offset`. */
export interface StreamReadCall extends OnStream {
  readonly kind: 'streamRead';
  /** First event, from 0 on. */
  readonly offset: number;
  /** Events, at most: 1 to EVENTS_MAX. */
  readonly limit: number;
  /** Bytes of the events and 4 for each, at most: 0 to BYTES_MAX. */
  readonly bytesMax: number;
}

/** Asks for the number of events and the chain hash; `unknown_stream` without such a stream. */
export interface StreamLengthCall extends OnStream {
  readonly kind: 'streamLength';
}

/** Any call, discriminated on `kind`. */
export type Call =
  | PutCall
  | GetCall
  | DeleteCall
  | RangeCall
  | TxnCall
  | StreamCreateCall
  | StreamAppendCall
  | StreamReadCall
  | StreamLengthCall
  | GetAtCall
  | RangeAtCall
  | CompactCall;

/** First byte of a call and of its result; 0 is a refused result. */
export const CALL_CODES = {
  put: 1,
  get: 2,
  delete: 3,
  range: 4,
  txn: 5,
  streamCreate: 6,
  streamAppend: 7,
  streamRead: 8,
  streamLength: 9,
  getAt: 10,
  rangeAt: 11,
  compact: 12,
} as const;

/** Wire codes of what a compare looks at. */
export const TARGET_CODES = {
  exists: 1,
  absent: 2,
  value: 3,
  createRevision: 4,
  modRevision: 5,
  version: 6,
} as const;

/** Wire codes of relations. */
export const RELATION_CODES = {
  equal: 1,
  notEqual: 2,
  greater: 3,
  less: 4,
} as const;
