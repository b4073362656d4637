import type { Prng } from '@kimberlite/vsr';
import { SECTOR_SIZE } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';

/** Which disks are full. Probabilities are per tick; where not all fill up at once, per replica. */
export interface FullDiskOptions {
  readonly fillProbability: number;
  readonly clearProbability: number;
  /** Disks that may be full at once. */
  readonly fullMax: number;
  /** All at once, and at the same block, as disks of one size are. */
  readonly together: boolean;
}

export const FULL_DISKS_OFF: FullDiskOptions = {
  fillProbability: 0,
  clearProbability: 1,
  fullMax: 0,
  together: false,
};

/** Blocks by which a disk that is said to be full may still grow. */
const BLOCKS_LEFT: readonly number[] = [0, 0, 1, 6];
/** Ticks for which requests may wait at a primary that has no room while others have. */
const WAIT_TICKS_MAX = 300;
/** Ticks within which all is well again when there is room. */
const CLEARING_TICKS = 300;

/**
 * Disks on which the data file can grow no more: blocks beyond its end wait until it can, while the
 * log and the superblock have had their space since format. Drawn once a tick while faults are on.
 */
export class FullDisks {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  private readonly options: FullDiskOptions;
  private readonly full: Set<number>;
  /** Of those, the ones that the run goes without. */
  private readonly heldBack: Set<number>;
  /** By slot: ticks for which requests have waited at it, without room and leading. */
  private readonly waits: Map<number, number>;
  /** Ticks since some disk was full. */
  private ticksWithRoom: number;
  /** As of the last tick. */
  private refusals: number;
  private queries: number;

  constructor(cluster: Cluster, prng: Prng, options: FullDiskOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.options = options;
    this.full = new Set();
    this.heldBack = new Set();
    this.waits = new Map();
    this.ticksWithRoom = 0;
    this.refusals = 0;
    this.queries = 0;
  }

  tick(): void {
    const { options } = this;
    if (options.fillProbability === 0) return;
    this.watch();
    const slots = this.cluster.replicas.map(({ slot }) => slot);
    const groups = options.together ? [slots] : slots.map((slot) => [slot]);
    for (const group of groups) {
      const fills = this.prng.chance(options.fillProbability);
      const clears = this.prng.chance(options.clearProbability);
      const left = this.prng.pick(BLOCKS_LEFT);
      const isFull = group.some((slot) => this.full.has(slot));
      if (isFull && clears) for (const slot of group) this.clear(slot);
      const begins = fills && !isFull && this.full.size < options.fullMax;
      if (begins) this.fill(group, left);
      else if (fills) for (const _ of group) this.cluster.faults.skip('full_disk');
    }
  }

  /** Every disk has room. */
  end(): void {
    for (const slot of [...this.full]) this.clear(slot);
  }

  private fill(slots: readonly number[], blocksLeft: number): void {
    const { cluster } = this;
    const perBlock = cluster.options.config.blockSize / SECTOR_SIZE;
    const grown = Math.max(...slots.map((slot) => cluster.storage(slot).room.size));
    const limit = grown + blocksLeft * perBlock;
    for (const slot of slots) {
      this.full.add(slot);
      // One that is held back lasts as long as it would have, and does nothing.
      if (!cluster.faults.allow('full_disk', slot)) {
        this.heldBack.add(slot);
        continue;
      }
      cluster.totals.fullDisks += 1;
      cluster.log(() => `the disk of replica ${slot} is full`);
      cluster.storage(slot).room.setLimit(limit);
    }
  }

  private clear(slot: number): void {
    const { cluster } = this;
    this.full.delete(slot);
    if (this.heldBack.delete(slot)) return;
    cluster.log(() => `the disk of replica ${slot} has room`);
    cluster.storage(slot).room.setLimit(null);
  }

  private watch(): void {
    const { cluster } = this;
    const { totals } = cluster;
    const isWanting = cluster.storages.some(({ room }) => room.isWanting);
    this.ticksWithRoom = this.full.size > 0 ? 0 : this.ticksWithRoom + 1;
    const queries = cluster.clients.reduce((sum, client) => sum + client.queriesAnswered, 0);
    if (isWanting) {
      totals.refusalsWithoutRoom += totals.busyRefusals - this.refusals;
      totals.queriesWithoutRoom += queries - this.queries;
    }
    if (this.ticksWithRoom > CLEARING_TICKS) {
      totals.refusalsWithRoom += totals.busyRefusals - this.refusals;
    }
    this.refusals = totals.busyRefusals;
    this.queries = queries;
    if (!this.options.together) for (const slot of this.full) this.watchPrimary(slot);
  }

  /** A primary that alone has no room must give way before requests have waited for too long. */
  private watchPrimary(slot: number): void {
    const { cluster, waits } = this;
    const state = cluster.replica(slot).snapshot();
    const waiting = state !== null && state.isPrimary && state.queueLength > 0;
    const ticks = waiting && cluster.storage(slot).room.isWanting ? (waits.get(slot) ?? 0) + 1 : 0;
    waits.set(slot, ticks);
    if (ticks === WAIT_TICKS_MAX) cluster.totals.fullDiskPrimaries += 1;
  }
}
