import type { Prng } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import type { DiskCopy } from '../storage/storage.ts';
import { Recovery } from './recovery.ts';
import { swapDisk } from './swap-disk.ts';

export interface LostDiskOptions {
  /** Per tick, while no disk was lost. */
  readonly probability: number;
  /** Per tick, while one is lost: somebody begins to recover the replica. */
  readonly recoverProbability: number;
  /** Per tick, once it is recovered: the old disk comes back to life in the place of the new. */
  readonly returnProbability: number;
  /** Disks lost in a run, at most: one at a time, the next when the last has been recovered. */
  readonly disksMax: number;
}

export const LOST_DISK_OFF: LostDiskOptions = {
  probability: 0,
  recoverProbability: 0,
  returnProbability: 0,
  disksMax: 0,
};

/** Ticks for which an old disk that came back stays, at most. */
const RETURN_TICKS_MAX = 300;

/** An old disk that runs in the place of the one that was recovered. */
interface Returned {
  readonly slot: number;
  /** What the new disk holds. */
  readonly current: DiskCopy;
  ticksLeft: number;
}

/**
 * One replica's disk is lost for good, and somebody formats a new one in its place: the new file
 * has forgotten what the old one promised. Its peers must refuse it, and go on without it, until it
 * is recovered by the book.
 */
export class LostDisk {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  private readonly options: LostDiskOptions;
  private recovering: Recovery | null;
  /** The disk that was lost, as it was then. */
  private old: { readonly slot: number; readonly disk: DiskCopy } | null;
  private returned: Returned | null;
  /** Recovered, and not yet known to enough others to take part, or not level since. */
  private settling: { readonly slot: number; readonly op: number } | null;

  constructor(cluster: Cluster, prng: Prng, options: LostDiskOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.options = options;
    this.recovering = null;
    this.old = null;
    this.returned = null;
    this.settling = null;
  }

  tick(): void {
    const { prng, options, cluster } = this;
    if (options.probability === 0) return;
    // Drawn whatever the cluster does, so that a fault held back moves no later one.
    const loses = prng.chance(options.probability);
    const returns = prng.chance(options.returnProbability);
    const recovers = prng.chance(options.recoverProbability);
    const own = prng.fork();
    let left = cluster.faults.count('lost_disk') + (loses ? 1 : 0) + (returns ? 1 : 0);
    if (this.returned !== null) this.haunt(this.returned);
    else if (this.recovering !== null) this.recover(this.recovering, own);
    else if (cluster.lostDisks.size > 0) this.beginRecovery(own, recovers);
    else if ((!returns || !this.comesBack(own)) && loses) this.lose(own);
    for (left -= cluster.faults.count('lost_disk'); left > 0; left -= 1) {
      cluster.faults.skip('lost_disk');
    }
  }

  private lose(prng: Prng): void {
    const { cluster } = this;
    const { replicaCount } = cluster.options;
    // One at a time: until the last one takes part, another loss would be one too many; and while
    // the new file lacks what was committed before it was made, it is a bad copy itself.
    if (this.settling !== null && !this.isLevel(this.settling)) return;
    this.settling = null;
    // Two of two are needed, and one alone has no peer that would know.
    if (replicaCount < 3 || cluster.totals.disksLost >= this.options.disksMax) return;
    const slot = prng.below(replicaCount);
    // Before all have met, the new file is as good as the old one: it promised nothing.
    if (cluster.partaking < replicaCount) return;
    if (!cluster.hasNewestFile(slot) || !cluster.faults.allow('lost_disk', slot)) return;
    if (cluster.replica(slot).running) cluster.crash(slot);
    this.old = { slot, disk: cluster.storage(slot).copy() };
    cluster.loseDisk(slot);
  }

  private isLevel({ slot, op }: { readonly slot: number; readonly op: number }): boolean {
    const state = this.cluster.replica(slot).snapshot();
    if (state === null || state.status !== 'normal' || state.syncing) return false;
    return state.commitMin >= op && state.journalDirty === 0;
  }

  /** From now on no old disk is there. */
  end(): void {
    if (this.returned !== null) this.leave(this.returned);
  }

  private comesBack(prng: Prng): boolean {
    const { cluster, old } = this;
    if (old === null) return false;
    const { slot, disk } = old;
    // Where the new disk was put back to an older copy, somebody else looks after the slot.
    if (!cluster.hasNewestFile(slot)) return false;
    if (!cluster.faults.allow('lost_disk', slot)) return false;
    cluster.log(() => `the old disk of replica ${slot} comes back to life`);
    const current = swapDisk(this.cluster, slot, disk);
    this.returned = { slot, current, ticksLeft: prng.between(1, RETURN_TICKS_MAX) };
    cluster.totals.disksReturned += 1;
    cluster.lostDisks.add(slot);
    cluster.start(slot);
    return true;
  }

  private haunt(returned: Returned): void {
    returned.ticksLeft -= 1;
    if (returned.ticksLeft <= 0) this.leave(returned);
  }

  /** The new disk is back in its place; the old one keeps what it did meanwhile. */
  private leave({ slot, current }: Returned): void {
    const { cluster } = this;
    this.old = { slot, disk: swapDisk(this.cluster, slot, current) };
    this.returned = null;
    cluster.lostDisks.delete(slot);
    cluster.gaveUp.delete(slot);
    cluster.start(slot);
  }

  private beginRecovery(prng: Prng, now: boolean): void {
    const { cluster } = this;
    if (!now) return;
    for (const slot of cluster.lostDisks) this.recovering = new Recovery(cluster, prng, slot);
  }

  private recover(recovering: Recovery, prng: Prng): void {
    const { cluster } = this;
    const named = recovering.tick(prng);
    if (named === null) return;
    const { slot } = recovering;
    this.recovering = null;
    this.settling = { slot, op: cluster.checkers.history.head };
    cluster.recoverDisk(slot, named);
  }
}
