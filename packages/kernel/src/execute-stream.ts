import type { ExecuteContext, TableReader } from '@kimberlite/vsr';
import type {
  StreamAppendCall,
  StreamCreateCall,
  StreamLengthCall,
  StreamReadCall,
} from './codec/call.ts';
import { eventRows } from './codec/call-reads.ts';
import {
  type RefusedResult,
  refused,
  refusedNumber,
  type StreamAppendResult,
  type StreamCreateResult,
  type StreamLengthResult,
  type StreamReadResult,
} from './codec/result.ts';
import { eventSize } from './codec/result-sizes.ts';
import {
  CHAIN_START,
  chainNext,
  decodeEvent,
  decodeStream,
  encodeEvent,
  encodeStream,
  type StreamRecord,
} from './stream-record.ts';
import { EVENTS_TABLE, eventKey, eventsEnd, namespacedKey, STREAMS_TABLE } from './tables.ts';

export function executeStreamCreate(
  call: StreamCreateCall,
  revision: number,
  context: ExecuteContext,
): StreamCreateResult | RefusedResult {
  if (readStream(call, context) !== null) return refused('stream_exists');
  writeStream(call, { length: 0, chain: CHAIN_START }, context);
  return { kind: 'streamCreate', revision };
}

export function executeStreamAppend(
  call: StreamAppendCall,
  revision: number,
  context: ExecuteContext,
): StreamAppendResult | RefusedResult {
  const before = readStream(call, context);
  if (before === null) return refused('unknown_stream');
  const { expectedOffset } = call;
  if (expectedOffset !== null && expectedOffset !== before.length) {
    return refusedNumber('wrong_offset', before.length);
  }
  let { length, chain } = before;
  for (const event of call.events) {
    const key = eventKey(call.namespace, call.stream, length);
    context.put(EVENTS_TABLE, key, encodeEvent({ chain, event }));
    chain = chainNext(chain, length, event);
    length += 1;
  }
  writeStream(call, { length, chain }, context);
  return { kind: 'streamAppend', revision, offset: before.length, length, chain };
}

export function executeStreamRead(
  call: StreamReadCall,
  reader: TableReader,
): StreamReadResult | RefusedResult {
  const stream = readStream(call, reader);
  if (stream === null) return refused('unknown_stream');
  const { offset } = call;
  const { length } = stream;
  if (offset > length) return refusedNumber('wrong_offset', length);
  const from = eventKey(call.namespace, call.stream, offset);
  const to = eventsEnd(call.namespace, call.stream);
  const stored = reader
    .range(EVENTS_TABLE, from, to, eventRows(call))
    .map((row) => decodeEvent(row.value));
  const chain = stored[0]?.chain ?? stream.chain;
  const events: Uint8Array[] = [];
  let room = call.bytesMax;
  for (const { event } of stored) {
    room -= eventSize(event);
    if (room < 0) break;
    events.push(event);
  }
  return { kind: 'streamRead', events, more: offset + events.length < length, length, chain };
}

export function executeStreamLength(
  call: StreamLengthCall,
  reader: TableReader,
): StreamLengthResult | RefusedResult {
  const stream = readStream(call, reader);
  if (stream === null) return refused('unknown_stream');
  return { kind: 'streamLength', length: stream.length, chain: stream.chain };
}

export interface StreamName {
  readonly namespace: Uint8Array;
  readonly stream: Uint8Array;
}

/** The stream of that name, which was named; null when there is none. */
export function readStream(name: StreamName, reader: TableReader): StreamRecord | null {
  const bytes = reader.get(STREAMS_TABLE, namespacedKey(name.namespace, name.stream));
  return bytes === null ? null : decodeStream(bytes);
}

function writeStream(name: StreamName, record: StreamRecord, context: ExecuteContext): void {
  context.put(STREAMS_TABLE, namespacedKey(name.namespace, name.stream), encodeStream(record));
}
