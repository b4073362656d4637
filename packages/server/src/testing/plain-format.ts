import { readU64, writeU64 } from '@kimberlite/store';
import { CONFIG_SIMULATION, SUPERBLOCK_COPY_SIZE } from '@kimberlite/vsr';
import type { DataFileIdentity, IdentityReader } from '../storage/data-file.ts';
import type { FormatWrite } from '../storage/data-file-format.ts';

const MAGIC = 0x5445_5354;

/**
 * The least that looks like the core's format, for tests of the file alone: a header ring full of
 * ones, and a superblock that names cluster and slot.
 */
export function* plainFormat(identity: {
  readonly cluster: bigint;
  readonly slot: number;
}): Iterable<FormatWrite> {
  const ring = new Uint8Array(CONFIG_SIMULATION.walSlots * 256).fill(1);
  yield { zone: 'wal_headers', offset: 0, bytes: ring };
  const copy = new Uint8Array(SUPERBLOCK_COPY_SIZE);
  const view = new DataView(copy.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, identity.slot);
  writeU64(view, 8, Number(identity.cluster));
  yield { zone: 'superblock', offset: 0, bytes: copy };
}

export const readPlainIdentity: IdentityReader = (bytes): DataFileIdentity | string => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return 'no superblock';
  return {
    config: CONFIG_SIMULATION,
    cluster: BigInt(readU64(view, 8)),
    slot: view.getUint8(4),
    replicaCount: 3,
    member: 0n,
    incarnation: 7n,
    checksumName: 'sha256-128',
  };
};
