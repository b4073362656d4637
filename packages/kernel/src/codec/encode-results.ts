import { assert, unreachable } from '@kimberlite/store';
import { ByteWriter } from './byte-writer.ts';
import { CALL_CODES } from './call.ts';
import { CALLS_MAX, CHAIN_SIZE, LIST_HEADER_SIZE } from './limits.ts';
import {
  type KeyEntry,
  type KeyRecord,
  RANGE_REACHED,
  REFUSAL_CODES,
  REFUSED_CODE,
  type Result,
} from './result.ts';
import {
  entrySize,
  RANGE_AT_SIZE,
  RANGE_SIZE,
  recordSize,
  STREAM_READ_SIZE,
} from './result-sizes.ts';

const NO_BYTES = new Uint8Array(0);

/** The body of the reply to a KERNEL_CALLS request: one result a call, in the same order. */
export function encodeResults(results: readonly Result[]): Uint8Array {
  assert(results.length >= 1 && results.length <= CALLS_MAX, 'between one result and CALLS_MAX');
  let size = LIST_HEADER_SIZE;
  for (const result of results) size += resultSize(result);
  const writer = new ByteWriter(size);
  writer.u16(results.length);
  for (const result of results) writeResult(writer, result);
  return writer.finish();
}

/** Bytes of a result in a reply's body. */
export function resultSize(result: Result): number {
  switch (result.kind) {
    case 'put':
      return 1 + 8 + optionalRecordSize(result.previous);
    case 'get':
      return 1 + optionalRecordSize(result.record);
    case 'delete':
      return 1 + 8 + 4;
    case 'range': {
      let size = RANGE_SIZE + (result.reached === null ? 0 : 2 + result.reached.length);
      for (const entry of result.entries) size += entrySize(entry.key, entry.value);
      return size;
    }
    case 'txn': {
      let size = 1 + 1 + 8 + 2;
      for (const part of result.results) size += resultSize(part);
      return size;
    }
    case 'streamCreate':
      return 1 + 8;
    case 'streamAppend':
      return 1 + 8 + 8 + 8 + CHAIN_SIZE;
    case 'streamRead': {
      let size = STREAM_READ_SIZE;
      for (const event of result.events) size += 4 + event.length;
      return size;
    }
    case 'streamLength':
      return 1 + 8 + CHAIN_SIZE;
    case 'rangeAt': {
      let size = RANGE_AT_SIZE + (result.reached?.length ?? 0);
      for (const entry of result.entries) size += entrySize(entry.key, entry.value);
      return size;
    }
    case 'compact':
      return 1 + 8;
    case 'refused':
      return 1 + 1 + 8;
    default:
      return unreachable(result);
  }
}

function optionalRecordSize(record: KeyRecord | null): number {
  return 1 + (record === null ? 0 : recordSize(record.value));
}

function writeResult(writer: ByteWriter, result: Result): void {
  writer.u8(result.kind === 'refused' ? REFUSED_CODE : CALL_CODES[result.kind]);
  switch (result.kind) {
    case 'put':
      writer.u64(result.revision);
      return writeOptionalRecord(writer, result.previous);
    case 'get':
      return writeOptionalRecord(writer, result.record);
    case 'delete':
      assert((result.revision === null) === (result.deleted === 0), 'a revision for a change');
      writer.u64(result.revision ?? 0);
      return writer.u32(result.deleted);
    case 'range':
      assert(
        result.reached === null || (result.more && result.entries.length === 0),
        'entries tell how far it went',
      );
      writer.u8(result.reached === null ? Number(result.more) : RANGE_REACHED);
      if (result.reached !== null) writer.bytes16(result.reached);
      writer.u16(result.entries.length);
      for (const entry of result.entries) writeEntry(writer, entry);
      return;
    case 'txn':
      writer.flag(result.succeeded);
      writer.u64(result.revision ?? 0);
      writer.u16(result.results.length);
      for (const part of result.results) writeResult(writer, part);
      return;
    case 'streamCreate':
      return writer.u64(result.revision);
    case 'streamAppend':
      writer.u64(result.revision);
      writer.u64(result.offset);
      writer.u64(result.length);
      return writer.fixed(result.chain);
    case 'streamRead':
      writer.u64(result.length);
      writer.fixed(result.chain);
      writer.flag(result.more);
      writer.u16(result.events.length);
      for (const event of result.events) writer.bytes32(event);
      return;
    case 'streamLength':
      writer.u64(result.length);
      return writer.fixed(result.chain);
    case 'rangeAt':
      assert(
        result.reached === null || result.entries.length === 0,
        'entries tell how far it went',
      );
      writer.flag(result.more);
      writer.bytes16(result.reached ?? NO_BYTES);
      writer.u16(result.entries.length);
      for (const entry of result.entries) writeEntry(writer, entry);
      return;
    case 'compact':
      return writer.u64(result.watermark);
    case 'refused':
      writer.u8(REFUSAL_CODES[result.reason]);
      return writer.u64(result.actual ?? 0);
    default:
      return unreachable(result);
  }
}

function writeOptionalRecord(writer: ByteWriter, record: KeyRecord | null): void {
  writer.flag(record !== null);
  if (record !== null) writeRecord(writer, record);
}

function writeEntry(writer: ByteWriter, entry: KeyEntry): void {
  writer.bytes16(entry.key);
  writeRecord(writer, entry);
}

function writeRecord(writer: ByteWriter, record: KeyRecord): void {
  const { value } = record;
  assert(value === null || value.length === record.valueSize, "the size is the value's");
  writer.u64(record.createRevision);
  writer.u64(record.modRevision);
  writer.u64(record.version);
  writer.u32(record.valueSize);
  writer.flag(value !== null);
  if (value !== null) writer.fixed(value);
}
