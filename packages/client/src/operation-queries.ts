import {
  type AnyMessage,
  type ClientId,
  type Message,
  type Op,
  type Prng,
  type ReadLevel,
  type RefusalReason,
  snake,
  type View,
} from '@kimberlite/vsr';
import { own } from './bytes.ts';
import { closedError, hopelessError, overdueError } from './endings.ts';
import { ClientError, tooLargeError } from './errors.ts';
import type { ClusterFacts } from './lane.ts';
import { OldestFirst } from './oldest-first.ts';
import { type OperationReply, queryNotTakenError } from './operations.ts';
import type { Outlook } from './outlook.ts';
import { Pending } from './pending.ts';
import { Queries, tooStaleError } from './queries.ts';
import { type QueueLimits, QueueRoom } from './queue-room.ts';
import type { ReadMode } from './read-mode.ts';
import type { ReplicaLinks } from './replica-links.ts';

/**
 * Queries of one level in flight at once; beyond, they wait until one is answered. By level, for
 * linearizable ones wait for as long as there is no quorum, and local ones need none.
 */
const QUERIES_MAX = 64;

/** A question to a state machine. */
export interface OperationQuery {
  readonly operation: number;
  readonly body: Uint8Array;
  readonly mode: ReadMode;
}

type PendingQuery = Pending<OperationQuery, OperationReply>;

export interface OperationQueriesOptions {
  readonly links: ReplicaLinks;
  /** Of its own: another one than that of any session. */
  readonly client: ClientId;
  readonly prng: Prng;
  readonly release: number;
  /** Of what waits of each level. */
  readonly limits: QueueLimits;
}

/** Queries of one level that were not sent yet. */
interface Waiting {
  readonly room: QueueRoom;
  readonly queue: OldestFirst<PendingQuery>;
}

/** Queries of a state machine of one's own, each a message of its own. They need no session. */
export class OperationQueries {
  private readonly links: ReplicaLinks;
  private readonly queries: Queries<PendingQuery>;
  private readonly waiting: Readonly<Record<ReadLevel, Waiting>>;

  constructor(options: OperationQueriesOptions) {
    this.links = options.links;
    this.queries = new Queries({
      ...options,
      host: {
        isWanted: (pending) => pending.state === 'sent',
        onAnswered: (pending, message) => pending.resolve(replyOf(message)),
        onRefused: (pending, reason, mode) => pending.reject(refusedError(reason, mode)),
        onTold: (pending, refusedFor) => {
          pending.refusedFor = refusedFor;
        },
      },
    });
    const none = (): Waiting => ({ room: new QueueRoom(options.limits), queue: new OldestFirst() });
    this.waiting = { linearizable: none(), bounded: none(), local: none() };
  }

  /** Whether ticks are needed. */
  isActive(): boolean {
    return this.queries.size > 0 || Object.values(this.waiting).some(({ queue }) => queue.size > 0);
  }

  /** Whether a query of this level with so many bytes may wait. */
  hasRoom({ level }: ReadMode, size: number): boolean {
    return this.waiting[level].room.has(size);
  }

  /** Takes a query, which `flush` sends; rejects with ClientError and nothing else. */
  ask(
    asked: OperationQuery,
    until: { readonly timeout: number; readonly signal: AbortSignal | null },
  ): Promise<OperationReply> {
    const now = this.links.now();
    const { queue, room } = this.waiting[asked.mode.level];
    const size = asked.body.length;
    const pending: PendingQuery = new Pending({
      asked,
      isQuery: true,
      signal: until.signal,
      deadline: now + until.timeout,
      now,
      onSettledQueued: (settled) => {
        queue.delete(settled);
        room.leave(size);
      },
    });
    queue.add(pending);
    room.enter(size);
    return pending.promise;
  }

  /** Sends what waits, as far as there is room for more. */
  flush(facts: ClusterFacts): void {
    if (this.links.connected().length === 0) return;
    for (const waiting of Object.values(this.waiting)) {
      for (let first = waiting.queue.first(); first !== null; first = waiting.queue.first()) {
        if (this.queries.sizeOf(first.asked.mode.level) >= QUERIES_MAX) break;
        this.send(first, waiting, facts);
      }
    }
  }

  /** A reply to a request showed an op: no query goes back behind it. */
  see(seen: { readonly op: Op; readonly view: View }, facts: ClusterFacts): void {
    this.queries.see(seen, facts);
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

  /** Ends what is overdue, and what has no endpoint left to go to. */
  endLost(outlook: Outlook, now: number): void {
    this.forEach((pending) => {
      const { outcome, startedAt, deadline, refusedFor, state } = pending;
      if (deadline <= now) {
        const millis = deadline - startedAt;
        pending.reject(overdueError({ outcome, millis, refusedFor }, outlook));
      } else if (state === 'queued' && outlook.isHopeless({ startedAt, deadline, now })) {
        pending.reject(hopelessError(outlook));
      }
    });
  }

  /** The client was closed. */
  close(): void {
    this.forEach((pending) => pending.reject(closedError(pending.outcome)));
  }

  private send(pending: PendingQuery, { queue, room }: Waiting, facts: ClusterFacts): void {
    const { length } = pending.asked.body;
    // Taken before the cluster's sizes were known.
    if (length > facts.bodyMax) {
      pending.reject(tooLargeError(length, facts.bodyMax));
      return;
    }
    queue.delete(pending);
    room.leave(length);
    pending.state = 'sent';
    this.queries.ask(pending.asked, pending, facts);
  }

  /** Visits what is not settled; the visitor may settle it. */
  private forEach(visit: (pending: PendingQuery) => void): void {
    for (const { queue } of Object.values(this.waiting)) queue.forEach(visit);
    for (const pending of this.queries.askers()) if (pending.state === 'sent') visit(pending);
  }
}

function replyOf({ header, body }: Message<'queryReply'>): OperationReply {
  return { body: own(body), op: header.op, view: header.view };
}

function refusedError(reason: RefusalReason, mode: ReadMode): ClientError {
  if (reason === 'tooStale') return tooStaleError(mode);
  if (reason === 'invalid') return queryNotTakenError();
  const message = `the cluster refused the query (${snake(reason)}); nothing was changed`;
  return new ClientError({ code: 'refused', message, definite: true });
}
