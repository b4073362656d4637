import type { Prng } from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { Network } from './network.ts';

/** All there are; bundles are checked against them. */
export const PARTITION_MODES = [
  /** Two sides, their sizes drawn. */
  'uniform_size',
  /** Two sides, each replica on either. */
  'uniform_partition',
  'isolate_one',
  /** Whoever leads now, alone. */
  'isolate_primary',
  /** Three sides or more. */
  'multi_group',
  /** Two replicas do not hear each other; all others hear both. */
  'single_link',
  /** Two sides, and one replica that hears both. */
  'bridge',
  /** Each replica hears its two neighbours alone. */
  'ring',
] as const;

/** How the nodes are divided. */
export type PartitionMode = (typeof PARTITION_MODES)[number];

/** Whether both directions are cut: always, never, or as drawn. */
export const PARTITION_SYMMETRIES = ['symmetric', 'one_way', 'mixed'] as const;

/** When partitions begin and end. Probabilities are per tick. */
export interface PartitionOptions {
  /** The modes to draw from; none switches partitions off. */
  readonly modes: readonly PartitionMode[];
  /** Both directions are cut, only one, or either as drawn. */
  readonly symmetry: (typeof PARTITION_SYMMETRIES)[number];
  readonly beginProbability: number;
  readonly healProbability: number;
  /** A partition, and the time without one, lasts at least this long. */
  readonly stableTicksMin: number;
}

/** No partitions. */
export const PARTITIONS_OFF: PartitionOptions = {
  modes: [],
  symmetry: 'symmetric',
  beginProbability: 0,
  healProbability: 1,
  stableTicksMin: 0,
};

/** Partitions that began, by kind. */
export interface PartitionCounts {
  uniform_size: number;
  uniform_partition: number;
  isolate_one: number;
  isolate_primary: number;
  multi_group: number;
  single_link: number;
  bridge: number;
  ring: number;
  symmetric: number;
  one_way: number;
}

export interface PartitionSetup {
  readonly network: Network;
  readonly prng: Prng;
  readonly options: PartitionOptions;
  readonly replicaCount: number;
  readonly nodeCount: number;
  /** Who leads now; null for nobody. */
  readonly primary: () => number | null;
  readonly faults: FaultGate | null;
  /** Told when all links are whole again. */
  readonly onHealed: () => void;
}

/**
 * Draws partitions over time. Replicas are divided by the mode; each client goes with one of the
 * first two sides or stays connected to all.
 */
export class PartitionFaults {
  readonly counts: PartitionCounts;
  private readonly network: Network;
  private readonly prng: Prng;
  private readonly options: PartitionOptions;
  private readonly replicaCount: number;
  private readonly nodeCount: number;
  private readonly primary: () => number | null;
  private readonly faults: FaultGate | null;
  private readonly onHealed: () => void;
  private divided: boolean;
  private ticksSinceChange: number;

  constructor(setup: PartitionSetup) {
    this.network = setup.network;
    this.prng = setup.prng;
    this.options = setup.options;
    this.replicaCount = setup.replicaCount;
    this.nodeCount = setup.nodeCount;
    this.primary = setup.primary;
    this.faults = setup.faults;
    this.onHealed = setup.onHealed;
    this.divided = false;
    this.ticksSinceChange = 0;
    this.counts = {
      uniform_size: 0,
      uniform_partition: 0,
      isolate_one: 0,
      isolate_primary: 0,
      multi_group: 0,
      single_link: 0,
      bridge: 0,
      ring: 0,
      symmetric: 0,
      one_way: 0,
    };
  }

  /** Once a tick while faults are on. */
  tick(): void {
    if (this.options.modes.length === 0) return;
    this.ticksSinceChange += 1;
    if (this.ticksSinceChange < this.options.stableTicksMin) return;
    const { beginProbability, healProbability } = this.options;
    if (!this.divided && this.prng.chance(beginProbability)) this.begin();
    else if (this.divided && this.prng.chance(healProbability)) this.heal();
  }

  /** Reconnects everybody. */
  heal(): void {
    this.divided = false;
    this.ticksSinceChange = 0;
    for (let from = 0; from < this.nodeCount; from += 1) {
      for (let to = 0; to < this.nodeCount; to += 1) {
        if (from !== to) this.network.setCut(from, to, false);
      }
    }
    this.onHealed();
  }

  private begin(): void {
    const mode = possible(this.prng.pick(this.options.modes), this.replicaCount);
    const primary = mode === 'isolate_primary' ? this.primary() : null;
    const sides = this.drawSides(mode, primary);
    const symmetric =
      this.options.symmetry === 'mixed'
        ? this.prng.chance(0.5)
        : this.options.symmetry === 'symmetric';
    this.divided = true;
    this.ticksSinceChange = 0;
    const [first, other] = [sideBits(sides, 0), sideBits(sides, 1)];
    if (this.faults?.allow('partition', first, other) === false) return;
    // Without a primary somebody else was cut off.
    const nobody = mode === 'isolate_primary' && primary === null;
    this.counts[nobody ? 'isolate_one' : mode] += 1;
    this.counts[symmetric ? 'symmetric' : 'one_way'] += 1;
    for (let from = 0; from < this.nodeCount; from += 1) {
      for (let to = 0; to < this.nodeCount; to += 1) {
        const source = sides[from] ?? null;
        const target = sides[to] ?? null;
        if (from === to || source === null || target === null || source === target) continue;
        if (mode === 'ring' && areNeighbours(source, target, this.replicaCount)) continue;
        // One way: what a side sends does not reach those of higher numbers.
        if (symmetric || source < target) this.network.setCut(from, to, true);
      }
    }
  }

  /** The side of each node, mostly 0 or 1; null for a client that stays connected to both. */
  private drawSides(mode: PartitionMode, primary: number | null): (number | null)[] {
    const replicas = Array.from({ length: this.replicaCount }, (_, slot) => slot);
    this.prng.shuffle(replicas);
    const sides: (number | null)[] = new Array<number | null>(this.nodeCount).fill(null);
    const flip = this.prng.below(2);
    const alone = mode === 'isolate_one' || mode === 'isolate_primary';
    const size = alone ? 1 : 1 + this.prng.below(Math.max(1, this.replicaCount - 1));
    if (primary !== null) {
      replicas.splice(replicas.indexOf(primary), 1);
      replicas.unshift(primary);
    }
    const groups = mode === 'multi_group' ? this.prng.between(3, 6) : 2;
    replicas.forEach((slot, place) => {
      const named = sideByPlace(mode, place, { groups, replicaCount: this.replicaCount });
      if (named !== undefined) {
        sides[slot] = named;
        return;
      }
      const side = mode === 'uniform_partition' ? this.prng.below(2) : place < size ? 0 : 1;
      sides[slot] = side ^ flip;
    });
    // All on one side is no partition: the last one changes over.
    const [last] = replicas.slice(-1);
    const whole =
      mode !== 'single_link' && replicas.every((slot) => sides[slot] === sides[replicas[0] ?? 0]);
    if (whole && last !== undefined && replicas.length > 1) sides[last] = (sides[last] ?? 0) ^ 1;
    for (let node = this.replicaCount; node < this.nodeCount; node += 1) {
      const side = this.prng.pick([0, 1, null]);
      sides[node] = BY_LINKS.has(mode) ? null : side;
    }
    return sides;
  }
}

/** Cuts between replicas that leave clients alone. */
const BY_LINKS: ReadonlySet<PartitionMode> = new Set(['single_link', 'bridge', 'ring']);

/** The mode, or the nearest that so few replicas can have. */
function possible(mode: PartitionMode, replicaCount: number): PartitionMode {
  if (mode === 'ring' && replicaCount < 4) return possible('single_link', replicaCount);
  if (mode === 'bridge' && replicaCount < 3) return possible('single_link', replicaCount);
  return mode === 'single_link' && replicaCount < 2 ? 'isolate_one' : mode;
}

/** The side of the replica at this place of a drawn order; undefined where two sides are drawn. */
function sideByPlace(
  mode: PartitionMode,
  place: number,
  { groups, replicaCount }: { readonly groups: number; readonly replicaCount: number },
): number | null | undefined {
  switch (mode) {
    case 'multi_group':
      return place % groups;
    case 'single_link':
      return place < 2 ? place : null;
    case 'bridge':
      // The last of the order stands between the two.
      return place === replicaCount - 1 ? null : place % 2;
    case 'ring':
      return place;
    default:
      return undefined;
  }
}

function areNeighbours(place: number, other: number, replicaCount: number): boolean {
  const distance = Math.abs(place - other);
  return distance === 1 || distance === replicaCount - 1;
}

/** The nodes of one side as a bit set. */
function sideBits(sides: readonly (number | null)[], side: number): number {
  return sides.reduce<number>((bits, at, node) => (at === side ? bits + 2 ** node : bits), 0);
}
