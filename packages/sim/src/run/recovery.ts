import {
  decodeRecovered,
  encodeRecovery,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  type Prng,
  type Recovered,
  type View,
} from '@kimberlite/vsr';
import type { SimulatedClient } from '../client/simulated-client.ts';
import type { Cluster } from '../cluster/cluster.ts';

/** A new file that the cluster takes for the member's, and from when on. */
export interface NamedFile {
  readonly incarnation: bigint;
  readonly recovered: Recovered;
  /** The newest view that the client has heard of. */
  readonly view: View;
}

/** What `kimberlite recover` does, step by step, through a client of the run. */
export class Recovery {
  readonly slot: number;
  private readonly cluster: Cluster;
  private readonly incarnation: bigint;
  private client: SimulatedClient;
  /** Its identity: one that crashed or was evicted has forgotten what it was asked. */
  private clientId: bigint;
  private waiting: boolean;
  private recovered: Recovered | null;
  private noopsLeft: number;

  constructor(cluster: Cluster, prng: Prng, slot: number) {
    this.slot = slot;
    this.cluster = cluster;
    this.client = prng.pick(cluster.clients);
    this.incarnation = prng.u128() | 1n;
    this.clientId = this.client.id;
    this.waiting = false;
    this.recovered = null;
    this.noopsLeft = cluster.options.config.pipelineMax;
  }

  /** Once a tick; the file when all is done and it may be made, else null. */
  tick(prng: Prng): NamedFile | null {
    if (this.client.id !== this.clientId) this.changeClient(prng);
    const { client, incarnation, recovered } = this;
    if (this.waiting) {
      // Refused, and to be asked again.
      if (!client.busy) this.waiting = false;
      return null;
    }
    if (this.noopsLeft === 0 && recovered !== null) {
      return { incarnation, recovered, view: client.view };
    }
    if (client.mayAsk) this.ask();
    return null;
  }

  private ask(): void {
    const { client, slot, incarnation } = this;
    this.waiting = true;
    if (this.recovered === null) {
      const body = encodeRecovery({ slot, incarnation });
      client.submit({ operation: OPERATION_RECOVER, body }, (reply) => {
        this.waiting = false;
        this.recovered = decodeRecovered(reply);
      });
    } else {
      client.submit({ operation: OPERATION_NOOP, body: new Uint8Array(0) }, () => {
        this.waiting = false;
        this.noopsLeft -= 1;
      });
    }
  }

  /** Another client goes on; the op that named the file stands. */
  private changeClient(prng: Prng): void {
    this.client = prng.pick(this.cluster.clients);
    this.clientId = this.client.id;
    this.waiting = false;
  }
}
