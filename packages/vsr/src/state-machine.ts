import type { TableOptions, Walk, Walked } from '@kimberlite/store';
import type { Op } from './std/numbers.ts';

/**
 * The contract of a replicated state machine. Everything that it keeps lives in tables; what it
 * does is a function of the request, the context and what it read, and of nothing else: no clock,
 * no random of its own, no iteration order that is not defined. Every replica runs it on the same
 * requests in the same order and must end with the same bytes.
 */
export interface StateMachine {
  /**
   * 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`; the same on every replica, for ever. With the
   * tables it is what data files, backups and greetings are compared by: none is taken for that of
   * another machine.
   */
  readonly name: string;

  /** The tables it owns, by id; ids from TABLE_USER_MIN. The same on every replica, for ever. */
  readonly tables: readonly TableOptions[];

  /** Told once, before anything else, what the cluster was formatted with. */
  open?(limits: StateLimits): void;

  /**
   * Whether the body is a request of this operation at all. A pure function of the bytes: the
   * primary asks before it sequences (a bad one is refused, definitely), and every replica asks
   * again before it executes.
   */
  validate(operation: number, body: Uint8Array): boolean;

  /**
   * Upper bound of the reply's body in bytes, at most REPLY_BODY_MAX; pure, for a valid request.
   */
  replyLimit(operation: number, body: Uint8Array): number;

  /**
   * Upper bound of the keys and rows that executing a valid request looks at; pure. A primary puts
   * no more of them into one op than execute in one go. Absent: 0.
   */
  readonly looks?: (operation: number, body: Uint8Array) => number;

  /**
   * Names the keys and ranges that `execute`, or `query`, may read; blind writes name nothing. True
   * asks for another round, which may read what the rounds before have named, and name more; false
   * ends them. `round` counts from 0. Where a round was broken off for blocks, all of them begin
   * again at 0: nothing may be remembered from one call to the next.
   */
  prefetch(request: Request, names: KeyNames, read: TableReader, round: number): boolean;

  /**
   * Whether a valid body only reads, so that it may be asked as a query: answered by one replica
   * without a place in the log. Pure. Absent: nothing may.
   */
  readonly isQuery?: (operation: number, body: Uint8Array) => boolean;

  /** Answers a query from what `prefetch` has named for it; REPLY_BODY_MAX bytes at most. */
  readonly query?: (request: Request, read: TableReader) => Uint8Array;

  /**
   * What an operator should know of it, as of the last request that this object executed. For
   * status and metrics alone: nothing that is replicated may depend on it. Absent: unknown.
   */
  readonly measure?: () => StateMeasure;

  /** Applies a valid request and returns the reply's body. Refusals are answers, never throws. */
  execute(request: Request, context: ExecuteContext): Uint8Array;
}

/** Limits of a cluster that a state machine keeps by refusing: the same on every replica. */
export interface StateLimits {
  /** Bytes that its tables may hold, as it counts them; 0 for no limit. */
  readonly stateBytesMax: number;
  /** Revisions behind the newest that it keeps readable; 0 for none. */
  readonly historyRevisions: number;
}

/** How full a state machine is. */
export interface StateMeasure {
  /** Bytes that count against `stateBytesMax`; null while they are not known, or not counted. */
  readonly bytes: number | null;
  /** Calls refused for want of room, since this object was made. */
  readonly refusals: number;
}

/** Table ids below this belong to the core. */
export const TABLE_USER_MIN = 16;
/** A stored reply's body, at most (docs/protocol.md, limits). */
export const REPLY_BODY_MAX: number = 64 * 1024;

/** What a client asks of a state machine. */
export interface Request {
  /** OPERATION_USER_MIN (16) to 65,535; what each means is the state machine's. */
  readonly operation: number;
  readonly body: Uint8Array;
}

/** Collects the names of what a request may read. */
export interface KeyNames {
  key(table: number, key: Uint8Array): void;
  /** Keys from `from` (included) to `to` (excluded; null for the end), at most `limit` of them. */
  range(table: number, from: Uint8Array, to: Uint8Array | null, limit: number): void;
  /**
   * A range that looks at a bounded number of keys, deleted ones included, and reads the values of
   * those rows only that there is room for. `added` is how many keys the request may put or delete
   * before it walks; with such changes before it, `limit` must have room for what they delete, and
   * `room` be null.
   */
  walk(table: number, walk: Walk, added: number): void;
}

/** A row that was read. Its bytes must not be changed. */
export interface TableEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Reads what was named; reading anything else is a bug of the state machine and stops it. */
export interface TableReader {
  get(table: number, key: Uint8Array): Uint8Array | null;
  /** Ascending by bytes. The same bounds as named, or tighter. */
  range(table: number, from: Uint8Array, to: Uint8Array | null, limit: number): TableEntry[];
  /**
   * The same bounds as named; a lower limit, and room where all was named. Of an op that executes
   * it is the same on every replica; for a query it may end earlier or later on another one.
   */
  walk(table: number, walk: Walk): Walked;
}

/** What an execution may use. Writes are seen by later reads of the same and later requests. */
export interface ExecuteContext extends TableReader {
  /** Copies what it is given, as `merge` does: the bytes may change after the call. */
  put(table: number, key: Uint8Array, value: Uint8Array): void;
  /** Blind: folds into the older value by the table's `combine`, now or later. */
  merge(table: number, key: Uint8Array, delta: Uint8Array): void;
  delete(table: number, key: Uint8Array): void;
  /**
   * Records of tables with an `expiry` that expire at or below `horizon` are gone once this request
   * is done: within it nothing disappears, so that what was named is still where it was. Never goes
   * back.
   */
  expire(horizon: number): void;
  /** Microseconds since 1970 by the cluster's clock; grows with every request. */
  readonly now: number;
  /** Deterministic: the same on every replica for this (op, index). Uniform in [0, 2^32). */
  random(): number;
  readonly op: Op;
  /** Place of the request inside its op. */
  readonly index: number;
}
