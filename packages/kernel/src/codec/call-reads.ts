import { unreachable } from '@kimberlite/store';
import type { Call, KeyOperation, TxnCall } from './call.ts';
import { RANGE_AT_EXAMINED_MAX } from './limits.ts';
import { ENTRY_SIZE_MIN, EVENT_SIZE_MIN } from './result-sizes.ts';

/**
 * How much a call can make every replica look at, worked out from its bytes alone: what a request
 * names is bounded before it has a place in the log, since a committed one that takes too long, or
 * too much memory, would do so on every replica and again at every start.
 *
 * A range that stands beside deletes names as many rows more as they have keys, because what it
 * returns may lie that much further on than it does now. So the rows of several calls together are
 * `rows + ranges * deletes`, each summed up: the same in any order, and no less than is named.
 */
export interface CallReads {
  /** Keys and rows that it may name by itself. */
  readonly rows: number;
  /** Ranges over keys as they are when it runs. */
  readonly ranges: number;
  /** Keys that it may delete. */
  readonly deletes: number;
}

/** Of a call that is refused for its sizes. */
export const NO_READS: CallReads = { rows: 0, ranges: 0, deletes: 0 };

const ONE_ROW: CallReads = { rows: 1, ranges: 0, deletes: 0 };
/** The key, and a row of the history. */
const TWO_ROWS: CallReads = { rows: 2, ranges: 0, deletes: 0 };

/** Keys and rows that calls with these reads together name, at most. */
export function rowsRead({ rows, ranges, deletes }: CallReads): number {
  return rows + ranges * deletes;
}

/** Reads of two lots of calls in one request. */
export function addReads(first: CallReads, other: CallReads): CallReads {
  return {
    rows: first.rows + other.rows,
    ranges: first.ranges + other.ranges,
    deletes: first.deletes + other.deletes,
  };
}

/** What a call whose sizes are in order reads. A blind put counts as one that is not. */
export function acceptedReads(call: Call): CallReads {
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return operationReads(call);
    case 'txn':
      return txnReads(call);
    case 'streamCreate':
    case 'streamAppend':
    case 'streamLength':
    case 'compact':
      return ONE_ROW;
    case 'streamRead':
      return { rows: 1 + eventRows(call), ranges: 0, deletes: 0 };
    case 'getAt':
      return TWO_ROWS;
    case 'rangeAt':
      // Keys and deleted keys, and of each a row of the history. Nothing beside it deletes.
      return { rows: 4 * rangeAtRows(call), ranges: 0, deletes: 0 };
    default:
      return unreachable(call);
  }
}

/** Rows that a range looks at: as many as it may return, and one more. */
export function rangeRows({
  limit,
  bytesMax,
}: {
  readonly limit: number;
  readonly bytesMax: number;
}): number {
  return Math.min(limit, Math.floor(bytesMax / ENTRY_SIZE_MIN)) + 1;
}

/** The same of a range at a revision, of each kind; fewer, as each may look at the history. */
export function rangeAtRows(call: { readonly limit: number; readonly bytesMax: number }): number {
  return Math.min(rangeRows(call), RANGE_AT_EXAMINED_MAX);
}

/** Events that a read looks at: at least one, for the chain before it. */
export function eventRows({
  limit,
  bytesMax,
}: {
  readonly limit: number;
  readonly bytesMax: number;
}): number {
  return Math.max(1, Math.min(limit, Math.floor(bytesMax / EVENT_SIZE_MIN)));
}

/** Both branches: earlier calls of the request may still change which one runs. */
function txnReads({ compares, then, else: otherwise }: TxnCall): CallReads {
  let rows = compares.length;
  let ranges = 0;
  let deletes = 0;
  for (const branch of [then, otherwise]) {
    for (const operation of branch) {
      const reads = operationReads(operation);
      rows += reads.rows;
      ranges += reads.ranges;
      deletes += reads.deletes;
    }
  }
  return { rows, ranges, deletes };
}

function operationReads(operation: KeyOperation): CallReads {
  switch (operation.kind) {
    case 'put':
    case 'get':
      return ONE_ROW;
    case 'delete': {
      const { length } = operation.keys;
      return { rows: length, ranges: 0, deletes: length };
    }
    case 'range':
      return { rows: rangeRows(operation), ranges: 1, deletes: 0 };
    default:
      return unreachable(operation);
  }
}
