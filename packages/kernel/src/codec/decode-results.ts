import { ByteReader } from '@kimberlite/store';
import { CALL_CODES } from './call.ts';
import { CALLS_MAX, CHAIN_SIZE } from './limits.ts';
import {
  type KernelRefusal,
  type KeyEntry,
  type KeyOperationResult,
  type KeyRecord,
  RANGE_REACHED,
  REFUSAL_CODES,
  REFUSED_CODE,
  type RefusedResult,
  type Result,
} from './result.ts';

/**
 * The results in a reply's body, or null when the bytes are not exactly such a list. Never throws;
 * byte strings are views of the body.
 */
export function decodeResults(body: Uint8Array): Result[] | null {
  const reader = new ByteReader(body);
  const results = reader.list(readResult);
  if (results.length < 1 || results.length > CALLS_MAX) return null;
  return reader.complete() ? results : null;
}

function readResult(reader: ByteReader): Result {
  const code = reader.u8();
  switch (code) {
    case REFUSED_CODE:
      return readRefused(reader);
    case CALL_CODES.txn: {
      const succeeded = reader.flag();
      const revision = readChangeRevision(reader);
      const results = reader.list((parts) => readKeyResult(parts, parts.u8()));
      return { kind: 'txn', succeeded, revision, results };
    }
    case CALL_CODES.streamCreate:
      return { kind: 'streamCreate', revision: reader.u64() };
    case CALL_CODES.streamAppend: {
      const revision = reader.u64();
      const offset = reader.u64();
      const length = reader.u64();
      return { kind: 'streamAppend', revision, offset, length, chain: reader.fixed(CHAIN_SIZE) };
    }
    case CALL_CODES.streamRead: {
      const length = reader.u64();
      const chain = reader.fixed(CHAIN_SIZE);
      const more = reader.flag();
      const events = reader.list((parts) => parts.bytes32());
      return { kind: 'streamRead', events, more, length, chain };
    }
    case CALL_CODES.streamLength:
      return { kind: 'streamLength', length: reader.u64(), chain: reader.fixed(CHAIN_SIZE) };
    case CALL_CODES.rangeAt:
      return readRangeAt(reader);
    case CALL_CODES.compact:
      return { kind: 'compact', watermark: reader.u64() };
    default:
      return readKeyResult(reader, code);
  }
}

function readRangeAt(reader: ByteReader): Result {
  const more = reader.flag();
  const bytes = reader.bytes16();
  const reached = bytes.length === 0 ? null : bytes;
  const entries = reader.list(readEntry);
  // It tells how far a page went that has nothing else to tell it.
  if (reached !== null && (entries.length > 0 || !more)) reader.fail();
  return { kind: 'rangeAt', entries, more, reached };
}

function readKeyResult(reader: ByteReader, code: number): KeyOperationResult {
  switch (code) {
    case CALL_CODES.put:
      return { kind: 'put', revision: reader.u64(), previous: readOptionalRecord(reader) };
    case CALL_CODES.get:
      return { kind: 'get', record: readOptionalRecord(reader) };
    case CALL_CODES.delete: {
      const revision = readChangeRevision(reader);
      const deleted = reader.u32();
      if ((revision === null) !== (deleted === 0)) reader.fail();
      return { kind: 'delete', revision, deleted };
    }
    case CALL_CODES.range: {
      const state = reader.u8();
      if (state > RANGE_REACHED) reader.fail();
      const reached = state === RANGE_REACHED ? reader.bytes16() : null;
      const entries = reader.list(readEntry);
      // It tells how far a page went that has nothing else to tell it.
      if (reached !== null && (entries.length > 0 || reached.length === 0)) reader.fail();
      return { kind: 'range', entries, more: state > 0, reached };
    }
    default:
      reader.fail();
      return { kind: 'get', record: null };
  }
}

/** Revisions begin at 1; 0 stands for "nothing changed". */
function readChangeRevision(reader: ByteReader): number | null {
  const revision = reader.u64();
  return revision === 0 ? null : revision;
}

function readOptionalRecord(reader: ByteReader): KeyRecord | null {
  return reader.flag() ? readRecord(reader) : null;
}

function readEntry(reader: ByteReader): KeyEntry {
  const key = reader.bytes16();
  return { key, ...readRecord(reader) };
}

function readRecord(reader: ByteReader): KeyRecord {
  const createRevision = reader.u64();
  const modRevision = reader.u64();
  const version = reader.u64();
  const valueSize = reader.u32();
  const value = reader.flag() ? reader.fixed(valueSize) : null;
  return { value, valueSize, createRevision, modRevision, version };
}

function readRefused(reader: ByteReader): RefusedResult {
  const code = reader.u8();
  const actual = reader.u64();
  const reason = REASONS.get(code) ?? null;
  switch (reason) {
    case 'wrong_offset':
    case 'compacted':
    case 'future_revision':
      return { kind: 'refused', reason, actual };
    default:
      if (reason === null || actual !== 0) reader.fail();
      return { kind: 'refused', reason: reason ?? 'invalid', actual: null };
  }
}

const REASON_LIST: readonly KernelRefusal[] = [
  'invalid',
  'too_large',
  'compare_failed',
  'unknown_stream',
  'stream_exists',
  'wrong_offset',
  'no_space',
  'compacted',
  'future_revision',
];
const REASONS: ReadonlyMap<number, KernelRefusal> = new Map(
  REASON_LIST.map((reason) => [REFUSAL_CODES[reason], reason]),
);
