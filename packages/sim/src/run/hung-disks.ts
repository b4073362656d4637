import type { Prng, Zone } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';

/** Which disks hang. Probabilities are per replica and tick. */
export interface HungDiskOptions {
  readonly hangProbability: number;
  readonly resumeProbability: number;
  /** Disks that may hang at once. */
  readonly hungMax: number;
}

export const HUNG_DISKS_OFF: HungDiskOptions = {
  hangProbability: 0,
  resumeProbability: 1,
  hungMax: 0,
};

/** Ticks for which requests may wait at a primary with such a disk. */
const WAIT_TICKS_MAX = 300;

/** Everything that a disk is asked to write. */
export const ALL_ZONES: readonly Zone[] = ['superblock', 'wal_headers', 'wal_prepares', 'blocks'];

/**
 * Disks that take nothing new any more, and give back what they hold; drawn once a tick while
 * faults are on. Their replicas are heard all the same.
 */
export class HungDisks {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  private readonly options: HungDiskOptions;
  private readonly hung: Set<number>;
  /** Of those, the ones that the run goes without. */
  private readonly heldBack: Set<number>;
  /** By slot: ticks for which requests have waited at it, hanging and leading. */
  private readonly waits: Map<number, number>;

  constructor(cluster: Cluster, prng: Prng, options: HungDiskOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.options = options;
    this.hung = new Set();
    this.heldBack = new Set();
    this.waits = new Map();
  }

  tick(): void {
    const { hangProbability, resumeProbability, hungMax } = this.options;
    if (hangProbability === 0) return;
    for (const slot of this.hung) this.watch(slot);
    for (const { slot } of this.cluster.replicas) {
      const hangs = this.prng.chance(hangProbability);
      const resumes = this.prng.chance(resumeProbability);
      if (this.hung.has(slot)) {
        if (resumes) this.resume(slot);
        if (hangs) this.cluster.faults.skip('disk_hang');
      } else if (hangs && this.hung.size < hungMax) this.begin(slot);
      else if (hangs) this.cluster.faults.skip('disk_hang');
    }
  }

  /** Every disk goes on. */
  end(): void {
    for (const slot of [...this.hung]) this.resume(slot);
  }

  /** A primary whose disk hangs must give way before requests have waited for too long. */
  private watch(slot: number): void {
    const state = this.cluster.replica(slot).snapshot();
    const waits = state !== null && state.isPrimary && state.queueLength > 0;
    const ticks = waits ? (this.waits.get(slot) ?? 0) + 1 : 0;
    this.waits.set(slot, ticks);
    if (ticks === WAIT_TICKS_MAX) this.cluster.totals.hungPrimaries += 1;
  }

  private begin(slot: number): void {
    const { cluster } = this;
    this.hung.add(slot);
    // One that is held back lasts as long as it would have, and does nothing.
    if (!cluster.faults.allow('disk_hang', slot)) {
      this.heldBack.add(slot);
      return;
    }
    cluster.totals.diskHangs += 1;
    cluster.log(() => `the disk of replica ${slot} hangs`);
    cluster.storage(slot).hang(ALL_ZONES);
  }

  private resume(slot: number): void {
    const { cluster } = this;
    this.hung.delete(slot);
    if (this.heldBack.delete(slot)) return;
    cluster.log(() => `the disk of replica ${slot} goes on`);
    cluster.storage(slot).hang([]);
  }
}
