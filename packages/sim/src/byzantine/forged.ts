import { type ChecksumFunction, writeU128 } from '@kimberlite/store';
import {
  type Command,
  HEADER_SIZE,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
  OFFSET_SIZE,
  type Prng,
} from '@kimberlite/vsr';
import { viewOf } from './fields.ts';

/** What a replica has said of itself. */
export interface Said {
  readonly incarnation: bigint;
  readonly view: number;
}

/** What forging needs to know. */
export interface ForgeContext {
  readonly checksum: ChecksumFunction;
  readonly prng: Prng;
  readonly replicaCount: number;
  readonly messageSizeMax: number;
  readonly from: number;
  readonly to: number;
  /** What this replica said of itself last; null before it has said anything. */
  readonly lastSaidBy: (slot: number) => Said | null;
}

/** Bytes that a liar puts on a link. */
export interface Forged {
  readonly from: number;
  readonly to: number;
  readonly command: Command;
  readonly bytes: Uint8Array;
}

/** Makes size and checksums those of the bytes. */
export function seal(bytes: Uint8Array, checksum: ChecksumFunction): void {
  const view = viewOf(bytes);
  view.setUint32(OFFSET_SIZE, bytes.length, true);
  writeU128(view, OFFSET_CHECKSUM_BODY, checksum.hash(bytes.subarray(HEADER_SIZE)));
  sealHeader(bytes, checksum);
}

/** Makes the checksum of a header that of its bytes. */
export function sealHeader(bytes: Uint8Array, checksum: ChecksumFunction): void {
  writeU128(viewOf(bytes), OFFSET_CHECKSUM, checksum.hash(bytes.subarray(16, HEADER_SIZE)));
}
