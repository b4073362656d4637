/**
 * What the kernel answers, one result a call, in the order of the calls. A refusal is a value like
 * any other: it is replicated, and the same on every replica.
 */

/** A key as a read found it. */
export interface KeyRecord {
  /** Null when withheld: `keysOnly`, or longer than the call had room for. */
  readonly value: Uint8Array | null;
  /** Bytes of the value, withheld or not. */
  readonly valueSize: number;
  /** Revision of the put that made the key (since its last delete). */
  readonly createRevision: number;
  /** Revision of the last put. */
  readonly modRevision: number;
  /** Puts since the key was made; the first is 1. */
  readonly version: number;
}

/** A key of a range, with what is known of it. */
export interface KeyEntry extends KeyRecord {
  readonly key: Uint8Array;
}

/** The key was set. */
export interface PutResult {
  readonly kind: 'put';
  /** Number of this change among all of the cluster; those of one transaction share one. */
  readonly revision: number;
  /** Null when the key was absent, and always for a blind put. */
  readonly previous: KeyRecord | null;
}

/** What a get found, of the present or at a revision. */
export interface GetResult {
  readonly kind: 'get';
  /** Null: the key is absent. */
  readonly record: KeyRecord | null;
}

/** What a delete removed. */
export interface DeleteResult {
  readonly kind: 'delete';
  /** Null when no key was there: nothing changed. */
  readonly revision: number | null;
  /** Keys that were there. */
  readonly deleted: number;
}

/** A page of a range, ascending by key. */
export interface RangeResult {
  readonly kind: 'range';
  readonly entries: readonly KeyEntry[];
  /**
   * The range was not looked at to its end: go on from `keyAfter` of the last key, or of `reached`
   * where there is no entry. With neither: ask again with a larger `bytesMax`.
   */
  readonly more: boolean;
  /**
   * No key up to this one, included, is there: so many were deleted that the range ended among
   * them. Null where there are entries.
   */
  readonly reached: Uint8Array | null;
}

/** What an operation answers, on its own or in a transaction. */
export type KeyOperationResult = PutResult | GetResult | DeleteResult | RangeResult;

/**
 * What a transaction did. With compares that do not hold and an empty `else` it is refused instead,
 * with `compare_failed`.
 */
export interface TxnResult {
  readonly kind: 'txn';
  /** Whether the compares held: which branch ran. */
  readonly succeeded: boolean;
  /** Null when the branch changed nothing. */
  readonly revision: number | null;
  /** One for each operation of the branch that ran. */
  readonly results: readonly KeyOperationResult[];
}

/** The stream was made, and is empty. */
export interface StreamCreateResult {
  readonly kind: 'streamCreate';
  readonly revision: number;
}

/** The events were appended, all of them. */
export interface StreamAppendResult {
  readonly kind: 'streamAppend';
  readonly revision: number;
  /** Offset of the first event appended. */
  readonly offset: number;
  /** Length of the stream with them. */
  readonly length: number;
  /** Chain hash of the last event. */
  readonly chain: Uint8Array;
}

/** Events of a stream, in order. */
export interface StreamReadResult {
  readonly kind: 'streamRead';
  /** From the asked offset on. */
  readonly events: readonly Uint8Array[];
  /** The stream goes on after them. With no event at all: ask again with a larger `bytesMax`. */
  readonly more: boolean;
  /** Length of the whole stream. */
  readonly length: number;
  /** Chain hash just before the asked offset: fold the events into it to verify them. */
  readonly chain: Uint8Array;
}

/** How many events a stream has. */
export interface StreamLengthResult {
  readonly kind: 'streamLength';
  readonly length: number;
  /** Chain hash of the last event; 32 zero bytes for an empty stream. */
  readonly chain: Uint8Array;
}

/** A page of a range as it was at a revision, ascending by key. */
export interface RangeAtResult {
  readonly kind: 'rangeAt';
  readonly entries: readonly KeyEntry[];
  /**
   * The range was not looked at to its end: go on from `keyAfter` of the last key, or of `reached`
   * where there is no entry. With neither: ask again with a larger `bytesMax`.
   */
  readonly more: boolean;
  /** No key up to this one, included, was there at the revision. Null where there are entries. */
  readonly reached: Uint8Array | null;
}

/** Revisions were given up, or had been before: the watermark never goes back. */
export interface CompactResult {
  readonly kind: 'compact';
  /** The lowest revision that can be read. */
  readonly watermark: number;
}

/** Why a call was refused; docs/kernel.md says what to do. Nothing was changed. */
export type KernelRefusal =
  | 'invalid'
  | 'too_large'
  | 'compare_failed'
  | 'unknown_stream'
  | 'stream_exists'
  | 'wrong_offset'
  | 'no_space'
  | 'compacted'
  | 'future_revision';

/** A call that did nothing, and why. */
export interface RefusedResult {
  readonly kind: 'refused';
  readonly reason: KernelRefusal;
  /**
   * The number that the call did not fit. `wrong_offset`: the stream's length; `compacted`: the
   * watermark, the lowest revision that can be read; `future_revision`: the newest one. Otherwise
   * null.
   */
  readonly actual: number | null;
}

/** Any result, discriminated on `kind`. */
export type Result =
  | KeyOperationResult
  | TxnResult
  | StreamCreateResult
  | StreamAppendResult
  | StreamReadResult
  | StreamLengthResult
  | RangeAtResult
  | CompactResult
  | RefusedResult;

/** In the place of a range's flag `more`: there is more, and a key follows that was reached. */
export const RANGE_REACHED = 2;

/** First byte of a refused result. */
export const REFUSED_CODE = 0;

/** Wire codes of refusals. */
export const REFUSAL_CODES = {
  invalid: 1,
  too_large: 2,
  compare_failed: 3,
  unknown_stream: 4,
  stream_exists: 5,
  wrong_offset: 6,
  no_space: 7,
  compacted: 8,
  future_revision: 9,
} as const;

/** Refusals that tell a number of the state. */
export type NumberRefusal = 'wrong_offset' | 'compacted' | 'future_revision';

/** A refusal that tells no number. */
export function refused(reason: Exclude<KernelRefusal, NumberRefusal>): RefusedResult {
  return { kind: 'refused', reason, actual: null };
}

/** A refusal with the number that the caller needs; see `actual`. */
export function refusedNumber(reason: NumberRefusal, actual: number): RefusedResult {
  return { kind: 'refused', reason, actual };
}
