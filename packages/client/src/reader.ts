import { decodeResults, KERNEL_CALLS } from '@kimberlite/kernel';
import {
  type AnyMessage,
  assert,
  type ClientId,
  type Message,
  type Op,
  type Prng,
  type ReadLevel,
  type RefusalReason,
  snake,
  type View,
} from '@kimberlite/vsr';
import { CallQueue } from './call-queue.ts';
import { encodeBatch } from './encode-batch.ts';
import { ClientError } from './errors.ts';
import type { ClusterFacts } from './lane.ts';
import type { PendingCall } from './pending-call.ts';
import { Queries, tooStaleError } from './queries.ts';
import { type QueueLimits, QueueRoom } from './queue-room.ts';
import type { ReadMode } from './read-mode.ts';
import type { ReplicaLinks } from './replica-links.ts';

/**
 * Queries of one level in flight at once; beyond, reads gather until one is answered. By level, for
 * linearizable ones wait for as long as there is no quorum, and local ones need none.
 */
const QUERIES_MAX = 16;

export interface ReaderOptions {
  readonly links: ReplicaLinks;
  /** An answer came: more may be sent. */
  readonly onReady: () => void;
  readonly client: ClientId;
  readonly prng: Prng;
  readonly release: number;
  /** Of what waits of each level. */
  readonly limits: QueueLimits;
}

/** Reads of one level and preference, which may share a query. */
interface Gathering {
  readonly mode: ReadMode;
  readonly queue: CallQueue;
}

/**
 * Reads that take no place in the log: gathered while queries are in flight, and asked of one
 * replica after the other until they are answered. They need no session.
 */
export class Reader {
  private readonly options: ReaderOptions;
  /** By level, whatever the bound and the preference: what needs no quorum has room without one. */
  private readonly rooms: Readonly<Record<ReadLevel, QueueRoom>>;
  private readonly gatherings: Map<string, Gathering>;
  private readonly queries: Queries<readonly PendingCall[]>;

  constructor(options: ReaderOptions) {
    const { links, client, prng, release, limits } = options;
    this.options = options;
    this.rooms = {
      linearizable: new QueueRoom(limits),
      bounded: new QueueRoom(limits),
      local: new QueueRoom(limits),
    };
    this.gatherings = new Map();
    this.queries = new Queries({
      links,
      host: {
        isWanted: (batch) => batch.some((pending) => pending.state === 'sent'),
        onAnswered: (batch, message) => this.onAnswered(batch, message),
        onRefused: (batch, reason, mode) => this.onRefused(batch, reason, mode),
        onTold: (batch, refusedFor) => {
          for (const pending of batch) pending.refusedFor = refusedFor;
        },
      },
      client,
      prng,
      release,
    });
  }

  /** Reads that wait to be sent. */
  queued(): number {
    let sum = 0;
    for (const { queue } of this.gatherings.values()) sum += queue.length;
    return sum;
  }

  /** Reads that were sent and have no answer yet. */
  inFlight(): number {
    return this.queries.askers().reduce((sum, batch) => sum + batch.length, 0);
  }

  /** Newest view that answers have shown; null before the first. */
  view(): View | null {
    return this.queries.view();
  }

  /** Milliseconds for which the oldest query in flight has waited, or null. */
  waitingFor(now: number): number | null {
    return this.queries.waitingFor(now);
  }

  /** Whether ticks are needed. */
  isActive(): boolean {
    return this.queries.size > 0 || this.queued() > 0;
  }

  hasRoom({ level }: ReadMode, size: number): boolean {
    return this.rooms[level].has(size);
  }

  push(pending: PendingCall, mode: ReadMode): void {
    this.gathering(mode).queue.push(pending);
  }

  /** A read that waited was settled. */
  onSettled(pending: PendingCall, mode: ReadMode): void {
    this.gathering(mode).queue.onSettled(pending);
  }

  /** Another answer of this client showed an op: no read goes back behind it. */
  see(seen: { readonly op: Op; readonly view: View }, facts: ClusterFacts): void {
    this.queries.see(seen, facts);
  }

  /** Sends what waits, as far as there is room for more queries. */
  flush(facts: ClusterFacts): void {
    const waiting = [...this.gatherings.values()].filter(({ queue }) => queue.length > 0);
    // In turns, so that no level starves another.
    for (let sent = true; sent; ) {
      sent = false;
      for (const gathering of waiting) {
        const { mode, queue } = gathering;
        if (queue.length === 0 || this.queries.sizeOf(mode.level) >= QUERIES_MAX) continue;
        this.ask(gathering, facts);
        sent = true;
      }
    }
  }

  onMessage(message: AnyMessage): void {
    this.queries.onMessage(message);
  }

  onTick(): void {
    this.queries.onTick();
  }

  onDisconnect(slot: number): void {
    this.queries.onDisconnect(slot);
  }

  /** Visits the reads that are not settled, in flight or not. */
  forEach(visit: (pending: PendingCall) => void): void {
    for (const { queue } of this.gatherings.values()) queue.forEach(visit);
    for (const batch of this.queries.askers()) {
      for (const pending of batch) if (pending.state === 'sent') visit(pending);
    }
  }

  private gathering(mode: ReadMode): Gathering {
    const key = `${mode.level} ${mode.lagMax} ${mode.prefer}`;
    const known = this.gatherings.get(key);
    if (known !== undefined) return known;
    // Bounds are few in practice; those that nobody waits for are let go.
    for (const [other, { queue }] of this.gatherings) {
      if (queue.length === 0) this.gatherings.delete(other);
    }
    const made = { mode, queue: new CallQueue(this.rooms[mode.level]) };
    this.gatherings.set(key, made);
    return made;
  }

  private ask({ mode, queue }: Gathering, facts: ClusterFacts): void {
    const taken = queue.take(facts.bodyMax);
    const encoded = taken.length === 0 ? null : encodeBatch(taken);
    if (encoded === null) return;
    const { calls: batch, body } = encoded;
    this.queries.ask({ mode, operation: KERNEL_CALLS, body }, batch, facts);
  }

  private onAnswered(batch: readonly PendingCall[], message: Message<'queryReply'>): void {
    const results = decodeResults(message.body);
    if (results === null || results.length !== batch.length) {
      const why = 'the answer does not match the read; nothing was changed';
      rejectAll(batch, () => {
        return new ClientError({ code: 'bad_reply', message: why, definite: true });
      });
      return;
    }
    batch.forEach((pending, index) => {
      const result = results[index];
      assert(result !== undefined, 'a result for each call');
      pending.resolve(result);
    });
    this.options.onReady();
  }

  private onRefused(batch: readonly PendingCall[], reason: RefusalReason, mode: ReadMode): void {
    rejectAll(batch, () => {
      if (reason === 'tooStale') return tooStaleError(mode);
      const message = `the cluster refused the read (${snake(reason)}); nothing was changed`;
      return new ClientError({ code: 'refused', message, definite: true });
    });
    this.options.onReady();
  }
}

/** An error for each: what a caller is given is its own. */
function rejectAll(batch: readonly PendingCall[], make: () => ClientError): void {
  for (const pending of batch) if (pending.state === 'sent') pending.reject(make());
}
