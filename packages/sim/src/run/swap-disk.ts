import type { Cluster } from '../cluster/cluster.ts';
import type { DiskCopy } from '../storage/storage.ts';

/** Puts a disk in place of the replica's own, which is handed back; the replica is down then. */
export function swapDisk(cluster: Cluster, slot: number, disk: DiskCopy): DiskCopy {
  if (cluster.replica(slot).running) cluster.crash(slot);
  const before = cluster.storage(slot).copy();
  cluster.storage(slot).putBack(disk);
  cluster.checkers.onDiskLost(slot);
  return before;
}
