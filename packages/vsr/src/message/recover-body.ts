import { readU64, readU128, writeU128 } from '@kimberlite/store';
import { Op } from '../std/numbers.ts';

/** Bytes of the body: slot and zeros (8), then incarnation (16). */
const BODY_SIZE = 24;

/** Bytes of the reply: the op since which the file counts, or zero. */
export const RECOVERED_SIZE = 8;

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

/** The op since which the new file is the member's, from the reply; null when it was refused. */
export function decodeRecovered(reply: Uint8Array): Op | null {
  if (reply.length !== RECOVERED_SIZE) return null;
  const since = readU64(new DataView(reply.buffer, reply.byteOffset, RECOVERED_SIZE), 0);
  return Number.isNaN(since) || since === 0 ? null : Op(since);
}
