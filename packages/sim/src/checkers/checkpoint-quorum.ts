import type { ClusterConfig, TraceEvent } from '@kimberlite/vsr';
import { replicationQuorum } from '../cluster/quorums.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/** What a disk's superblock says of its checkpoint; a text where it cannot be read. */
interface Superblock {
  superblock(): { readonly checkpoint: { readonly op: number } } | string;
}

/**
 * What the log may let go. No op above C + D is committed before a replication quorum holds
 * checkpoint C, and no replica takes over a checkpoint that fewer hold: the slots of the ops below
 * it are used again, and if the only holder's disk died, those ops would be nowhere. For the same
 * reason no replica acknowledges an op above C + D on a C that it is still fetching.
 */
export class CheckpointQuorum {
  private readonly interval: number;
  private readonly disks: readonly Superblock[];
  /** By slot: the newest checkpoint that it ever had on its disk. */
  private readonly newest: number[];
  /** By slot: the checkpoint that it began to take over and has not finished; else none. */
  private readonly unfinished: Map<number, number> = new Map();

  constructor(config: ClusterConfig, disks: readonly Superblock[]) {
    this.interval = config.checkpointInterval;
    this.disks = disks;
    this.newest = disks.map(() => 0);
  }

  /** The replica is about to start: a crash may have hidden that its last write was whole. */
  onStarting(slot: number): void {
    const superblock = this.disks[slot]?.superblock() ?? 'not_found';
    if (typeof superblock === 'string') return;
    // What it names may not all be there yet, whatever it says itself.
    if (superblock.checkpoint.op === this.unfinished.get(slot)) return;
    // The transfer had not yet got as far as the disk: it is forgotten.
    this.unfinished.delete(slot);
    this.raise(slot, superblock.checkpoint.op);
  }

  onTrace(slot: number, event: TraceEvent): void {
    if (event.kind === 'acknowledged') this.onAcknowledged(slot, event.op);
    if (event.kind === 'checkpoint_durable') this.raise(slot, event.op);
    if (event.kind === 'sync_finished') {
      this.unfinished.delete(slot);
      this.raise(slot, event.op);
    }
    if (event.kind === 'sync_started') {
      this.unfinished.set(slot, event.target);
      this.demand(event.target, () => `replica ${slot} takes over`);
    }
  }

  /** The replica's disk is another now: what the last one was fetching is not what this one is. */
  onDiskLost(slot: number): void {
    this.unfinished.delete(slot);
  }

  /** The history grew by this op. */
  onHistory({ op }: Pick<HistoryEntry, 'op'>): void {
    const required = this.requiredFor(op);
    if (required > 0) this.demand(required, () => `op ${op} is committed above`);
  }

  private onAcknowledged(slot: number, op: number): void {
    const required = this.requiredFor(op);
    check(
      'checkpoint_quorum',
      required === 0 || this.unfinished.get(slot) !== required,
      () => `replica ${slot} acknowledges op ${op} above checkpoint ${required}, which it fetches`,
    );
  }

  /** The newest checkpoint C with C + D below the op; 0 for none. */
  private requiredFor(op: number): number {
    const below = op - 1 - this.interval / 2;
    return below < this.interval ? 0 : below - (below % this.interval);
  }

  private raise(slot: number, op: number): void {
    this.newest[slot] = Math.max(this.newest[slot] ?? 0, op);
  }

  private demand(checkpoint: number, what: () => string): void {
    const holders = this.newest.filter((op) => op >= checkpoint).length;
    const quorum = replicationQuorum(this.disks.length);
    check(
      'checkpoint_quorum',
      holders >= quorum,
      () => `${what()} checkpoint ${checkpoint}, which ${holders} of ${quorum} replicas hold`,
    );
  }
}
