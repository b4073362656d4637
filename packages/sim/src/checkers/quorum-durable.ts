import { replicationQuorum } from '../cluster/quorums.ts';
import type { SimulatedStorage } from '../storage/storage.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/**
 * The moment an op is first executed anywhere, a replication quorum of disks must have held it:
 * body and redundant header. Judged by the bytes, not by who seemed to have acknowledged: a commit
 * with less is a lost write that only waits for the right crash.
 */
export function checkQuorumDurable(
  { op, checksum }: Pick<HistoryEntry, 'op' | 'checksum'>,
  storages: readonly Pick<SimulatedStorage, 'wasDurable'>[],
): void {
  const holders = storages.filter((storage) => storage.wasDurable(checksum)).length;
  const quorum = replicationQuorum(storages.length);
  check(
    'quorum_durable',
    holders >= quorum,
    () => `op ${op} is committed with ${holders} of ${quorum} copies on disk`,
  );
}
