import { assert, readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import { Checksum, ClientId } from '../std/numbers.ts';
import type { Message } from './message.ts';

/** Bytes in front of each request inside a prepare. */
export const BATCH_ENTRY_SIZE = 64;

/** Operations below this belong to the core; the state machine's begin here. */
export const OPERATION_USER_MIN = 16;
/** Opens a session. Empty body; the reply's `session` is the answer. */
export const OPERATION_REGISTER = 1;
/** Executed and forgotten: commits something without touching state. Empty body. */
export const OPERATION_NOOP = 2;
/** Puts another data file in the place of a lost one. Body and reply: recover-body.ts. */
export const OPERATION_RECOVER = 3;

/**
 * Forgets all that took the place of lost files. Empty body and reply. Only a cluster of one has
 * it: what is made of its state is another cluster, with files of its own.
 */
export const OPERATION_FORGET_FILES = 4;
/** What a client may ask of the core. */
export const OPERATIONS_OF_CORE: readonly number[] = [
  OPERATION_NOOP,
  OPERATION_RECOVER,
  OPERATION_FORGET_FILES,
];

/** One request of a prepare, over the prepare's own bytes. */
export interface BatchEntry {
  readonly client: ClientId;
  readonly session: number;
  readonly request: number;
  readonly operation: number;
  /** Checksum of the request message: identifies it for at-most-once. */
  readonly requestChecksum: Checksum;
  readonly body: Uint8Array;
}

/** Not by a mask: sizes come from foreign bytes, and near 2^32 a mask would wrap around to zero. */
function padded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** Bytes that a request takes inside a prepare. */
export function batchEntrySize(bodySize: number): number {
  return BATCH_ENTRY_SIZE + padded(bodySize);
}

/** Writes requests one after another from `offset`; returns the end. */
export function writeBatch(
  target: Uint8Array,
  offset: number,
  requests: readonly Message<'request'>[],
): number {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let at = offset;
  for (const { header, body } of requests) {
    writeU128(view, at, header.client);
    writeU64(view, at + 16, header.session);
    view.setUint32(at + 24, header.request, true);
    view.setUint16(at + 28, header.operation, true);
    view.setUint32(at + 32, body.length, true);
    writeU128(view, at + 40, header.checksum);
    target.set(body, at + BATCH_ENTRY_SIZE);
    at += batchEntrySize(body.length);
  }
  assert(at <= target.length, 'the batch fits');
  return at;
}

/** Reads the requests of a prepare's body, or null when it is not exactly `count` of them. */
export function readBatch(body: Uint8Array, count: number): BatchEntry[] | null {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const entries: BatchEntry[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + BATCH_ENTRY_SIZE > body.length) return null;
    const size = view.getUint32(at + 32, true);
    const session = readU64(view, at + 16);
    const end = at + batchEntrySize(size);
    if (end > body.length || Number.isNaN(session)) return null;
    entries.push({
      client: ClientId(readU128(view, at)),
      session,
      request: view.getUint32(at + 24, true),
      operation: view.getUint16(at + 28, true),
      requestChecksum: Checksum(readU128(view, at + 40)),
      body: body.subarray(at + BATCH_ENTRY_SIZE, at + BATCH_ENTRY_SIZE + size),
    });
    at = end;
  }
  return at === body.length ? entries : null;
}
