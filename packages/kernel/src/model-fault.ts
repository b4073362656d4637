import { unreachable } from '@kimberlite/store';
import type { Call, Compare, KeyOperation } from './codec/call.ts';
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
  if (replySize(call) > 64 * 1024 - 2) return 'too_large';
  return rowsOf([call]) > 4096 ? 'too_large' : null;
}

/**
 * The model's own reading of which calls may share a request, the room in the reply left aside. It
 * is never asked for the answers to others: no replica executes them.
 */
export function modelAccepts(calls: readonly Call[]): boolean {
  if (calls.length < 1 || calls.length > 4096) return false;
  const reads = ['get', 'range', 'streamRead', 'streamLength', 'getAt', 'rangeAt'];
  const kinds = calls.map(({ kind }) => kind);
  if (kinds.includes('rangeAt') && kinds.some((kind) => !reads.includes(kind))) return false;
  return rowsOf(calls.filter((call) => modelFault(call) === null)) <= 4096;
}

/** Rows that calls look at: each range also at one for each key that is deleted anywhere. */
function rowsOf(calls: readonly Call[]): number {
  const parts = calls.flatMap((call): (Call | Compare | KeyOperation)[] =>
    call.kind === 'txn' ? [...call.compares, ...call.then, ...call.else] : [call],
  );
  let deleted = 0;
  for (const part of parts) if ('keys' in part) deleted += part.keys.length;
  let rows = 0;
  for (const part of parts) {
    if ('target' in part) rows += 1;
    else rows += partRows(part, deleted);
  }
  return rows;
}

function partRows(part: Call | KeyOperation, deleted: number): number {
  switch (part.kind) {
    case 'delete':
      return part.keys.length;
    case 'range':
      return 1 + Math.min(part.limit, Math.floor(part.bytesMax / 32)) + deleted;
    case 'rangeAt':
      return 4 * Math.min(128, 1 + Math.min(part.limit, Math.floor(part.bytesMax / 32)));
    case 'streamRead':
      return 1 + Math.max(1, Math.min(part.limit, Math.floor(part.bytesMax / 4)));
    case 'getAt':
      return 2;
    default:
      return 1;
  }
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
