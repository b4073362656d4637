import { ByteReader } from '@kimberlite/store';
import {
  CALL_CODES,
  type Call,
  type Compare,
  type DeleteOperation,
  type GetOperation,
  type KeyOperation,
  type PutOperation,
  type RangeOperation,
  RELATION_CODES,
  type Relation,
  TARGET_CODES,
  type TxnCall,
} from './call.ts';
import { CALLS_MAX } from './limits.ts';

/**
 * The calls of a request's body, or null when the bytes are not exactly such a list. Never throws.
 * One list has one encoding: whatever decodes encodes to the same bytes. Byte strings are views of
 * the body. Sizes and counts are not judged here (see `callFault`), but that there are 1 to
 * CALLS_MAX calls.
 */
export function decodeCalls(body: Uint8Array): Call[] | null {
  const reader = new ByteReader(body);
  const calls = reader.list(readCall);
  if (calls.length < 1 || calls.length > CALLS_MAX) return null;
  return reader.complete() ? calls : null;
}

function readCall(reader: ByteReader): Call {
  const code = reader.u8();
  const namespace = reader.bytes8();
  switch (code) {
    case CALL_CODES.put:
      return readPut(reader, namespace);
    case CALL_CODES.get:
      return { kind: 'get', namespace, key: reader.bytes16(), bytesMax: reader.u32() };
    case CALL_CODES.delete:
      return { kind: 'delete', namespace, keys: reader.list(readKey) };
    case CALL_CODES.range:
      return { ...readRange(reader), namespace };
    case CALL_CODES.txn:
      return readTxn(reader, namespace);
    case CALL_CODES.getAt: {
      const { key, bytesMax } = readGet(reader);
      return { kind: 'getAt', namespace, key, bytesMax, revision: reader.u64() };
    }
    case CALL_CODES.rangeAt: {
      const range = readRange(reader);
      return { ...range, kind: 'rangeAt', namespace, revision: reader.u64() };
    }
    case CALL_CODES.compact:
      return { kind: 'compact', namespace, revision: reader.u64() };
    default:
      return readStreamCall(reader, code, namespace);
  }
}

function readStreamCall(reader: ByteReader, code: number, namespace: Uint8Array): Call {
  const stream = reader.bytes8();
  switch (code) {
    case CALL_CODES.streamCreate:
      return { kind: 'streamCreate', namespace, stream };
    case CALL_CODES.streamAppend: {
      const expectedOffset = reader.flag() ? reader.u64() : null;
      const events = reader.list(readEvent);
      return { kind: 'streamAppend', namespace, stream, expectedOffset, events };
    }
    case CALL_CODES.streamRead: {
      const offset = reader.u64();
      const limit = reader.u16();
      const bytesMax = reader.u32();
      return { kind: 'streamRead', namespace, stream, offset, limit, bytesMax };
    }
    case CALL_CODES.streamLength:
      return { kind: 'streamLength', namespace, stream };
    default:
      reader.fail();
      return { kind: 'streamLength', namespace, stream };
  }
}

function readKey(reader: ByteReader): Uint8Array {
  return reader.bytes16();
}

function readEvent(reader: ByteReader): Uint8Array {
  return reader.bytes32();
}

/** The hot one: made in one piece, with one shape. */
function readPut(
  reader: ByteReader,
  namespace: Uint8Array,
): PutOperation & { readonly namespace: Uint8Array } {
  const key = reader.bytes16();
  const value = reader.bytes32();
  const previousBytesMax = reader.flag() ? reader.u32() : null;
  return { kind: 'put', namespace, key, value, previousBytesMax };
}

function readNestedPut(reader: ByteReader): PutOperation {
  const key = reader.bytes16();
  const value = reader.bytes32();
  const previousBytesMax = reader.flag() ? reader.u32() : null;
  return { kind: 'put', key, value, previousBytesMax };
}

function readGet(reader: ByteReader): GetOperation {
  return { kind: 'get', key: reader.bytes16(), bytesMax: reader.u32() };
}

function readDelete(reader: ByteReader): DeleteOperation {
  return { kind: 'delete', keys: reader.list(readKey) };
}

function readRange(reader: ByteReader): RangeOperation {
  const from = reader.bytes16();
  const to = reader.flag() ? reader.bytes16() : null;
  const limit = reader.u16();
  const keysOnly = reader.flag();
  const bytesMax = reader.u32();
  return { kind: 'range', from, to, limit, keysOnly, bytesMax };
}

function readTxn(reader: ByteReader, namespace: Uint8Array): TxnCall {
  const compares = reader.list(readCompare);
  const then = reader.list(readOperation);
  const otherwise = reader.list(readOperation);
  return { kind: 'txn', namespace, compares, then, else: otherwise };
}

function readOperation(reader: ByteReader): KeyOperation {
  switch (reader.u8()) {
    case CALL_CODES.put:
      return readNestedPut(reader);
    case CALL_CODES.get:
      return readGet(reader);
    case CALL_CODES.delete:
      return readDelete(reader);
    case CALL_CODES.range:
      return readRange(reader);
    default:
      reader.fail();
      return { kind: 'delete', keys: [] };
  }
}

function readCompare(reader: ByteReader): Compare {
  const code = reader.u8();
  const key = reader.bytes16();
  switch (code) {
    case TARGET_CODES.exists:
      return { target: 'exists', key };
    case TARGET_CODES.absent:
      return { target: 'absent', key };
    case TARGET_CODES.value:
      return { target: 'value', key, relation: readRelation(reader), value: reader.bytes32() };
    case TARGET_CODES.createRevision:
      return readNumberCompare(reader, 'createRevision', key);
    case TARGET_CODES.modRevision:
      return readNumberCompare(reader, 'modRevision', key);
    case TARGET_CODES.version:
      return readNumberCompare(reader, 'version', key);
    default:
      reader.fail();
      return { target: 'exists', key };
  }
}

function readNumberCompare(
  reader: ByteReader,
  target: 'createRevision' | 'modRevision' | 'version',
  key: Uint8Array,
): Compare {
  return { target, key, relation: readRelation(reader), operand: reader.u64() };
}

function readRelation(reader: ByteReader): Relation {
  switch (reader.u8()) {
    case RELATION_CODES.equal:
      return 'equal';
    case RELATION_CODES.notEqual:
      return 'notEqual';
    case RELATION_CODES.greater:
      return 'greater';
    case RELATION_CODES.less:
      return 'less';
    default:
      reader.fail();
      return 'equal';
  }
}
