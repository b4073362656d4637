import { unreachable } from '@kimberlite/store';
import type { Call, Compare, KeyOperation, TxnCall } from './call.ts';
import { acceptedReads, rowsRead } from './call-reads.ts';
import {
  BYTES_MAX,
  DELETE_KEYS_MAX,
  EVENT_MAX,
  EVENTS_MAX,
  KEY_MAX,
  NAMESPACE_MAX,
  RANGE_LIMIT_MAX,
  RESULTS_SIZE_MAX,
  ROWS_READ_MAX,
  STREAM_NAME_MAX,
  TXN_COMPARES_MAX,
  TXN_OPERATIONS_MAX,
  VALUE_MAX,
} from './limits.ts';
import { resultSizeLimit } from './result-size-limit.ts';

/** What is wrong with a call whatever the state. */
export type CallFault = 'invalid' | 'too_large';

/** A fault with the part of the call that has it, for people. */
export interface CallProblem {
  readonly fault: CallFault;
  /** The part, as the subject of a sentence. */
  readonly part: string;
  /** Whether `size`, `least` and `most` are bytes of the part, or the part is a number itself. */
  readonly isBytes: boolean;
  readonly size: number;
  readonly least: number;
  readonly most: number;
}

/**
 * The reason why every replica refuses this call without looking at the state, or null. `invalid`:
 * an empty namespace, key, stream name or list, or a zero limit. `too_large`: a size or count above
 * limits.ts, more to look at than ROWS_READ_MAX, or a reply that might not fit. A client may ask
 * before it sends.
 */
export function callFault(call: Call): CallFault | null {
  return callProblem(call)?.fault ?? null;
}

/** The same as `callFault`, with what a person needs to correct the call. */
export function callProblem(call: Call): CallProblem | null {
  return (
    bytesProblem('the namespace', call.namespace, 1, NAMESPACE_MAX) ??
    bodyProblem(call) ??
    problemOf('the longest possible reply', true, resultSizeLimit(call), 0, RESULTS_SIZE_MAX) ??
    rowsProblem(call)
  );
}

/** Of the other calls none can look at so much by itself. */
function rowsProblem(call: Call): CallProblem | null {
  if (call.kind !== 'txn') return null;
  const rows = rowsRead(acceptedReads(call));
  return numberProblem('the number of keys and rows that it may look at', rows, 0, ROWS_READ_MAX);
}

function bodyProblem(call: Call): CallProblem | null {
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return operationProblem(call);
    case 'txn':
      return txnProblem(call);
    case 'streamCreate':
    case 'streamLength':
      return streamProblem(call.stream);
    case 'streamAppend':
      return (
        streamProblem(call.stream) ??
        numberProblem('the number of events', call.events.length, 1, EVENTS_MAX) ??
        firstProblem(call.events, (event) => bytesProblem('an event', event, 0, EVENT_MAX))
      );
    case 'streamRead':
      return (
        streamProblem(call.stream) ??
        numberProblem('limit', call.limit, 1, EVENTS_MAX) ??
        numberProblem('bytesMax', call.bytesMax, 0, BYTES_MAX)
      );
    case 'getAt':
      return operationProblem({ ...call, kind: 'get' });
    case 'rangeAt':
      return operationProblem({ ...call, kind: 'range' });
    case 'compact':
      return null;
    default:
      return unreachable(call);
  }
}

function txnProblem(call: TxnCall): CallProblem | null {
  const { compares, then, else: other } = call;
  return (
    numberProblem('the number of compares', compares.length, 0, TXN_COMPARES_MAX) ??
    numberProblem('the number of operations of then', then.length, 0, TXN_OPERATIONS_MAX) ??
    numberProblem('the number of operations of else', other.length, 0, TXN_OPERATIONS_MAX) ??
    firstProblem(compares, compareProblem) ??
    firstProblem(then, operationProblem) ??
    firstProblem(other, operationProblem)
  );
}

function compareProblem(compare: Compare): CallProblem | null {
  const problem = keyProblem(compare.key);
  if (problem !== null || compare.target !== 'value') return problem;
  return bytesProblem('a compared value', compare.value, 0, VALUE_MAX);
}

function operationProblem(operation: KeyOperation): CallProblem | null {
  switch (operation.kind) {
    case 'put':
      return (
        keyProblem(operation.key) ??
        bytesProblem('the value', operation.value, 0, VALUE_MAX) ??
        numberProblem('previousBytesMax', operation.previousBytesMax ?? 0, 0, BYTES_MAX)
      );
    case 'get':
      return (
        keyProblem(operation.key) ?? numberProblem('bytesMax', operation.bytesMax, 0, BYTES_MAX)
      );
    case 'delete':
      return (
        numberProblem('the number of keys', operation.keys.length, 1, DELETE_KEYS_MAX) ??
        firstProblem(operation.keys, keyProblem)
      );
    case 'range':
      return (
        bytesProblem('the start of the range', operation.from, 0, KEY_MAX + 1) ??
        (operation.to === null
          ? null
          : bytesProblem('the end of the range', operation.to, 0, KEY_MAX + 1)) ??
        numberProblem('limit', operation.limit, 1, RANGE_LIMIT_MAX) ??
        numberProblem('bytesMax', operation.bytesMax, 0, BYTES_MAX)
      );
    default:
      return unreachable(operation);
  }
}

function keyProblem(key: Uint8Array): CallProblem | null {
  return bytesProblem('the key', key, 1, KEY_MAX);
}

function streamProblem(stream: Uint8Array): CallProblem | null {
  return bytesProblem('the name of the stream', stream, 1, STREAM_NAME_MAX);
}

function bytesProblem(
  part: string,
  bytes: Uint8Array,
  least: number,
  most: number,
): CallProblem | null {
  return problemOf(part, true, bytes.length, least, most);
}

function numberProblem(
  part: string,
  value: number,
  least: number,
  most: number,
): CallProblem | null {
  return problemOf(part, false, value, least, most);
}

function problemOf(
  part: string,
  isBytes: boolean,
  size: number,
  least: number,
  most: number,
): CallProblem | null {
  if (size >= least && size <= most) return null;
  return { fault: size < least ? 'invalid' : 'too_large', part, isBytes, size, least, most };
}

/** The problem of the first item that has one: the answer must not depend on anything else. */
function firstProblem<T>(
  items: readonly T[],
  problemOfItem: (item: T) => CallProblem | null,
): CallProblem | null {
  for (const item of items) {
    const problem = problemOfItem(item);
    if (problem !== null) return problem;
  }
  return null;
}
