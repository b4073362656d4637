import { assert, readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import { SLOT_COUNT } from '../membership.ts';
import { Op } from '../std/numbers.ts';

/** The one data file of a slot whose word counts. */
export interface KnownFile {
  /** Its random number, made at format; zero while no file of the slot was ever met. */
  readonly incarnation: bigint;
  /** The op by which it took the place of a lost one (`recover`); zero for the first file. */
  readonly since: Op;
}

/** Of a slot of which no file was ever met. */
export const UNKNOWN_FILE: KnownFile = { incarnation: 0n, since: Op(0) };

/** Of a file: its incarnation (16), then its op (8). */
const ENTRY_SIZE = 24;

/** Bytes of the files of all slots, as they stand in superblocks and travel in messages. */
export const KNOWN_FILES_SIZE: number = SLOT_COUNT * ENTRY_SIZE;

/** Of all slots in their order, SLOT_COUNT of them, in KNOWN_FILES_SIZE bytes. */
export function encodeKnownFiles(files: readonly KnownFile[]): Uint8Array {
  assert(files.length === SLOT_COUNT, 'a file for each slot');
  const bytes = new Uint8Array(KNOWN_FILES_SIZE);
  const view = new DataView(bytes.buffer);
  files.forEach(({ incarnation, since }, slot) => {
    writeU128(view, slot * ENTRY_SIZE, incarnation);
    writeU64(view, slot * ENTRY_SIZE + 16, since);
  });
  return bytes;
}

/** Null when there are too few bytes, or an op is out of range. Integrity is the caller's. */
export function decodeKnownFiles(bytes: Uint8Array): KnownFile[] | null {
  if (bytes.length < KNOWN_FILES_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files: KnownFile[] = [];
  for (let at = 0; at < KNOWN_FILES_SIZE; at += ENTRY_SIZE) {
    const since = readU64(view, at + 16);
    if (Number.isNaN(since)) return null;
    files.push({ incarnation: readU128(view, at), since: Op(since) });
  }
  return files;
}
