import { unreachable } from '@kimberlite/store';
import type { Call, KeyOperation } from './codec/call.ts';
import {
  BYTES_MAX,
  DELETE_KEYS_MAX,
  EVENT_MAX,
  EVENTS_MAX,
  KEY_MAX,
  NAMESPACE_MAX,
  RANGE_LIMIT_MAX,
  STREAM_NAME_MAX,
  TXN_COMPARES_MAX,
  TXN_OPERATIONS_MAX,
  VALUE_MAX,
} from './codec/limits.ts';

/** A size or count with the bounds that it must keep. */
type Bounded = readonly [size: number, least: number, most: number];

/**
 * The model's own reading of docs/kernel.md on calls that are refused for their sizes: the bounds
 * in the order in which they are listed there, then the reply.
 */
export function modelFault(call: Call): 'invalid' | 'too_large' | null {
  for (const [size, least, most] of bounds(call)) {
    if (size < least) return 'invalid';
    if (size > most) return 'too_large';
  }
  return replySize(call) > 64 * 1024 - 2 ? 'too_large' : null;
}

function bounds(call: Call): Bounded[] {
  const list: Bounded[] = [[call.namespace.length, 1, NAMESPACE_MAX]];
  if ('stream' in call) list.push([call.stream.length, 1, STREAM_NAME_MAX]);
  switch (call.kind) {
    case 'txn':
      list.push([call.compares.length, 0, TXN_COMPARES_MAX]);
      list.push([call.then.length, 0, TXN_OPERATIONS_MAX]);
      list.push([call.else.length, 0, TXN_OPERATIONS_MAX]);
      for (const compare of call.compares) {
        list.push([compare.key.length, 1, KEY_MAX]);
        if (compare.target === 'value') list.push([compare.value.length, 0, VALUE_MAX]);
      }
      for (const operation of [...call.then, ...call.else]) list.push(...keyBounds(operation));
      return list;
    case 'streamAppend':
      list.push([call.events.length, 1, EVENTS_MAX]);
      for (const event of call.events) list.push([event.length, 0, EVENT_MAX]);
      return list;
    case 'streamRead':
      list.push([call.limit, 1, EVENTS_MAX], [call.bytesMax, 0, BYTES_MAX]);
      return list;
    case 'streamCreate':
    case 'streamLength':
    case 'compact':
      return list;
    case 'getAt':
      return [...list, ...keyBounds({ ...call, kind: 'get' })];
    case 'rangeAt':
      return [...list, ...keyBounds({ ...call, kind: 'range' })];
    default:
      return [...list, ...keyBounds(call)];
  }
}

function keyBounds(operation: KeyOperation): Bounded[] {
  switch (operation.kind) {
    case 'put':
      return [
        [operation.key.length, 1, KEY_MAX],
        [operation.value.length, 0, VALUE_MAX],
        [operation.previousBytesMax ?? 0, 0, BYTES_MAX],
      ];
    case 'get':
      return [
        [operation.key.length, 1, KEY_MAX],
        [operation.bytesMax, 0, BYTES_MAX],
      ];
    case 'delete': {
      const keys = operation.keys.map((key): Bounded => [key.length, 1, KEY_MAX]);
      return [[operation.keys.length, 1, DELETE_KEYS_MAX], ...keys];
    }
    case 'range':
      return [
        [operation.from.length, 0, KEY_MAX + 1],
        [operation.to === null ? 0 : operation.to.length, 0, KEY_MAX + 1],
        [operation.limit, 1, RANGE_LIMIT_MAX],
        [operation.bytesMax, 0, BYTES_MAX],
      ];
    default:
      return unreachable(operation);
  }
}

/** The longest result that docs/kernel.md allows to this call, in bytes. */
function replySize(call: Call): number {
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return keyReplySize(call);
    case 'txn': {
      const branches = [call.then, call.else].map((branch) =>
        branch.reduce((size, operation) => size + keyReplySize(operation), 0),
      );
      return 12 + Math.max(...branches);
    }
    case 'streamRead':
      return 44 + call.bytesMax;
    case 'streamCreate':
    case 'streamAppend':
    case 'streamLength':
      return 57;
    case 'getAt':
      return 31 + call.bytesMax;
    case 'rangeAt':
      return 6 + call.bytesMax;
    case 'compact':
      return 10;
    default:
      return unreachable(call);
  }
}

function keyReplySize(operation: KeyOperation): number {
  switch (operation.kind) {
    case 'put':
      return operation.previousBytesMax === null ? 10 : 39 + operation.previousBytesMax;
    case 'get':
      return 31 + operation.bytesMax;
    case 'delete':
      return 13;
    case 'range':
      return 4 + operation.bytesMax;
    default:
      return unreachable(operation);
  }
}
