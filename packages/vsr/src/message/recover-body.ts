import { readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import { Op } from '../std/numbers.ts';
import {
  decodeKnownFiles,
  encodeKnownFiles,
  KNOWN_FILES_SIZE,
  type KnownFile,
} from './known-files.ts';

/** Bytes of the body: slot and zeros (8), then incarnation (16). */
const BODY_SIZE = 24;

/** Bytes of the reply: the op since which the file counts, or zero; then the files of all slots. */
export const RECOVERED_SIZE: number = 8 + KNOWN_FILES_SIZE;

/** A slot whose file is lost, and the new file that shall take its place. */
export interface Recovery {
  readonly slot: number;
  readonly incarnation: bigint;
}

/** Body of the operation `recover`. */
export function encodeRecovery({ slot, incarnation }: Recovery): Uint8Array {
  const bytes = new Uint8Array(BODY_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, slot);
  writeU128(view, 8, incarnation);
  return bytes;
}

/** Null when it is no recovery. */
export function decodeRecovery(body: Uint8Array): Recovery | null {
  if (body.length !== BODY_SIZE || body.subarray(1, 8).some((byte) => byte !== 0)) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const incarnation = readU128(view, 8);
  return incarnation === 0n ? null : { slot: view.getUint8(0), incarnation };
}

/** What the cluster answers to a recovery. */
export interface Recovered {
  /** The op since which the new file is the member's. */
  readonly since: Op;
  /** By slot: the files that took the place of lost ones, as of that op. */
  readonly files: readonly KnownFile[];
}

/** The reply to a `recover`; zeros, of the same size, stand for a refusal. */
export function encodeRecovered({ since, files }: Recovered): Uint8Array {
  const bytes = new Uint8Array(RECOVERED_SIZE);
  writeU64(new DataView(bytes.buffer), 0, since);
  bytes.set(encodeKnownFiles(files), 8);
  return bytes;
}

/** Null when it was refused, or is no such reply. */
export function decodeRecovered(reply: Uint8Array): Recovered | null {
  if (reply.length !== RECOVERED_SIZE) return null;
  const since = readU64(new DataView(reply.buffer, reply.byteOffset, RECOVERED_SIZE), 0);
  const files = decodeKnownFiles(reply.subarray(8));
  return Number.isNaN(since) || since === 0 || files === null ? null : { since: Op(since), files };
}
