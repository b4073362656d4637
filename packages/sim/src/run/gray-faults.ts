import type { Prng } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import { NODE_HEALTHY, type NodeHealth } from '../network/node-health.ts';

/** Ways to be half broken: others see a process that lives, and it does not do its work. */
export const GRAY_KINDS = [
  /** Links and disk are 2 to 11 times slower. */
  'slow',
  /** Only the disk is, 3 to 12 times. */
  'slow_disk',
  /** 10 to 59 % of what it sends and is sent is lost. */
  'intermittent',
  /** Sends and hears nothing. */
  'send_only',
  /** Hears and what it sends is lost. */
  'receive_only',
  /** The event loop hangs while the sockets stay open: all comes at once afterwards. */
  'frozen',
] as const;

export type GrayKind = (typeof GRAY_KINDS)[number];

/** Which gray failures befall replicas. Probabilities are per replica and tick. */
export interface GrayOptions {
  /** The kinds to draw from; none switches them off. */
  readonly kinds: readonly GrayKind[];
  readonly enterProbability: number;
  readonly leaveProbability: number;
  /** Replicas that may be ill at once. */
  readonly illMax: number;
}

export const GRAY_OFF: GrayOptions = {
  kinds: [],
  enterProbability: 0,
  leaveProbability: 1,
  illMax: 0,
};

/** Draws gray failures, once a tick while faults are on. */
export class GrayFaults {
  readonly counts: Record<GrayKind, number>;
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  private readonly options: GrayOptions;
  /** By slot; null for a healthy one. */
  private readonly ill: (GrayKind | null)[];
  /** By slot: the run goes without this illness. */
  private readonly heldBack: boolean[];

  constructor(cluster: Cluster, prng: Prng, options: GrayOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.options = options;
    this.ill = cluster.replicas.map(() => null);
    this.heldBack = cluster.replicas.map(() => false);
    this.counts = {
      slow: 0,
      slow_disk: 0,
      intermittent: 0,
      send_only: 0,
      receive_only: 0,
      frozen: 0,
    };
  }

  tick(): void {
    const { kinds, enterProbability, leaveProbability, illMax } = this.options;
    if (kinds.length === 0) return;
    for (const { slot } of this.cluster.replicas) {
      const kind = this.ill[slot] ?? null;
      if (kind !== null) {
        if (this.prng.chance(leaveProbability)) this.leave(slot, kind);
        continue;
      }
      if (!this.prng.chance(enterProbability)) continue;
      const drawn = this.prng.pick(kinds);
      const strength = this.prng.below(10);
      if (this.ill.filter((each) => each !== null).length >= illMax) continue;
      this.ill[slot] = drawn;
      // One that is held back lasts as long as it would have, and does nothing: so it moves no
      // later one.
      const real = this.cluster.faults.allow('gray', slot, GRAY_KINDS.indexOf(drawn));
      this.heldBack[slot] = !real;
      if (real) this.enter(slot, drawn, strength);
    }
  }

  /** Everybody is well again. */
  healAll(): void {
    this.ill.forEach((kind, slot) => {
      if (kind !== null) this.leave(slot, kind);
    });
  }

  private enter(slot: number, kind: GrayKind, strength: number): void {
    const { cluster } = this;
    this.counts[kind] += 1;
    cluster.log(() => `replica ${slot} falls ill: ${kind}`);
    if (kind === 'frozen') {
      cluster.replica(slot).pause();
      return;
    }
    if (kind === 'slow_disk') {
      cluster.storage(slot).setSlowdown(3 + strength);
      return;
    }
    cluster.network.health.set(slot, healthOf(kind, strength));
    if (kind === 'slow') cluster.storage(slot).setSlowdown(2 + strength);
  }

  private leave(slot: number, kind: GrayKind): void {
    const { cluster } = this;
    this.ill[slot] = null;
    if (this.heldBack[slot] === true) return;
    cluster.log(() => `replica ${slot} is well again`);
    if (kind === 'frozen') cluster.replica(slot).unpause();
    cluster.network.health.set(slot, NODE_HEALTHY);
    cluster.storage(slot).setSlowdown(1);
  }
}

function healthOf(kind: Exclude<GrayKind, 'frozen' | 'slow_disk'>, strength: number): NodeHealth {
  switch (kind) {
    case 'slow':
      return { ...NODE_HEALTHY, delayFactor: 2 + strength };
    case 'intermittent':
      return { ...NODE_HEALTHY, lossProbability: 0.1 + strength * 0.05 };
    case 'send_only':
      return { ...NODE_HEALTHY, deaf: true };
    case 'receive_only':
      return { ...NODE_HEALTHY, muted: true };
  }
}
