import { type BatchEntry, readBatch, type TraceEvent } from '@kimberlite/vsr';
import { check } from './violation.ts';

export type CommittedEvent = Extract<TraceEvent, { readonly kind: 'committed' }>;

/** One op as the first replica committed it. */
export interface HistoryEntry {
  readonly op: number;
  readonly checksum: bigint;
  readonly timestamp: number;
  readonly requests: readonly BatchEntry[];
  /** The first replica that committed it. */
  readonly slot: number;
}

interface ReplicaCommits {
  /** The newest op it committed; null when it may begin anywhere (start, state transfer). */
  last: number | null;
}

/**
 * The one history: every commit of any replica, in any life of it, must be the op that is there
 * already, or the next one, chained to the last. Op 0 is the root and is not committed.
 */
export class OneHistory {
  private readonly entries: HistoryEntry[];
  private readonly replicas: ReplicaCommits[];
  /** Parents of prepares seen on the way, by checksum. */
  private readonly parents: Map<bigint, bigint>;
  private rootChecksum: bigint | null;

  constructor(replicaCount: number) {
    this.entries = [];
    this.replicas = Array.from({ length: replicaCount }, () => ({ last: null }));
    this.parents = new Map();
    this.rootChecksum = null;
  }

  /** The newest op that anybody committed. */
  get head(): number {
    return this.entries.length;
  }

  at(op: number): HistoryEntry | null {
    return this.entries[op - 1] ?? null;
  }

  /** A prepare was seen between replicas or on a disk. */
  observePrepare(checksum: bigint, parent: bigint): void {
    this.parents.set(checksum, parent);
  }

  /** The replica begins anew: its next commit may be anywhere in the history, or continue it. */
  onRestart(slot: number): void {
    const replica = this.replicas[slot];
    if (replica !== undefined) replica.last = null;
  }

  /** State transfer: it goes on after this op, which must be history. */
  onSynced(slot: number, op: number): void {
    check('one_history', op <= this.head, () => `replica ${slot} took the state of op ${op}`);
    const replica = this.replicas[slot];
    if (replica !== undefined) replica.last = op;
  }

  /** Takes a commit; returns the entry when it is new to the history, else null. */
  onCommitted(slot: number, event: CommittedEvent): HistoryEntry | null {
    const replica = this.replicas[slot];
    check('one_history', replica !== undefined, () => `replica ${slot} is unknown`);
    const { last } = replica;
    check(
      'one_history',
      last === null || event.op === last + 1,
      () => `replica ${slot} commits op ${event.op} after op ${last}`,
    );
    check(
      'one_history',
      event.op >= 1 && event.op <= this.head + 1,
      () => `replica ${slot} commits op ${event.op} where the history ends at ${this.head}`,
    );
    replica.last = event.op;
    const known = this.at(event.op);
    if (known !== null) {
      check(
        'one_history',
        known.checksum === event.checksum,
        () => `replica ${slot} commits another op ${event.op} than replica ${known.slot} did`,
      );
      return null;
    }
    return this.append(slot, event);
  }

  private append(slot: number, event: CommittedEvent): HistoryEntry {
    const previous = this.at(event.op - 1);
    const parent = this.parents.get(event.checksum);
    check('one_history', parent !== undefined, () => `op ${event.op} was never seen as a prepare`);
    if (event.op === 1) this.rootChecksum = parent;
    const expected = previous === null ? this.rootChecksum : previous.checksum;
    check('one_history', parent === expected, () => `op ${event.op} is not chained to the history`);
    check(
      'timestamps',
      previous === null ||
        event.timestamp >= previous.timestamp + Math.max(1, previous.requests.length),
      () => `op ${event.op} is not later than the last request of the op before`,
    );
    const requests = readBatch(event.body.slice(), event.count);
    check('one_history', requests !== null, () => `op ${event.op} is no batch of requests`);
    const { op, checksum, timestamp } = event;
    const entry: HistoryEntry = { op, checksum, timestamp, requests, slot };
    this.entries.push(entry);
    return entry;
  }
}
