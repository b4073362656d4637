import { assert, type ChecksumFunction } from '@kimberlite/store';
import type { FormatWrite } from '../format.ts';
import type { MachineIdentity } from '../machine-identity.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { fileOf } from './introductions.ts';
import {
  encodeSuperblock,
  type SuperblockCopy,
  type SuperblockState,
  stampCopy,
} from './superblock.ts';

/** What a file begins with that was not known yet when it was made. */
export type HandedOver = Partial<Pick<SuperblockState, 'view' | 'introductions'>>;

/**
 * The superblock that follows `chosen` in a file on which no replica has run, and gives the file to
 * another state machine; all else stays but for what it is to begin with. Written copy after copy,
 * each durable before the next, it is the old owner's or the new one's whenever that ends: the same
 * rule as for any superblock.
 */
export function handOver(
  chosen: SuperblockCopy,
  machine: MachineIdentity,
  checksum: ChecksumFunction,
  begins: HandedOver = {},
): FormatWrite[] {
  const { state } = chosen;
  const { identity } = state;
  const next: SuperblockState = {
    ...state,
    ...begins,
    identity: { ...identity, machine },
    sequence: state.sequence + 1,
    parent: chosen.checksum,
  };
  const own = fileOf(next.introductions, identity.slot);
  assert(own.incarnation === identity.incarnation, 'a file knows itself');
  assert(next.view >= state.view, 'a view never goes back');
  const encoded = encodeSuperblock(next, checksum);
  return Array.from({ length: SUPERBLOCK_COPIES }, (_, copy) => {
    const bytes = encoded.slice();
    stampCopy(bytes, copy);
    return { zone: 'superblock', offset: copy * SUPERBLOCK_COPY_SIZE, bytes };
  });
}
