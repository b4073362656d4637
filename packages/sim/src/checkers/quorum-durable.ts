import { replicationQuorum } from '../cluster/quorums.ts';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/**
 * The moment an op is first executed anywhere, a replication quorum of disks must have held it:
 * body and redundant header. Judged by the bytes, not by who seemed to have acknowledged: a commit
 * with less is a lost write that only waits for the right crash.
 */
export function checkQuorumDurable(
  { op, checksum }: Pick<HistoryEntry, 'op' | 'checksum'>,
  disks: readonly Pick<DiskEvidence, 'wasDurable'>[],
): void {
  const holders = disks.filter((disk) => disk.wasDurable(checksum)).length;
  const quorum = replicationQuorum(disks.length);
  check(
    'quorum_durable',
    holders >= quorum,
    () => `op ${op} is committed with ${holders} of ${quorum} copies on disk`,
  );
}
