import { assert, readU64, sha256, writeU64 } from '@kimberlite/store';
import { CHAIN_SIZE } from './codec/limits.ts';

/** Rows of streams and events, and the hash chain that ties a stream's events together. */

/** A row of STREAMS_TABLE: length (u64), then the chain's hash. */
export interface StreamRecord {
  /** Events in the stream: the offset of the next. */
  readonly length: number;
  /** Chain hash of the last event; CHAIN_START for none. */
  readonly chain: Uint8Array;
}

/** An event with the chain's hash just before it; a row of EVENTS_TABLE is the hash, then it. */
export interface StoredEvent {
  readonly chain: Uint8Array;
  readonly event: Uint8Array;
}

/** The chain of an empty stream. */
export const CHAIN_START: Uint8Array = new Uint8Array(CHAIN_SIZE);

/**
 * The chain after one more event: SHA-256 of the chain before it, its offset (u64, little-endian)
 * and its bytes. Whoever keeps a chain hash can prove with it that nothing before was changed.
 */
export function chainNext(chain: Uint8Array, offset: number, event: Uint8Array): Uint8Array {
  assert(chain.length === CHAIN_SIZE, 'a whole hash');
  const bytes = new Uint8Array(CHAIN_SIZE + 8 + event.length);
  bytes.set(chain);
  writeU64(new DataView(bytes.buffer), CHAIN_SIZE, offset);
  bytes.set(event, CHAIN_SIZE + 8);
  return sha256(bytes);
}

export function encodeStream(record: StreamRecord): Uint8Array {
  const bytes = new Uint8Array(8 + CHAIN_SIZE);
  writeU64(new DataView(bytes.buffer), 0, record.length);
  bytes.set(record.chain, 8);
  return bytes;
}

export function decodeStream(bytes: Uint8Array): StreamRecord {
  assert(bytes.length === 8 + CHAIN_SIZE, 'a whole stream record');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { length: readU64(view, 0), chain: bytes.subarray(8) };
}

export function encodeEvent(stored: StoredEvent): Uint8Array {
  const bytes = new Uint8Array(CHAIN_SIZE + stored.event.length);
  bytes.set(stored.chain);
  bytes.set(stored.event, CHAIN_SIZE);
  return bytes;
}

export function decodeEvent(bytes: Uint8Array): StoredEvent {
  assert(bytes.length >= CHAIN_SIZE, 'a whole event row');
  return { chain: bytes.subarray(0, CHAIN_SIZE), event: bytes.subarray(CHAIN_SIZE) };
}
