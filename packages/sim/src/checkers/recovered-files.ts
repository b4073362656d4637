import type { AnyMessage, TraceEvent } from '@kimberlite/vsr';
import { check } from './violation.ts';

/** The file that took the place of a lost one, as of an op. */
export interface RecoveredFile {
  readonly incarnation: bigint;
  readonly since: number;
}

interface Taking {
  readonly slot: number;
  readonly from: number;
  readonly incarnation: bigint;
}

/**
 * Who executed the op that names a new file in place of a lost one, or took over a state from after
 * it, deals with that file. One that refuses it all the same is missing wherever the two are needed
 * for a quorum, and may wait for that for ever.
 */
export class RecoveredFiles {
  private readonly files: Map<number, RecoveredFile>;
  /** By slot: the highest op that this life of the replica is known to have executed. */
  private readonly executed: number[];
  /** Of it, what the superblock that is being written knows, and the one that is durable. */
  private readonly pending: number[];
  private readonly durable: number[];
  /** The message that a replica is being given. */
  private taking: Taking | null;

  constructor(replicaCount: number) {
    this.files = new Map();
    this.executed = new Array<number>(replicaCount).fill(0);
    this.pending = new Array<number>(replicaCount).fill(0);
    this.durable = new Array<number>(replicaCount).fill(0);
    this.taking = null;
  }

  onDiskLost(slot: number): void {
    this.files.delete(slot);
  }

  onRecovered(slot: number, file: RecoveredFile): void {
    this.files.set(slot, file);
  }

  /** What a start knows it tells by what it executes: until then nothing is asked of it. */
  onStopped(slot: number): void {
    this.executed[slot] = 0;
    this.pending[slot] = 0;
    this.durable[slot] = 0;
  }

  /** A file counts when it is noted durably. A write that was under way may not know it yet. */
  private onDurable(slot: number): void {
    this.durable[slot] = this.pending[slot] ?? 0;
    this.pending[slot] = this.executed[slot] ?? 0;
  }

  onReceive(slot: number, { header }: AnyMessage): void {
    this.taking = { slot, from: header.replica, incarnation: header.incarnation };
  }

  onTaken(): void {
    this.taking = null;
  }

  onTrace(slot: number, event: TraceEvent): void {
    if (event.kind === 'committed' || event.kind === 'sync_finished') {
      this.executed[slot] = event.op;
    } else if (event.kind === 'view_durable') {
      this.onDurable(slot);
    }
    if (event.kind !== 'dropped' || event.reason !== 'other_incarnation') return;
    const { taking } = this;
    // What a paused process had kept is given to it later: of that nothing is known here.
    if (taking === null || taking.slot !== slot || taking.from !== event.from) return;
    const file = this.files.get(event.from);
    if (file === undefined || file.incarnation !== taking.incarnation) return;
    const durable = this.durable[slot] ?? 0;
    check(
      'recovered_files',
      durable < file.since,
      () =>
        `replica ${slot} executed op ${durable} and refuses the file of replica ${event.from}, ` +
        `which op ${file.since} names`,
    );
  }
}
