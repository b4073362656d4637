import { unreachable } from '@kimberlite/store';
import type { Call, Compare, KeyOperation, TxnCall } from './call.ts';
import {
  BYTES_MAX,
  DELETE_KEYS_MAX,
  EVENT_MAX,
  EVENTS_MAX,
  KEY_MAX,
  NAMESPACE_MAX,
  RANGE_LIMIT_MAX,
  RESULTS_SIZE_MAX,
  STREAM_NAME_MAX,
  TXN_COMPARES_MAX,
  TXN_OPERATIONS_MAX,
  VALUE_MAX,
} from './limits.ts';
import { resultSizeLimit } from './result-size-limit.ts';

/** What is wrong with a call whatever the state. */
export type CallFault = 'invalid' | 'too_large';

/**
 * The reason why every replica refuses this call without looking at the state, or null. `invalid`:
 * an empty namespace, key, stream name or list, or a zero limit. `too_large`: a size or count above
 * limits.ts, or a reply that might not fit. A client may ask before it sends.
 */
export function callFault(call: Call): CallFault | null {
  const fault = sizeFault(call.namespace.length, 1, NAMESPACE_MAX) ?? bodyFault(call);
  if (fault !== null) return fault;
  return resultSizeLimit(call) > RESULTS_SIZE_MAX ? 'too_large' : null;
}

function bodyFault(call: Call): CallFault | null {
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return operationFault(call);
    case 'txn':
      return txnFault(call);
    case 'streamCreate':
    case 'streamLength':
      return streamFault(call.stream);
    case 'streamAppend':
      return (
        streamFault(call.stream) ??
        sizeFault(call.events.length, 1, EVENTS_MAX) ??
        firstFault(call.events, (event) => sizeFault(event.length, 0, EVENT_MAX))
      );
    case 'streamRead':
      return (
        streamFault(call.stream) ??
        sizeFault(call.limit, 1, EVENTS_MAX) ??
        sizeFault(call.bytesMax, 0, BYTES_MAX)
      );
    default:
      return unreachable(call);
  }
}

function txnFault(call: TxnCall): CallFault | null {
  return (
    sizeFault(call.compares.length, 0, TXN_COMPARES_MAX) ??
    sizeFault(call.then.length, 0, TXN_OPERATIONS_MAX) ??
    sizeFault(call.else.length, 0, TXN_OPERATIONS_MAX) ??
    firstFault(call.compares, compareFault) ??
    firstFault(call.then, operationFault) ??
    firstFault(call.else, operationFault)
  );
}

function compareFault(compare: Compare): CallFault | null {
  const fault = keyFault(compare.key);
  if (fault !== null || compare.target !== 'value') return fault;
  return sizeFault(compare.value.length, 0, VALUE_MAX);
}

function operationFault(operation: KeyOperation): CallFault | null {
  switch (operation.kind) {
    case 'put':
      return (
        keyFault(operation.key) ??
        sizeFault(operation.value.length, 0, VALUE_MAX) ??
        sizeFault(operation.previousBytesMax ?? 0, 0, BYTES_MAX)
      );
    case 'get':
      return keyFault(operation.key) ?? sizeFault(operation.bytesMax, 0, BYTES_MAX);
    case 'delete':
      return (
        sizeFault(operation.keys.length, 1, DELETE_KEYS_MAX) ?? firstFault(operation.keys, keyFault)
      );
    case 'range':
      return (
        sizeFault(operation.from.length, 0, KEY_MAX + 1) ??
        sizeFault(operation.to?.length ?? 0, 0, KEY_MAX + 1) ??
        sizeFault(operation.limit, 1, RANGE_LIMIT_MAX) ??
        sizeFault(operation.bytesMax, 0, BYTES_MAX)
      );
    default:
      return unreachable(operation);
  }
}

function keyFault(key: Uint8Array): CallFault | null {
  return sizeFault(key.length, 1, KEY_MAX);
}

function streamFault(stream: Uint8Array): CallFault | null {
  return sizeFault(stream.length, 1, STREAM_NAME_MAX);
}

function sizeFault(size: number, least: number, most: number): CallFault | null {
  if (size < least) return 'invalid';
  return size > most ? 'too_large' : null;
}

/** The fault of the first item that has one: the answer must not depend on anything else. */
function firstFault<T>(
  items: readonly T[],
  faultOf: (item: T) => CallFault | null,
): CallFault | null {
  for (const item of items) {
    const fault = faultOf(item);
    if (fault !== null) return fault;
  }
  return null;
}
