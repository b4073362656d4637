import type { ClusterConfig, TraceEvent } from '@kimberlite/vsr';
import { Violation } from '../checkers/violation.ts';
import { type Answer, AnswersAfterLies } from './answers-after-lies.ts';
import { HeardLies } from './heard-lies.ts';
import type { ByzantineOptions } from './mutation.ts';

/** A time in a run. */
interface Moment {
  readonly micros: number;
  /** Checkpoints of the cluster until then. */
  readonly checkpoints: number;
}

/** Something that was seen, and when. */
interface Seen extends Moment {
  readonly message: string;
}

interface Held {
  readonly slot: number;
  readonly op: number;
  readonly value: bigint;
}

/** Reasons to stop that a lie can give: logs that diverged, a file that is not the member's. */
const BY_LIES: ReadonlySet<string> = new Set(['diverged', 'other_incarnation', 'rolled_back']);

/** A divergence must be found within this time, or two checkpoints if later. */
const FOUND_MICROS_MAX = 10_000_000;
const FOUND_CHECKPOINTS_MAX = 2;

/** Whether what honest replicas say to each other and commit must stay right, and none may stop. */
export function keepsPromises({ expects }: Pick<ByzantineOptions, 'expects'>): boolean {
  return expects === 'promises_kept' || expects === 'stale_answers';
}

/**
 * What lies came to in a run. Where VSR cannot be safe against the liar, the first broken promise
 * is the lie taking hold, and from then on the checkers have nothing to say. What was believed may
 * yet come true: an op that was called committed too early commits a little later, and nobody can
 * ever tell. But once two honest replicas have committed different ops at one place, or have
 * different states after one op, one of them must find out and stop, in time; and nobody may give
 * up what it itself has committed.
 */
export class Exposure {
  readonly options: ByzantineOptions;
  /** Lies on their arrival. */
  readonly heard: HeardLies;
  /** What clients were told once a lie was believed. */
  readonly answers: AnswersAfterLies;
  /** Null while every promise is kept. */
  belief: Seen | null;
  /** The first that two honest replicas hold differently; null while they agree. */
  divergence: Seen | null;
  /** The replica that found that logs diverged, and stopped. */
  stopped: number | null;
  /** When it did. */
  stoppedAt: Moment | null;
  /** Why it did. */
  reason: string | null;
  /** It did though no lie can have been behind it. */
  stoppedUnreached: boolean;
  /**
   * Replicas that stopped for what lies do, of which none was seen to do it: none had taken hold,
   * no logs had diverged, and it had been told no lie itself that it did not refuse.
   */
  stopsUnexplained: number;
  /** Peers said that the liar's file is not what it told them of it. */
  liarDenied: boolean;
  /** Answers to queries that a lie made less fresh than they owe to be. */
  staleAnswers: number;
  /** The core stands for good, as a scenario expects that it may. */
  standsStill: boolean;
  private readonly interval: number;
  /** The highest op of a durable checkpoint anywhere, in checkpoints. */
  private checkpoints: number;
  /** By slot: what it committed, over its lives. */
  private readonly committed: Map<number, bigint>[];
  /** By slot: the ops and the states that honest replicas still stand for. */
  private readonly ops: Map<number, bigint>[];
  private readonly states: Map<number, bigint>[];

  constructor(
    options: ByzantineOptions,
    { replicaCount, config }: { readonly replicaCount: number; readonly config: ClusterConfig },
  ) {
    this.options = options;
    this.heard = new HeardLies(options.liar, { stray: options.strayOp !== undefined });
    this.answers = new AnswersAfterLies();
    this.interval = config.checkpointInterval;
    this.belief = null;
    this.divergence = null;
    this.stopped = null;
    this.stoppedAt = null;
    this.reason = null;
    this.stoppedUnreached = false;
    this.stopsUnexplained = 0;
    this.liarDenied = false;
    this.staleAnswers = 0;
    this.standsStill = false;
    this.checkpoints = 0;
    const perSlot = (): Map<number, bigint>[] =>
      Array.from({ length: replicaCount }, () => new Map());
    this.committed = perSlot();
    this.ops = perSlot();
    this.states = perSlot();
  }

  /** Lets a checker look, as long as no lie has taken hold: none can before one has arrived. */
  judge(micros: number, look: () => void): void {
    if (this.belief !== null) return;
    try {
      look();
    } catch (error) {
      if (!(error instanceof Violation) || keepsPromises(this.options)) throw error;
      if (!this.heard.any) throw error;
      this.belief = { message: error.message, micros, checkpoints: this.checkpoints };
    }
  }

  /** A replica answers a query from before what it owes: true where that may be, after a lie. */
  onStaleAnswer(slot: number): boolean {
    if (this.options.expects !== 'stale_answers' || !this.heard.hasReached(slot)) return false;
    this.staleAnswers += 1;
    return true;
  }

  /** A client was answered. */
  onReplied(answer: Answer): void {
    if (this.belief !== null) this.answers.onReplied(answer);
  }

  /** Honest replicas diverged so long ago that one of them must have found out, and none has. */
  isOverdue(micros: number): boolean {
    return this.stopped === null && this.isLate({ micros, checkpoints: this.checkpoints });
  }

  /** Somebody stopped, but long after there was something to be found. */
  get stoppedLate(): boolean {
    return this.stoppedAt !== null && this.isLate(this.stoppedAt);
  }

  private isLate({ micros, checkpoints }: Moment): boolean {
    const { divergence } = this;
    if (divergence === null || micros - divergence.micros <= FOUND_MICROS_MAX) return false;
    return checkpoints - divergence.checkpoints > FOUND_CHECKPOINTS_MAX;
  }

  /** Takes what a replica tells of itself; true when it refused a lie that it was just told. */
  onTrace(slot: number, event: TraceEvent, micros: number): boolean {
    const { liar, rejections, signs = liar } = this.options;
    switch (event.kind) {
      case 'committed':
        this.onCommitted(slot, event, micros);
        if (slot !== liar) this.answers.onCommitted(slot, event);
        return false;
      case 'checkpoint_durable':
        this.checkpoints = Math.max(this.checkpoints, Math.floor(event.op / this.interval));
        this.hold(this.states, { slot, op: event.op, value: event.id }, micros);
        return false;
      case 'sync_finished':
        this.onStateReplaced(slot, event.op);
        return false;
      case 'dropped':
        if (event.from !== signs || !rejections.includes(event.reason)) return false;
        return this.heard.onRefused(slot);
      case 'denied':
        if (slot === liar) this.liarDenied = true;
        // A file that is noted by all is denied by nobody who speaks the truth.
        return event.peer === signs && this.heard.onRefused(slot);
      default:
        return false;
    }
  }

  /** A replica ends itself; true when a lie can be the reason. */
  onFatal(slot: number, reason: string, micros: number): boolean {
    if (!BY_LIES.has(reason)) return false;
    const seen = this.belief ?? this.divergence;
    if (seen === null && !this.heard.wasTold(slot)) this.stopsUnexplained += 1;
    // Of all that stop, one that should not have is what the run is about.
    if (this.stopped === null || this.stopped === this.options.liar) {
      this.stopped = slot;
      this.stoppedAt = { micros, checkpoints: this.checkpoints };
      this.reason = reason;
      this.stoppedUnreached = !this.heard.hasReached(slot);
    }
    return true;
  }

  /** Nothing that happens from here on can change what is said of this run. */
  get settled(): boolean {
    if (this.stopped === null) return false;
    return this.options.expects !== 'liar_stops' || this.stopped !== this.options.liar;
  }

  /** The run has shown what comes of a lie: somebody stopped, or should have. */
  isDecided(micros: number): boolean {
    return this.settled || this.isOverdue(micros);
  }

  /** An op that an honest replica committed, above the head that all have agreed on; or null. */
  forgotten(head: number): string | null {
    for (const [slot, ops] of this.ops.entries()) {
      for (const op of ops.keys()) {
        if (op > head) return `replica ${slot} committed op ${op}, and the log ends at ${head}`;
      }
    }
    return null;
  }

  /** A replica must never commit another op where it has committed one, in whatever life. */
  private onCommitted(
    slot: number,
    { op, checksum }: { readonly op: number; readonly checksum: bigint },
    micros: number,
  ): void {
    const own = this.committed[slot];
    const before = own?.get(op);
    if (before !== undefined && before !== checksum) {
      throw new Violation('one_history', `replica ${slot} gives up op ${op}, which it committed`);
    }
    own?.set(op, checksum);
    this.hold(this.ops, { slot, op, value: checksum }, micros);
  }

  /** What an honest replica holds, beside what others hold there. */
  private hold(held: readonly Map<number, bigint>[], one: Held, micros: number): void {
    if (one.slot === this.options.liar) return;
    held[one.slot]?.set(one.op, one.value);
    const message = this.difference(held, one.op);
    if (message === null || this.divergence !== null) return;
    this.divergence = { message, micros, checkpoints: this.checkpoints };
  }

  /** Two honest replicas that differ at an op; null when there are none. */
  private difference(held: readonly Map<number, bigint>[], op: number): string | null {
    let first: { readonly slot: number; readonly value: bigint } | null = null;
    for (const [slot, ops] of held.entries()) {
      const value = ops.get(op);
      if (value === undefined) continue;
      first ??= { slot, value };
      if (value === first.value) continue;
      const what = held === this.ops ? 'committed different ops' : 'differ after op';
      return `replicas ${first.slot} and ${slot} ${what} ${op}`;
    }
    return null;
  }

  /**
   * A replica that fell behind has taken over the state after `op`. It stands no more for what it
   * had committed below, and what it held differently is not to be found by anybody.
   */
  private onStateReplaced(slot: number, op: number): void {
    for (const held of [this.ops, this.states]) {
      const own = held[slot];
      for (const below of [...(own?.keys() ?? [])]) if (below <= op) own?.delete(below);
    }
    if (this.divergence === null) return;
    const differs = [this.ops, this.states].some((held) => {
      const seen = new Set(held.flatMap((each) => [...each.keys()]));
      return [...seen].some((each) => this.difference(held, each) !== null);
    });
    if (!differs) this.divergence = null;
  }
}
