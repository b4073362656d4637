import { present } from '@kimberlite/store';
import type { Prng, ReplicaSnapshot, TraceEvent } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import { isAtRest, type Play, pause, until } from './play.ts';

/** Only of five are there enough for two views that know nothing of each other's ops. */
const REPLICAS = 5;
/** Ticks for which all is well before the next round. */
const REST_TICKS = 20;
/** Ticks after which a round is given up, and the cluster made whole. */
const WAIT_TICKS_MAX = 600;
/** Ticks in which a body is written for sure. */
const BODY_TICKS = 15;

/** Who plays what, by slot: `primary` leads at first, then `second`, then one of the other two. */
interface Cast {
  readonly primary: number;
  readonly second: number;
  readonly third: number;
  readonly witness: number;
  /** The one whose redundant headers hang on their way to the disk. */
  readonly late: number;
}

/**
 * The redundant header of an op reaches the disk late (rule body-header-ack), in one play that is
 * given again and again. One backup alone gets an op of the first view, and writes its body; the
 * header hangs. A second view, of the three that never saw the op, gives its number to another,
 * and the same backup writes that one's body into the slot. A third view, of all that know nothing
 * of the second, brings the first op back. Only then does the header arrive: it must not vouch for
 * what stands there now.
 */
export class LateHeaders {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  /** Null where it is switched off. */
  private readonly play: Play | null;
  private readonly stopListening: (() => void) | null;
  private cast: Cast | null;
  /** The late one has given up ops for the second view. */
  private gaveUp: boolean;
  /** A view above this one is the third: the late one is let in as soon as it begins. */
  private above: number | null;

  constructor(cluster: Cluster, prng: Prng, on: boolean) {
    this.cluster = cluster;
    this.prng = prng;
    this.play = on && cluster.options.replicaCount === REPLICAS ? this.rounds() : null;
    this.cast = null;
    this.gaveUp = false;
    this.above = null;
    const hears = this.play !== null;
    this.stopListening = hears
      ? cluster.traceListeners.listen((slot, event) => this.onTrace(slot, event))
      : null;
  }

  /** Once a tick while faults are on. */
  tick(): void {
    this.play?.next();
  }

  /** From now on no link is cut, and no header hangs. */
  end(): void {
    if (this.play === null) return;
    this.stopListening?.();
    this.release();
  }

  private *rounds(): Play {
    for (;;) {
      while (!isAtRest(this.cluster)) yield;
      yield* pause(REST_TICKS);
      const primary = this.cluster.snapshots().find(({ isPrimary }) => isPrimary)?.slot;
      if (primary !== undefined && this.cluster.faults.allow('partition', primary)) {
        yield* this.round(this.castFor(primary));
      }
      this.release();
      yield;
    }
  }

  private castFor(primary: number): Cast {
    const second = (primary + 1) % REPLICAS;
    const third = (primary + 2) % REPLICAS;
    const others = [(primary + 3) % REPLICAS, (primary + 4) % REPLICAS];
    const [witness, late] = this.prng.shuffle(others);
    return { primary, second, third, witness: present(witness), late: present(late) };
  }

  private *round(cast: Cast): Play {
    const { primary, second, third, witness, late } = cast;
    const { cluster } = this;
    this.cast = cast;
    this.gaveUp = false;
    const { view, op } = this.state(primary) ?? {};
    if (view === undefined || op === undefined) return;
    cluster.storage(late).hang(['wal_headers']);
    this.join([
      [primary, late],
      [second, third, witness],
    ]);
    const isSecond = (): boolean => {
      const state = this.state(second);
      return state?.isPrimary === true && state.view > view && (this.state(late)?.op ?? 0) > op;
    };
    if (!(yield* until(WAIT_TICKS_MAX, isSecond))) return;
    this.join([[primary], [second, late], [third], [witness]]);
    const isOverwritten = (): boolean => {
      const state = this.state(late);
      return this.gaveUp && state !== null && state.view > view && state.op > op;
    };
    if (!(yield* until(WAIT_TICKS_MAX, isOverwritten))) return;
    yield* pause(BODY_TICKS);
    const seen = this.state(late)?.view ?? view;
    this.join([[primary, third, witness], [second], [late]]);
    this.above = seen;
    const isBack = (): boolean => {
      const state = this.state(late);
      return state !== null && state.status === 'normal' && state.view > seen;
    };
    if (!(yield* until(WAIT_TICKS_MAX, isBack))) return;
    if ((this.state(late)?.op ?? 0) > op) cluster.totals.lateHeaders += 1;
    cluster.storage(late).hang([]);
    yield* pause(REST_TICKS);
  }

  /**
   * Those whose logs the second view was chosen from must not take it over: they hear no more of it
   * as soon as they have given theirs.
   */
  private onTrace(slot: number, event: TraceEvent): void {
    const { cast, cluster } = this;
    if (cast === null) return;
    if (event.kind === 'truncated' && slot === cast.late) this.gaveUp = true;
    if (event.kind !== 'view_durable') return;
    if (event.view === event.logView) {
      this.onBegun(cast, event.view);
      return;
    }
    if (slot === cast.third || slot === cast.witness)
      cluster.network.setCut(cast.second, slot, true);
  }

  /**
   * The late one must hear of the third view before it commits: what is known to be committed is
   * acknowledged no more.
   */
  private onBegun({ primary, third, witness, late, second }: Cast, view: number): void {
    if (this.above === null || view <= this.above) return;
    this.above = null;
    this.join([[primary, third, witness, late], [second]]);
  }

  private state(slot: number): ReplicaSnapshot | null {
    return this.cluster.replica(slot).snapshot();
  }

  /** Who is in one group hears the others of it, and nobody else. */
  private join(groups: readonly (readonly number[])[]): void {
    const groupOf = (slot: number): number => groups.findIndex((group) => group.includes(slot));
    for (let from = 0; from < REPLICAS; from += 1) {
      for (let to = 0; to < REPLICAS; to += 1) {
        if (from === to) continue;
        this.cluster.network.setCut(from, to, groupOf(from) !== groupOf(to));
      }
    }
  }

  private release(): void {
    const { cast, cluster } = this;
    this.cast = null;
    this.above = null;
    this.join([[0, 1, 2, 3, 4]]);
    if (cast !== null) cluster.storage(cast.late).hang([]);
  }
}
