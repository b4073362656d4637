import type { Prng, ReplicaSnapshot } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import type { Packet } from '../network/network.ts';
import { isAtRest, type Play, pause, until } from './play.ts';

/** Ticks for which all is well before the next round. */
const REST_TICKS = 20;
/** Ticks that pings and confirmations to the primary are late by. */
const LATE_TICKS_MIN = 10;
const LATE_TICKS_MAX = 50;
/** Ticks after which a round is given up, and the links are made whole. */
const ROUND_TICKS_MAX = 150;

/** Who is left alone, in which view, and what reaches it late. */
interface Left {
  readonly primary: number;
  readonly view: number;
  readonly lateTicks: number;
  readonly late: { readonly packet: Packet; readonly due: number }[];
  /** The others are about to leave: from now on next to nothing passes. */
  cut: boolean;
}

/**
 * A primary that the others have left leads on, in its own eyes, and is asked (rule
 * read-confirmed), in one play that is given again and again. First its peers' pings and
 * confirmations reach it late, and all else in time. Then nothing else passes but its questions
 * whether its view stands and the answers to these, and the others, who take it for dead, go on
 * without it. It hears of them still, and nothing of their view: what it hears is older than the
 * queries that it is asked now, or from who has gone on. None of it may confirm them.
 */
export class UnawarePrimaries {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  /** Null where it is switched off. */
  private readonly play: Play | null;
  private left: Left | null;
  private ticks: number;

  constructor(cluster: Cluster, prng: Prng, on: boolean) {
    this.cluster = cluster;
    this.prng = prng;
    this.play = on ? this.rounds() : null;
    this.left = null;
    this.ticks = 0;
  }

  /** Once a tick while faults are on. */
  tick(): void {
    if (this.play === null) return;
    this.ticks += 1;
    this.deliverLate();
    this.play.next();
  }

  /** From now on all links are whole. */
  end(): void {
    if (this.play !== null) this.release();
  }

  private *rounds(): Play {
    for (;;) {
      while (!isAtRest(this.cluster)) yield;
      yield* pause(REST_TICKS);
      const primary = this.cluster.snapshots().find(({ isPrimary }) => isPrimary);
      if (primary !== undefined && this.cluster.faults.allow('partition', primary.slot)) {
        yield* this.round(primary);
      }
      this.release();
      yield;
    }
  }

  private *round({ slot: primary, view }: ReplicaSnapshot): Play {
    const { cluster } = this;
    const lateTicks = this.prng.between(LATE_TICKS_MIN, LATE_TICKS_MAX);
    const left: Left = { primary, view, lateTicks, late: [], cut: false };
    this.left = left;
    cluster.network.filter = (packet) => (this.passes(left, packet) ? 'deliver' : 'drop');
    yield* pause(lateTicks);
    left.cut = true;
    for (const { slot } of cluster.replicas) {
      if (slot !== primary) cluster.replica(slot).peerRefused(primary);
    }
    if (!(yield* until(ROUND_TICKS_MAX, () => this.isOvertaken(left)))) return;
    cluster.totals.unawarePrimaries += 1;
    yield* until(ROUND_TICKS_MAX, () => !this.leads(left));
  }

  /** Packets of clients pass always: they find out by themselves who leads. */
  private passes(left: Left, packet: Packet): boolean {
    const { from, to, command } = packet;
    const { replicaCount } = this.cluster.options;
    if (from >= replicaCount || to >= replicaCount) return true;
    if (from === left.primary) return !left.cut || command === 'confirmView';
    if (to !== left.primary) return true;
    if (command !== 'ping' && command !== 'viewConfirmed') return !left.cut;
    if (!this.follows(from, left)) return command === 'viewConfirmed';
    left.late.push({ packet, due: this.ticks + left.lateTicks });
    return false;
  }

  private deliverLate(): void {
    const { left, cluster } = this;
    if (left === null) return;
    const { filter } = cluster.network;
    cluster.network.filter = null;
    while ((left.late[0]?.due ?? Number.POSITIVE_INFINITY) <= this.ticks) {
      const first = left.late.shift();
      if (first !== undefined) cluster.network.sendPacket(first.packet);
    }
    cluster.network.filter = filter;
  }

  /** It has queries to answer, and somebody has executed more than it knows of. */
  private isOvertaken(left: Left): boolean {
    const own = this.leads(left) ? this.state(left.primary) : null;
    if (own === null || own.queries === 0) return false;
    return this.cluster.snapshots().some(({ isPrimary, view, commitMin }) => {
      return isPrimary && view > left.view && commitMin > own.commitMax;
    });
  }

  private leads({ primary, view }: Left): boolean {
    const state = this.state(primary);
    return state !== null && state.isPrimary && state.view === view;
  }

  private follows(slot: number, { view }: Left): boolean {
    const state = this.state(slot);
    return state !== null && state.status === 'normal' && state.view === view;
  }

  private state(slot: number): ReplicaSnapshot | null {
    return this.cluster.replica(slot).snapshot();
  }

  private release(): void {
    this.left = null;
    this.cluster.network.filter = null;
  }
}
