import { type AnyMessage, isCommand } from '@kimberlite/vsr';
import { replicationQuorum } from '../cluster/quorums.ts';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/** Slots of the primaries repeat with this period of views. */
const SLOTS = 16;

/**
 * An op commits on a replication quorum of *one* view (VRR §4.1): the primary's own copy, and the
 * prepare_ok messages of its view that it received. One of an older view proves that the replica
 * had the op, not that it still has it: between the two it may have taken a log without it, and
 * then it would count for nothing in the next view change. That enough disks once held the op is
 * not enough, therefore.
 */
export class AcknowledgedQuorum {
  private readonly disks: readonly Pick<DiskEvidence, 'wasDurable'>[];
  /** By checksum of a prepare: by view, the slots whose prepare_ok its primary got, as bits. */
  private readonly acks: Map<bigint, Map<number, number>>;

  constructor(disks: readonly Pick<DiskEvidence, 'wasDurable'>[]) {
    this.disks = disks;
    this.acks = new Map();
  }

  /** A message reaches a replica that runs. */
  onReceive(slot: number, message: AnyMessage): void {
    if (!isCommand(message, 'prepareOk') || message.header.durable !== 1) return;
    const { prepareChecksum, view, replica } = message.header;
    if (view % SLOTS !== slot) return;
    const views = this.acks.get(prepareChecksum) ?? new Map<number, number>();
    views.set(view, (views.get(view) ?? 0) | (1 << replica));
    this.acks.set(prepareChecksum, views);
  }

  /** The history grew by this op. */
  onHistory({ op, checksum }: Pick<HistoryEntry, 'op' | 'checksum'>): void {
    const quorum = replicationQuorum(this.disks.length);
    let most = this.disks.some((disk) => disk.wasDurable(checksum)) ? 1 : 0;
    for (const [view, slots] of this.acks.get(checksum) ?? []) {
      most = Math.max(most, this.votes(checksum, view, slots));
    }
    this.acks.delete(checksum);
    check(
      'acknowledged_quorum',
      most >= quorum,
      () => `op ${op} is committed with ${most} of ${quorum} votes of one view`,
    );
  }

  private votes(checksum: bigint, view: number, slots: number): number {
    const primary = view % SLOTS;
    const own = this.disks[primary]?.wasDurable(checksum) ?? false;
    const all = own ? slots | (1 << primary) : slots;
    return this.disks.filter((_, slot) => (all & (1 << slot)) !== 0).length;
  }
}
