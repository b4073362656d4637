import type { ChecksumFunction } from '@kimberlite/store';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import {
  decodeSuperblock,
  type Identity,
  type SuperblockCopy,
  type SuperblockState,
} from './superblock.ts';
import { type SuperblockFault, selectSuperblock } from './superblock-quorum.ts';

/** The copies in a superblock zone, by number; null for what is none, or was not read. */
export function decodeCopies(
  zone: Uint8Array | null,
  checksum: ChecksumFunction,
): (SuperblockCopy | null)[] {
  return Array.from({ length: SUPERBLOCK_COPIES }, (_, copy) => {
    const start = copy * SUPERBLOCK_COPY_SIZE;
    const bytes = zone?.subarray(start, start + SUPERBLOCK_COPY_SIZE) ?? new Uint8Array(0);
    return decodeSuperblock(bytes, copy, checksum);
  });
}

/** The superblock that a start would choose, for whoever inspects a data file. */
export function readSuperblock(
  zone: Uint8Array,
  checksum: ChecksumFunction,
): SuperblockState | SuperblockFault {
  const chosen = selectSuperblock(decodeCopies(zone, checksum));
  return typeof chosen === 'string' ? chosen : chosen.state;
}

/** Who a data file belongs to, from the bytes of its superblock zone, without starting it. */
export function readSuperblockIdentity(
  zone: Uint8Array,
  checksum: ChecksumFunction,
): Identity | SuperblockFault {
  const state = readSuperblock(zone, checksum);
  return typeof state === 'string' ? state : state.identity;
}
