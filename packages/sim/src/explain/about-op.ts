import {
  type AnyMessage,
  CHECKPOINT_RECORD_SIZE,
  HEADER_SIZE,
  layoutOf,
  readField,
  type TraceEvent,
} from '@kimberlite/vsr';
import type { Observed } from '../cluster/observer.ts';

/** Ops from the first to the last, both included. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** The op that something is about; null for none, or for a range of them. */
export function opOf({ what }: Observed): number | null {
  const found = rangeOf(what);
  return found !== null && found.first === found.last ? found.first : null;
}

/** Whether something is about this op: names it, or a range with it. */
export function isAbout({ what }: Observed, op: number): boolean {
  const found = rangeOf(what);
  return found !== null && found.first <= op && op <= found.last;
}

function rangeOf(what: Observed['what']): Range | null {
  if (what.kind === 'trace') return rangeOfEvent(what.event);
  return what.kind === 'message' ? rangeOfMessage(what.message) : null;
}

function rangeOfEvent(event: TraceEvent): Range | null {
  switch (event.kind) {
    case 'truncated':
      return { first: event.op + 1, last: event.from };
    case 'sync_started':
      // What lies between is taken over with the state, and not executed here.
      return { first: event.op + 1, last: event.target };
    default:
      return 'op' in event && event.op !== null ? single(event.op) : null;
  }
}

function rangeOfMessage(message: AnyMessage): Range | null {
  const { header, body } = message;
  switch (header.command) {
    case 'ping':
    case 'pong':
      // They carry numbers of the log all the time, and do nothing with the ops.
      return null;
    case 'commit':
      return single(header.commit);
    case 'requestHeaders':
      return { first: header.opMin, last: header.opMax };
    case 'requestPrepare':
      return { first: header.op, last: header.op + header.more };
    case 'doViewChange':
      return { first: header.op - headersIn(body.length) + 1, last: header.op };
    case 'startView': {
      const count = headersIn(body.length - CHECKPOINT_RECORD_SIZE);
      return { first: header.op - count + 1, last: header.op };
    }
    case 'headers':
      return rangeOfHeaders(body);
    default:
      return 'op' in header ? single(header.op) : null;
  }
}

function single(op: number): Range {
  return { first: op, last: op };
}

function headersIn(size: number): number {
  return Math.floor(size / HEADER_SIZE);
}

/** Prepare headers, descending. */
function rangeOfHeaders(body: Uint8Array): Range | null {
  const count = headersIn(body.length);
  if (count === 0) return null;
  return { first: opAt(body, count - 1), last: opAt(body, 0) };
}

const OP_FIELD = layoutOf('prepare').fields.find(({ name }) => name === 'op');

function opAt(body: Uint8Array, place: number): number {
  if (OP_FIELD === undefined) return 0;
  const at = body.byteOffset + place * HEADER_SIZE;
  const value = readField(new DataView(body.buffer, at, HEADER_SIZE), OP_FIELD);
  return typeof value === 'number' ? value : 0;
}
