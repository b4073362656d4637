import type { ChecksumFunction } from '@kimberlite/store';
import { decodeSuperblock, SUPERBLOCK_COPY_SIZE, type Zone } from '@kimberlite/vsr';
import { check } from '../checkers/violation.ts';
import type { DiskEvidence } from './disk-evidence.ts';

/**
 * Checks that the copies of the superblock are written one after another (two at once, and a crash
 * may tear both), and that one which names a new checkpoint is written when no block of it is on
 * its way any more: else a crash leaves a superblock that names what was never written.
 */
export function checkSuperblockWrite(
  write: { readonly offset: number; readonly bytes: Uint8Array },
  inFlight: readonly { readonly zone: Zone }[],
  disk: {
    readonly evidence: Pick<DiskEvidence, 'superblock'>;
    readonly checksum: ChecksumFunction;
  },
): void {
  check(
    'disk_order',
    !inFlight.some(({ zone }) => zone === 'superblock'),
    () => 'two copies of the superblock are written at once',
  );
  if (!inFlight.some(({ zone }) => zone === 'blocks')) return;
  const copy = decodeSuperblock(write.bytes, write.offset / SUPERBLOCK_COPY_SIZE, disk.checksum);
  const durable = disk.evidence.superblock();
  if (copy === null || typeof durable === 'string') return;
  const { op } = copy.state.checkpoint;
  check(
    'disk_order',
    op <= durable.checkpoint.op,
    () => `a superblock names checkpoint ${op} while blocks are being written`,
  );
}
