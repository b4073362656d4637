import type { ChecksumFunction } from '@kimberlite/store';
import type { FormatWrite } from '../format.ts';
import type { MachineIdentity } from '../machine-identity.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { encodeSuperblock, type SuperblockCopy, stampCopy } from './superblock.ts';

/**
 * The superblock that follows `chosen` in a file on which no replica has run, and gives the file to
 * another state machine; all else stays. Written copy after copy, each durable before the next, it
 * is the old owner's or the new one's whenever that ends: the same rule as for any superblock.
 */
export function handOver(
  chosen: SuperblockCopy,
  machine: MachineIdentity,
  checksum: ChecksumFunction,
): FormatWrite[] {
  const { state } = chosen;
  const next = encodeSuperblock(
    {
      ...state,
      identity: { ...state.identity, machine },
      sequence: state.sequence + 1,
      parent: chosen.checksum,
    },
    checksum,
  );
  return Array.from({ length: SUPERBLOCK_COPIES }, (_, copy) => {
    const bytes = next.slice();
    stampCopy(bytes, copy);
    return { zone: 'superblock', offset: copy * SUPERBLOCK_COPY_SIZE, bytes };
  });
}
