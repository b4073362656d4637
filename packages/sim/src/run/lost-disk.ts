import type { Prng } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';

/**
 * One replica's disk is lost for good, and somebody formats a new one in its place: the new file
 * has forgotten what the old one promised. Its peers must refuse it, and go on without it.
 */
export class LostDisk {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  private readonly probability: number;

  constructor(cluster: Cluster, prng: Prng, probability: number) {
    this.cluster = cluster;
    this.prng = prng;
    // Two of two are needed, and one alone has no peer that would know.
    this.probability = cluster.options.replicaCount >= 3 ? probability : 0;
  }

  tick(): void {
    const { cluster, prng } = this;
    if (cluster.lostDisks.size > 0 || !prng.chance(this.probability)) return;
    const { replicaCount } = cluster.options;
    const slot = prng.below(replicaCount);
    // Before all have met, the new file is as good as the old one: it promised nothing.
    if (cluster.partaking < replicaCount) return;
    if (cluster.faults.allow('lost_disk', slot)) cluster.loseDisk(slot);
  }
}
