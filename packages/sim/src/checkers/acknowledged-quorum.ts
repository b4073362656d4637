import { type AnyMessage, decodeRecovery, isCommand, OPERATION_RECOVER } from '@kimberlite/vsr';
import { replicationQuorum } from '../cluster/quorums.ts';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/** Slots of the primaries repeat with this period of views. */
const SLOTS = 16;

type Entry = Pick<HistoryEntry, 'op' | 'checksum' | 'requests'>;

/** An acknowledgement, by the file that it came from. */
interface Ack {
  readonly view: number;
  readonly slot: number;
  readonly incarnation: bigint;
}

/**
 * An op commits on a replication quorum of *one* view (VRR §4.1): the primary's own copy, and the
 * prepare_ok messages of its view that it received. One of an older view proves that the replica
 * had the op, not that it still has it: between the two it may have taken a log without it, and
 * then it would count for nothing in the next view change. That enough disks once held the op is
 * not enough, therefore.
 *
 * From the op on that names a file in place of a lost one, that op included, the lost one's
 * acknowledgements prove nothing (rule recover-by-op): it may be gone again the next moment.
 */
export class AcknowledgedQuorum {
  private readonly disks: readonly Pick<DiskEvidence, 'wasDurable'>[];
  /** By checksum of a prepare: what its primaries got. */
  private readonly acks: Map<bigint, Ack[]>;
  /** By slot: the file whose acknowledgements count. */
  private readonly replaced: Map<number, { readonly since: number; readonly incarnation: bigint }>;
  /** The newest op of the history, and its acknowledgements. */
  private newest: { readonly entry: Entry; readonly acks: readonly Ack[] } | null;

  constructor(disks: readonly Pick<DiskEvidence, 'wasDurable'>[]) {
    this.disks = disks;
    this.acks = new Map();
    this.replaced = new Map();
    this.newest = null;
  }

  /** A message reaches a replica that runs. */
  onReceive(slot: number, message: AnyMessage): void {
    if (!isCommand(message, 'prepareOk') || message.header.durable !== 1) return;
    const { prepareChecksum, view, replica, incarnation } = message.header;
    if (view % SLOTS !== slot) return;
    const acks = this.acks.get(prepareChecksum) ?? [];
    const same = (ack: Ack): boolean =>
      ack.view === view && ack.slot === replica && ack.incarnation === incarnation;
    if (acks.some(same)) return;
    acks.push({ view, slot: replica, incarnation });
    this.acks.set(prepareChecksum, acks);
  }

  /** The history grew by this op. */
  onHistory(entry: Entry): void {
    const acks = this.acks.get(entry.checksum) ?? [];
    this.acks.delete(entry.checksum);
    this.newest = { entry, acks };
    this.judge(entry, acks);
  }

  /** In executing an op a replica took the file that it names for that of a member. */
  onRecovered({ peer, op }: { readonly peer: number; readonly op: number }): void {
    const { newest } = this;
    // Who comes later, or knows it from a checkpoint, tells nothing new.
    if (newest === null || newest.entry.op !== op) return;
    const incarnation = incarnationNamed(newest.entry, peer);
    if (incarnation === null || this.replaced.get(peer)?.since === op) return;
    this.replaced.set(peer, { since: op, incarnation });
    this.judge(newest.entry, newest.acks);
  }

  private judge({ op, checksum }: Entry, acks: readonly Ack[]): void {
    const quorum = replicationQuorum(this.disks.length);
    let most = this.disks.some((disk) => disk.wasDurable(checksum)) ? 1 : 0;
    for (const { view } of acks) most = Math.max(most, this.votes(checksum, view, acks));
    check(
      'acknowledged_quorum',
      most >= quorum,
      () => `op ${op} is committed with ${most} of ${quorum} votes of one view`,
    );
  }

  private votes(checksum: bigint, view: number, acks: readonly Ack[]): number {
    const slots = new Set<number>();
    for (const ack of acks) if (ack.view === view && this.isMember(ack)) slots.add(ack.slot);
    const primary = view % SLOTS;
    if (this.disks[primary]?.wasDurable(checksum) === true) slots.add(primary);
    return this.disks.filter((_, slot) => slots.has(slot)).length;
  }

  private isMember({ slot, incarnation }: Ack): boolean {
    const file = this.replaced.get(slot);
    return file === undefined || file.incarnation === incarnation;
  }
}

/** The file that the op names for this slot; null when it names none. */
function incarnationNamed({ requests }: Entry, slot: number): bigint | null {
  for (const { operation, body } of requests) {
    const recovery = operation === OPERATION_RECOVER ? decodeRecovery(body) : null;
    if (recovery?.slot === slot) return recovery.incarnation;
  }
  return null;
}
