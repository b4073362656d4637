import type { Call } from './call.ts';
import { callFault } from './call-fault.ts';
import { acceptedReads, type CallReads, NO_READS, rowsRead } from './call-reads.ts';
import { LIST_HEADER_SIZE, ROWS_READ_MAX } from './limits.ts';
import { isReadCall } from './read-call.ts';
import { resultSizeLimit } from './result-size-limit.ts';
import { REFUSED_SIZE } from './result-sizes.ts';

/** What a list of calls may take of a replica as one request. */
export interface CallsWeight {
  /** Bytes of the reply's body, at most. */
  readonly replyLimit: number;
  /**
   * Whether the calls may share a request, replies left aside: they look at no more than
   * ROWS_READ_MAX rows together, and a range at a revision stands beside reads only. (What it finds
   * replaced is looked up key by key: were there changes beside it, each of them would have to be
   * looked up for each such range.)
   */
  readonly sharable: boolean;
  /** Keys and rows that they look at, at most, those left aside that are deleted. */
  readonly rows: number;
  /** Walks over tables among which LOOKS_SHARED is shared. */
  readonly walks: number;
}

/** Weighs the calls of a request. Pure: a primary refuses by it what every replica would. */
export function weighCalls(calls: readonly Call[]): CallsWeight {
  let replyLimit = LIST_HEADER_SIZE;
  let rows = 0;
  let ranges = 0;
  let deletes = 0;
  let changes = false;
  let looksBack = false;
  let walks = 0;
  for (const call of calls) {
    if (call.kind === 'rangeAt') looksBack = true;
    else if (!isReadCall(call)) changes = true;
    if (callFault(call) !== null) {
      replyLimit += REFUSED_SIZE;
      continue;
    }
    replyLimit += resultSizeLimit(call);
    walks += walksOf(call);
    const reads = acceptedReads(call);
    rows += reads.rows;
    ranges += reads.ranges;
    deletes += reads.deletes;
  }
  const read = rowsRead({ rows, ranges, deletes });
  const sharable = read <= ROWS_READ_MAX && !(looksBack && changes);
  return { replyLimit, sharable, rows: read, walks };
}

/** A range at a revision walks over keys that are there, and over such as were deleted. */
function walksOf(call: Call): number {
  if (call.kind === 'rangeAt') return 2;
  return call.kind === 'range' || call.kind === 'txn' ? acceptedReads(call).ranges : 0;
}

/** What a call reads; nothing when it is refused for its sizes. */
export function callReads(call: Call): CallReads {
  return callFault(call) === null ? acceptedReads(call) : NO_READS;
}
