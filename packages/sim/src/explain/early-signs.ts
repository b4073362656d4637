import { TICK_MICROS } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import type { Observed } from '../cluster/observer.ts';
import { replicationQuorum } from '../cluster/quorums.ts';

/** Something that is wrong already, perhaps long before a checker stumbles over its effect. */
export interface EarlySign {
  readonly event: number;
  readonly micros: number;
  readonly slot: number;
  readonly text: string;
}

/** A sign in words, as both the diagnosis and the bisection show it. */
export function earlySignText(sign: EarlySign | null): string {
  if (sign === null) return 'none before the failure itself';
  return `event ${sign.event}, tick ${Math.floor(sign.micros / TICK_MICROS)}: ${sign.text}`;
}

/**
 * Watches a replay with more knowledge than the online checkers ask for: the history of the whole
 * run is known beforehand, so a primary that lacks an op which others commit is found when it
 * begins, and not when somebody reads. Only for replays of failures: it is slow, and a sign alone
 * proves nothing.
 */
export class EarlySigns {
  /** The first of all; null when there was none. */
  first: EarlySign | null;
  private cluster: Cluster | null;
  /** By view and op: what was acknowledged there. */
  private readonly acknowledged: Map<string, bigint>;
  /** By op: the newest prepare seen. */
  private readonly prepares: Map<number, bigint>;

  constructor() {
    this.first = null;
    this.cluster = null;
    this.acknowledged = new Map();
    this.prepares = new Map();
  }

  /** The run begins. */
  attach(cluster: Cluster): void {
    this.cluster = cluster;
  }

  observe(seen: Observed): void {
    const { cluster } = this;
    if (this.first !== null || cluster === null || seen.slot === null) return;
    const text = this.signIn(cluster, seen);
    if (text === null) return;
    const { event, micros, slot } = seen;
    this.first = { event, micros, slot, text: `replica ${slot} ${text}` };
  }

  private signIn(cluster: Cluster, { what, state, slot }: Observed): string | null {
    if (what.kind !== 'trace' || slot === null) return null;
    const { event } = what;
    const { head } = cluster.checkers.history;
    switch (event.kind) {
      case 'primary':
        if (event.op >= head) return null;
        return `begins view ${event.view} with head ${event.op}, but op ${head} is committed`;
      case 'prepared':
        this.prepares.set(event.op, event.checksum);
        if (event.op > head) return null;
        return `gives a request op ${event.op}, which is committed already`;
      case 'acknowledged':
        return this.onAcknowledged(cluster, slot, event);
      case 'committed':
        return null;
      default:
        return state === null ? null : this.onState(cluster, state.commitMax);
    }
  }

  private onAcknowledged(
    cluster: Cluster,
    slot: number,
    event: { readonly op: number; readonly view: number; readonly checksum: bigint },
  ): string | null {
    const { op, view, checksum } = event;
    const key = `${view}:${op}`;
    const known = this.acknowledged.get(key);
    this.acknowledged.set(key, checksum);
    if (known !== undefined && known !== checksum) {
      return `acknowledges another op ${op} of view ${view} than was acknowledged before`;
    }
    const durable = cluster.storage(slot).evidence.prepareDurable(op, checksum);
    return durable ? null : `acknowledges op ${op}, which is not on its disk`;
  }

  /** What a replica takes for committed must be on a quorum of disks. */
  private onState(cluster: Cluster, commitMax: number): string | null {
    const { history } = cluster.checkers;
    if (commitMax <= history.head) return null;
    const checksum = this.prepares.get(commitMax);
    if (checksum === undefined) return null;
    const disks = cluster.storages.map(({ evidence }) => evidence);
    const holders = disks.filter((disk) => disk.wasDurable(checksum)).length;
    const quorum = replicationQuorum(disks.length);
    if (holders >= quorum) return null;
    return `takes op ${commitMax} for committed with ${holders} of ${quorum} copies on disk`;
  }
}
