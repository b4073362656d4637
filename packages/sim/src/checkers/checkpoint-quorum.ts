import type { ClusterConfig, TraceEvent } from '@kimberlite/vsr';
import { replicationQuorum } from '../cluster/quorums.ts';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/**
 * What the log may let go. No op above C + D is committed before a replication quorum holds
 * checkpoint C, and no replica takes over a checkpoint that fewer hold: the slots of the ops below
 * it are used again, and if the only holder's disk died, those ops would be nowhere.
 */
export class CheckpointQuorum {
  private readonly interval: number;
  private readonly disks: readonly Pick<DiskEvidence, 'superblock'>[];
  /** By slot: the newest checkpoint that it ever had on its disk. */
  private readonly newest: number[];
  /** By slot: the checkpoint that it began to take over and has not finished; else none. */
  private readonly unfinished: Map<number, number> = new Map();

  constructor(config: ClusterConfig, disks: readonly Pick<DiskEvidence, 'superblock'>[]) {
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
    this.raise(slot, superblock.checkpoint.op);
  }

  onTrace(slot: number, event: TraceEvent): void {
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

  /** The history grew by this op. */
  onHistory({ op }: Pick<HistoryEntry, 'op'>): void {
    const below = op - 1 - this.interval / 2;
    if (below < this.interval) return;
    this.demand(below - (below % this.interval), () => `op ${op} is committed above`);
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
