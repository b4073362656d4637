import type { ClusterConfig, TraceEvent } from '@kimberlite/vsr';
import { Violation } from '../checkers/violation.ts';
import type { ByzantineOptions } from './mutation.ts';

/** A lie that was believed: what a checker said, and when. */
interface Belief {
  readonly message: string;
  readonly micros: number;
  /** Checkpoints of the cluster until then. */
  readonly checkpoints: number;
}

/** Reasons to stop that a lie can give: logs that diverged, a file that is not the member's. */
const BY_LIES: ReadonlySet<string> = new Set(['diverged', 'other_incarnation', 'rolled_back']);

/** A lie that was believed must be found within this time, or two checkpoints if later. */
const FOUND_MICROS_MAX = 10_000_000;
const FOUND_CHECKPOINTS_MAX = 2;

/**
 * What lies came to in a run. Where VSR cannot be safe against the liar, the first broken promise
 * is the lie taking hold, and from then on the checkers have nothing to say: what remains to be
 * seen is that an honest replica finds out and stops, and that nobody gives up what it itself has
 * committed.
 */
export class Exposure {
  readonly options: ByzantineOptions;
  /** Null while every promise is kept. */
  belief: Belief | null;
  /** The replica that found that logs diverged, and stopped. */
  stopped: number | null;
  /** Why it did. */
  reason: string | null;
  /** Logs in do_view_changes that honest replicas refused because another contradicts them. */
  conflicts: number;
  private readonly interval: number;
  /** The highest op of a durable checkpoint anywhere, in checkpoints. */
  private checkpoints: number;
  /** By slot: what it committed, over its lives. */
  private readonly committed: Map<number, bigint>[];

  constructor(
    options: ByzantineOptions,
    { replicaCount, config }: { readonly replicaCount: number; readonly config: ClusterConfig },
  ) {
    this.options = options;
    this.interval = config.checkpointInterval;
    this.belief = null;
    this.stopped = null;
    this.reason = null;
    this.conflicts = 0;
    this.checkpoints = 0;
    this.committed = Array.from({ length: replicaCount }, () => new Map<number, bigint>());
  }

  /** Lets a checker look, as long as no lie has taken hold. */
  judge(micros: number, look: () => void): void {
    if (this.belief !== null) return;
    try {
      look();
    } catch (error) {
      if (!(error instanceof Violation) || this.options.expects === 'promises_kept') throw error;
      this.belief = { message: error.message, micros, checkpoints: this.checkpoints };
    }
  }

  /** A lie was believed so long ago that somebody must have found out. */
  isOverdue(micros: number): boolean {
    const { belief } = this;
    if (belief === null) return false;
    const late = micros - belief.micros > FOUND_MICROS_MAX;
    return late && this.checkpoints - belief.checkpoints > FOUND_CHECKPOINTS_MAX;
  }

  /** Takes what a replica tells of itself; true when it is an honest one that refused a lie. */
  onTrace(slot: number, event: TraceEvent): boolean {
    switch (event.kind) {
      case 'committed':
        this.onCommitted(slot, event.op, event.checksum);
        return false;
      case 'checkpoint_durable':
        this.checkpoints = Math.max(this.checkpoints, Math.floor(event.op / this.interval));
        return false;
      case 'dropped':
        if (event.reason === 'log_conflict') this.conflicts += 1;
        return slot !== this.options.liar && this.options.rejections.includes(event.reason);
      default:
        return false;
    }
  }

  /** A replica ends itself; true when a lie can be the reason. */
  onFatal(slot: number, reason: string): boolean {
    if (!BY_LIES.has(reason)) return false;
    // Of all that stop, one that should not have is what the run is about.
    if (this.stopped === null || this.stopped === this.options.liar) {
      this.stopped = slot;
      this.reason = reason;
    }
    return true;
  }

  /** Nothing that happens from here on can change what is said of this run. */
  get settled(): boolean {
    if (this.stopped === null) return false;
    return this.options.expects !== 'liar_stops' || this.stopped !== this.options.liar;
  }

  /** Two honest replicas that committed different ops at one place; null when there are none. */
  disagreement(): string | null {
    const { liar } = this.options;
    const seen = new Map<number, { readonly slot: number; readonly checksum: bigint }>();
    for (const [slot, ops] of this.committed.entries()) {
      if (slot === liar) continue;
      for (const [op, checksum] of ops) {
        const known = seen.get(op);
        if (known === undefined) seen.set(op, { slot, checksum });
        else if (known.checksum !== checksum) {
          return `replicas ${known.slot} and ${slot} committed different ops ${op}`;
        }
      }
    }
    return null;
  }

  /** A replica must never commit another op where it has committed one, in whatever life. */
  private onCommitted(slot: number, op: number, checksum: bigint): void {
    const own = this.committed[slot];
    const before = own?.get(op);
    if (before !== undefined && before !== checksum) {
      throw new Violation('one_history', `replica ${slot} gives up op ${op}, which it committed`);
    }
    own?.set(op, checksum);
  }
}
