import {
  decodeRecovered,
  encodeRecovery,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  type Op,
  type Prng,
} from '@kimberlite/vsr';
import type { SimulatedClient } from '../client/simulated-client.ts';
import type { Cluster } from '../cluster/cluster.ts';

export interface LostDiskOptions {
  /** Per tick, while no disk was lost. */
  readonly probability: number;
  /** Per tick, while one is lost: somebody begins to recover the replica. */
  readonly recoverProbability: number;
}

export const LOST_DISK_OFF: LostDiskOptions = { probability: 0, recoverProbability: 0 };

/** What `kimberlite recover` does, step by step, through a client of the run. */
interface Recovering {
  readonly slot: number;
  readonly incarnation: bigint;
  client: SimulatedClient;
  /** Its identity: one that crashed or was evicted has forgotten what it was asked. */
  clientId: bigint;
  waiting: boolean;
  since: Op | null;
  noopsLeft: number;
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
  private recovering: Recovering | null;

  constructor(cluster: Cluster, prng: Prng, options: LostDiskOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.options = options;
    this.recovering = null;
  }

  tick(): void {
    if (this.recovering !== null) this.recover(this.recovering);
    else if (this.cluster.lostDisks.size > 0) this.beginRecovery();
    else this.lose();
  }

  private lose(): void {
    const { cluster, prng } = this;
    const { replicaCount } = cluster.options;
    // Two of two are needed, and one alone has no peer that would know.
    if (replicaCount < 3 || !prng.chance(this.options.probability)) return;
    const slot = prng.below(replicaCount);
    // Before all have met, the new file is as good as the old one: it promised nothing.
    if (cluster.partaking < replicaCount) return;
    if (cluster.faults.allow('lost_disk', slot)) cluster.loseDisk(slot);
  }

  private beginRecovery(): void {
    const { cluster, prng } = this;
    if (!prng.chance(this.options.recoverProbability)) return;
    const client = prng.pick(cluster.clients);
    for (const slot of cluster.lostDisks) {
      this.recovering = {
        slot,
        incarnation: prng.u128() | 1n,
        client,
        clientId: client.id,
        waiting: false,
        since: null,
        noopsLeft: cluster.options.config.pipelineMax,
      };
    }
  }

  private recover(recovering: Recovering): void {
    const { cluster } = this;
    if (recovering.client.id !== recovering.clientId) this.changeClient(recovering);
    const { client } = recovering;
    if (recovering.waiting) {
      // Refused, and to be asked again.
      if (!client.busy) recovering.waiting = false;
      return;
    }
    if (recovering.noopsLeft === 0 && recovering.since !== null) {
      const { slot, incarnation, since } = recovering;
      this.recovering = null;
      cluster.recoverDisk(slot, { incarnation, since, view: client.view });
      return;
    }
    if (client.mayAsk) this.ask(recovering);
  }

  private ask(recovering: Recovering): void {
    const { client, slot, incarnation, since } = recovering;
    recovering.waiting = true;
    if (since === null) {
      const body = encodeRecovery({ slot, incarnation });
      client.submit({ operation: OPERATION_RECOVER, body }, (reply) => {
        recovering.waiting = false;
        recovering.since = decodeRecovered(reply);
      });
    } else {
      client.submit({ operation: OPERATION_NOOP, body: new Uint8Array(0) }, () => {
        recovering.waiting = false;
        recovering.noopsLeft -= 1;
      });
    }
  }

  /** Another client goes on; the op that named the file stands. */
  private changeClient(recovering: Recovering): void {
    recovering.client = this.prng.pick(this.cluster.clients);
    recovering.clientId = recovering.client.id;
    recovering.waiting = false;
  }
}
