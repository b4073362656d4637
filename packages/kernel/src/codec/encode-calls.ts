import { assert, unreachable } from '@kimberlite/store';
import { ByteWriter } from './byte-writer.ts';
import {
  CALL_CODES,
  type Call,
  type Compare,
  type KeyOperation,
  RELATION_CODES,
  TARGET_CODES,
} from './call.ts';
import { CALLS_MAX, LIST_HEADER_SIZE } from './limits.ts';

/**
 * The body of a KERNEL_CALLS request. Asserts that lengths fit their fields: the caller refuses
 * what `callFault` refuses before it comes here.
 */
export function encodeCalls(calls: readonly Call[]): Uint8Array {
  assert(calls.length >= 1 && calls.length <= CALLS_MAX, 'between one call and CALLS_MAX');
  let size = LIST_HEADER_SIZE;
  for (const call of calls) size += callSize(call);
  const writer = new ByteWriter(size);
  writer.u16(calls.length);
  for (const call of calls) writeCall(writer, call);
  return writer.finish();
}

/** Bytes of a call in a request's body; the body has LIST_HEADER_SIZE more. */
export function callSize(call: Call): number {
  const named = 2 + call.namespace.length;
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return named + operationSize(call);
    case 'txn':
      return (
        named +
        sum(call.compares, compareSize) +
        sum(call.then, nestedSize) +
        sum(call.else, nestedSize)
      );
    case 'streamCreate':
    case 'streamLength':
      return named + 1 + call.stream.length;
    case 'streamAppend':
      return (
        named +
        1 +
        call.stream.length +
        1 +
        (call.expectedOffset === null ? 0 : 8) +
        sum(call.events, (event) => 4 + event.length)
      );
    case 'streamRead':
      return named + 1 + call.stream.length + 8 + 2 + 4;
    case 'getAt':
      return named + 2 + call.key.length + 4 + 8;
    case 'rangeAt':
      return named + operationSize({ ...call, kind: 'range' }) + 8;
    case 'compact':
      return named + 8;
    default:
      return unreachable(call);
  }
}

/** A list's count and its items. */
function sum<T>(items: readonly T[], sizeOf: (item: T) => number): number {
  let size = 2;
  for (const item of items) size += sizeOf(item);
  return size;
}

/** An operation inside a transaction has its code in front, and the transaction's namespace. */
function nestedSize(operation: KeyOperation): number {
  return 1 + operationSize(operation);
}

function operationSize(operation: KeyOperation): number {
  switch (operation.kind) {
    case 'put':
      return (
        2 +
        operation.key.length +
        4 +
        operation.value.length +
        1 +
        (operation.previousBytesMax === null ? 0 : 4)
      );
    case 'get':
      return 2 + operation.key.length + 4;
    case 'delete':
      return sum(operation.keys, (key) => 2 + key.length);
    case 'range':
      return (
        2 +
        operation.from.length +
        1 +
        (operation.to === null ? 0 : 2 + operation.to.length) +
        2 +
        1 +
        4
      );
    default:
      return unreachable(operation);
  }
}

function compareSize(compare: Compare): number {
  const head = 1 + 2 + compare.key.length;
  switch (compare.target) {
    case 'exists':
    case 'absent':
      return head;
    case 'value':
      return head + 1 + 4 + compare.value.length;
    case 'createRevision':
    case 'modRevision':
    case 'version':
      return head + 1 + 8;
    default:
      return unreachable(compare);
  }
}

function writeCall(writer: ByteWriter, call: Call): void {
  writer.u8(CALL_CODES[call.kind]);
  writer.bytes8(call.namespace);
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return writeOperation(writer, call);
    case 'txn':
      writer.u16(call.compares.length);
      for (const compare of call.compares) writeCompare(writer, compare);
      writeBranch(writer, call.then);
      return writeBranch(writer, call.else);
    case 'streamCreate':
    case 'streamLength':
      return writer.bytes8(call.stream);
    case 'streamAppend':
      writer.bytes8(call.stream);
      writer.flag(call.expectedOffset !== null);
      if (call.expectedOffset !== null) writer.u64(call.expectedOffset);
      writer.u16(call.events.length);
      for (const event of call.events) writer.bytes32(event);
      return;
    case 'streamRead':
      writer.bytes8(call.stream);
      writer.u64(call.offset);
      writer.u16(call.limit);
      return writer.u32(call.bytesMax);
    case 'getAt':
      writer.bytes16(call.key);
      writer.u32(call.bytesMax);
      return writer.u64(call.revision);
    case 'rangeAt':
      writeOperation(writer, { ...call, kind: 'range' });
      return writer.u64(call.revision);
    case 'compact':
      return writer.u64(call.revision);
    default:
      return unreachable(call);
  }
}

function writeBranch(writer: ByteWriter, operations: readonly KeyOperation[]): void {
  writer.u16(operations.length);
  for (const operation of operations) {
    writer.u8(CALL_CODES[operation.kind]);
    writeOperation(writer, operation);
  }
}

function writeOperation(writer: ByteWriter, operation: KeyOperation): void {
  switch (operation.kind) {
    case 'put':
      writer.bytes16(operation.key);
      writer.bytes32(operation.value);
      writer.flag(operation.previousBytesMax !== null);
      if (operation.previousBytesMax !== null) writer.u32(operation.previousBytesMax);
      return;
    case 'get':
      writer.bytes16(operation.key);
      return writer.u32(operation.bytesMax);
    case 'delete':
      writer.u16(operation.keys.length);
      for (const key of operation.keys) writer.bytes16(key);
      return;
    case 'range':
      writer.bytes16(operation.from);
      writer.flag(operation.to !== null);
      if (operation.to !== null) writer.bytes16(operation.to);
      writer.u16(operation.limit);
      writer.flag(operation.keysOnly);
      return writer.u32(operation.bytesMax);
    default:
      return unreachable(operation);
  }
}

function writeCompare(writer: ByteWriter, compare: Compare): void {
  writer.u8(TARGET_CODES[compare.target]);
  writer.bytes16(compare.key);
  switch (compare.target) {
    case 'exists':
    case 'absent':
      return;
    case 'value':
      writer.u8(RELATION_CODES[compare.relation]);
      return writer.bytes32(compare.value);
    case 'createRevision':
    case 'modRevision':
    case 'version':
      writer.u8(RELATION_CODES[compare.relation]);
      return writer.u64(compare.operand);
    default:
      return unreachable(compare);
  }
}
