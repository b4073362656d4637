import { assert, type ChecksumFunction, unreachable } from '@kimberlite/store';
import { OPERATION_USER_MIN } from '../message/batch.ts';
import {
  NO_REPLICA,
  READ_LEVELS,
  REFUSAL_REASONS,
  type ReadLevel,
  type RefusalReason,
  reasonName,
} from '../message/layout.ts';
import { type AnyMessage, encodeMessage, isCommand, type Message } from '../message/message.ts';
import { type Checksum, type ClientId, Op, opMax, View } from '../std/numbers.ts';
import { PrimaryGuess } from './primary-guess.ts';
import { type RetryOptions, RetryPause } from './retry-pause.ts';

/** What a query session asks of whoever drives it. `id` is what `ask` returned. */
export type QueryEffect =
  | { readonly kind: 'send'; readonly replica: number; readonly message: AnyMessage }
  | { readonly kind: 'answered'; readonly id: number; readonly message: Message<'queryReply'> }
  /** Every replica would say the same (`invalid`), or all that could be asked have (`tooStale`). */
  | { readonly kind: 'refused'; readonly id: number; readonly reason: RefusalReason }
  /** A replica has more queries than it can take: it is asked for again elsewhere, later. */
  | { readonly kind: 'busy'; readonly id: number }
  /** A replica sees no quorum, so that it can confirm nothing: it is asked for again elsewhere. */
  | { readonly kind: 'no_quorum'; readonly id: number };

/** What a session for queries is made with. */
export interface QuerySessionOptions extends RetryOptions {
  readonly cluster: bigint;
  /** Random, 128 bits; answers are routed by it. Another one than that of any ClientSession. */
  readonly client: ClientId;
  /** Replicas that can be asked: slots 0 to replicaCount - 1. */
  readonly replicaCount: number;
  readonly checksum: ChecksumFunction;
  /** The author's release: major << 16 | minor << 8 | patch. */
  readonly release: number;
}

/** A read without a place in the log. */
export interface Query {
  readonly level: ReadLevel;
  /** `bounded`: how old the answer may be, in milliseconds; otherwise zero. Below 2^32. */
  readonly lagMax: number;
  readonly operation: number;
  /** Not copied until `ask` returns. */
  readonly body: Uint8Array;
  /** Asked first: the primary as far as it is known, or the replica that `setNearest` named. */
  readonly prefer: 'primary' | 'nearest';
}

interface InFlight {
  readonly id: number;
  readonly level: ReadLevel;
  readonly message: Message<'query'>;
  target: number;
  /** Moves to another replica since the last timeout. */
  hops: number;
  /** A replica said that it has no answer that is fresh enough. */
  stale: boolean;
  pauseTicks: number;
  ticksLeft: number;
}

/**
 * Queries of one client, sans-IO: any number in flight, each asked at one replica after the other
 * until it is answered. A query changes nothing, so it may be asked twice, and needs no session.
 * The highest op that this client has seen is kept and sent along, so that no answer, from whatever
 * replica, goes back behind an earlier one.
 */
export class QuerySession {
  private readonly options: QuerySessionOptions;
  private readonly retry: RetryPause;
  private readonly inFlight: Map<number, InFlight>;
  private readonly byChecksum: Map<Checksum, InFlight>;
  private idNext: number;
  private floorNow: Op;
  private readonly guess: PrimaryGuess;
  private nearest: number | null;
  private cursor: number;

  constructor(options: QuerySessionOptions) {
    this.options = options;
    this.retry = new RetryPause(options);
    this.inFlight = new Map();
    this.byChecksum = new Map();
    this.idNext = 1;
    this.floorNow = Op(0);
    this.guess = new PrimaryGuess(options.replicaCount);
    this.nearest = null;
    this.cursor = options.prng.below(options.replicaCount);
    assert(options.client !== 0n, 'client id is not zero');
  }

  /** Highest op that this client has seen; no later answer is below it. */
  get floor(): Op {
    return this.floorNow;
  }

  /** Newest view that an answer has shown. */
  get view(): View {
    return this.guess.view;
  }

  /** Queries without an answer. */
  get pending(): number {
    return this.inFlight.size;
  }

  /** An answer elsewhere (a reply of a session) showed this op and view. */
  see(seen: { readonly op: Op; readonly view: View }): void {
    this.floorNow = opMax(this.floorNow, seen.op);
    this.guess.learn(seen.view);
  }

  /** The replica that queries for the nearest go to first; null for any. */
  setNearest(replica: number | null): void {
    assert(replica === null || replica < this.options.replicaCount, 'the replica exists');
    this.nearest = replica;
  }

  /** Asks; the id comes back with the answer. */
  ask(query: Query, out: QueryEffect[]): number {
    const { level, lagMax, operation, body, prefer } = query;
    assert(operation >= OPERATION_USER_MIN, 'the core keeps its operations to itself');
    assert(level === 'bounded' || lagMax === 0, 'only bounded queries have a bound');
    const id = this.idNext;
    this.idNext += 1;
    const { cluster, client, release, checksum } = this.options;
    const message = encodeMessage(
      'query',
      {
        cluster,
        replica: NO_REPLICA,
        view: View(0),
        release,
        incarnation: 0n,
        client,
        query: id,
        floor: this.floorNow,
        lagMax,
        operation,
        level: READ_LEVELS[level],
      },
      body,
      checksum,
    );
    const pauseTicks = this.retry.first(message.bytes.length, 0);
    const ticksLeft = this.retry.jittered(pauseTicks);
    const asked: InFlight = {
      id,
      level,
      message,
      target: 0,
      hops: 0,
      stale: false,
      pauseTicks,
      ticksLeft,
    };
    this.inFlight.set(id, asked);
    this.byChecksum.set(message.header.checksum, asked);
    const preferred = prefer === 'primary' ? this.guess.slot : this.nearest;
    this.sendTo(preferred ?? this.first(), asked, out);
    return id;
  }

  /** Nobody waits for the answer any more. */
  cancel(id: number): void {
    const asked = this.inFlight.get(id);
    if (asked !== undefined) this.end(asked);
  }

  /** Takes any decoded message; what is not an answer to this session is ignored. */
  onMessage(message: AnyMessage, out: QueryEffect[]): void {
    if (message.header.cluster !== this.options.cluster) return;
    if (isCommand(message, 'queryReply')) this.onReply(message, out);
    else if (isCommand(message, 'refusal')) this.onRefusal(message, out);
    else if (isCommand(message, 'commit')) this.onPrimary(message, out);
  }

  /** Once every 10 ms. */
  onTick(out: QueryEffect[]): void {
    for (const asked of [...this.inFlight.values()]) {
      asked.ticksLeft -= 1;
      if (asked.ticksLeft > 0) continue;
      if (asked.stale && this.endsStale(asked, out)) continue;
      asked.hops = 0;
      asked.pauseTicks = this.retry.longer(asked.pauseTicks, asked.message.bytes.length);
      asked.ticksLeft = this.retry.jittered(asked.pauseTicks);
      this.sendTo((asked.target + 1) % this.options.replicaCount, asked, out);
    }
  }

  /** What went to this replica may be lost: asks elsewhere at once. */
  onDisconnect(replica: number, out: QueryEffect[]): void {
    this.guess.forget(replica);
    if (this.nearest === replica) this.nearest = null;
    for (const asked of [...this.inFlight.values()]) {
      if (asked.target === replica) this.hop(asked, out);
    }
  }

  /** A new primary says that it leads: what the last one was asked is asked of it at once. */
  private onPrimary({ header }: Message<'commit'>, out: QueryEffect[]): void {
    const last = this.guess.slot;
    if (!this.guess.isNews(header)) return;
    this.guess.learn(header.view);
    const primary = this.guess.slot;
    if (primary === null || primary === last) return;
    for (const asked of [...this.inFlight.values()]) {
      if (asked.target === last) this.sendTo(primary, asked, out);
    }
  }

  private onReply(message: Message<'queryReply'>, out: QueryEffect[]): void {
    const { header } = message;
    if (header.client !== this.options.client) return;
    const asked = this.byChecksum.get(header.queryChecksum);
    if (asked === undefined) return;
    this.end(asked);
    this.see({ op: header.op, view: header.view });
    out.push({ kind: 'answered', id: asked.id, message });
  }

  private onRefusal({ header }: Message<'refusal'>, out: QueryEffect[]): void {
    if (header.client !== this.options.client) return;
    const asked = this.byChecksum.get(header.requestChecksum);
    const reason = reasonName(REFUSAL_REASONS, header.reason);
    if (asked === undefined || reason === null) return;
    switch (reason) {
      case 'invalid':
        this.end(asked);
        out.push({ kind: 'refused', id: asked.id, reason });
        return;
      case 'tooStale':
        asked.stale = true;
        if (!this.hop(asked, out)) this.endsStale(asked, out);
        return;
      case 'noQuorum':
        out.push({ kind: 'no_quorum', id: asked.id });
        this.hop(asked, out);
        return;
      case 'notPrimary':
        this.hop(asked, out);
        return;
      case 'busy':
        // The timer brings it elsewhere: at once would only fill the next queue.
        out.push({ kind: 'busy', id: asked.id });
        return;
      default:
        unreachable(reason);
    }
  }

  /**
   * A bound that no replica can keep now is told to the caller, who may accept an older answer.
   * What is to be linearizable waits on: its caller has said how long.
   */
  private endsStale(asked: InFlight, out: QueryEffect[]): boolean {
    if (asked.level === 'linearizable') return false;
    this.end(asked);
    out.push({ kind: 'refused', id: asked.id, reason: 'tooStale' });
    return true;
  }

  /** To the next replica at once, but once round at most: then the timer paces it. */
  private hop(asked: InFlight, out: QueryEffect[]): boolean {
    if (asked.hops >= this.options.replicaCount - 1) return false;
    asked.hops += 1;
    this.sendTo((asked.target + 1) % this.options.replicaCount, asked, out);
    return true;
  }

  private end(asked: InFlight): void {
    this.inFlight.delete(asked.id);
    this.byChecksum.delete(asked.message.header.checksum);
  }

  private sendTo(replica: number, asked: InFlight, out: QueryEffect[]): void {
    asked.target = replica;
    out.push({ kind: 'send', replica, message: asked.message });
  }

  /** Where nothing is known, each query begins at another replica. */
  private first(): number {
    this.cursor = (this.cursor + 1) % this.options.replicaCount;
    return this.cursor;
  }
}
