import { decodeResults, KERNEL_CALLS } from '@kimberlite/kernel';
import {
  type AnyMessage,
  assert,
  type ClientId,
  type Message,
  type Op,
  type Prng,
  type QueryEffect,
  QuerySession,
  type RefusalReason,
  snake,
  unreachable,
  type View,
} from '@kimberlite/vsr';
import { CallQueue } from './call-queue.ts';
import { sha256 } from './checksum.ts';
import type { SendResult } from './connection.ts';
import { encodeBatch } from './encode-batch.ts';
import { ClientError } from './errors.ts';
import { Fastest } from './fastest.ts';
import type { ClusterFacts } from './lane.ts';
import type { DefiniteRefusal, PendingCall } from './pending-call.ts';
import type { ReadMode } from './read-mode.ts';

/** Queries in flight at once; beyond, reads gather until one is answered. */
const QUERIES_MAX = 16;

export interface ReaderHost {
  /** Sends to the replica in that slot. */
  send(slot: number, message: AnyMessage): SendResult;
  /** Slots of the replicas that are connected. */
  connected(): readonly number[];
  /** An answer came: more may be sent. */
  onReady(): void;
  now(): number;
}

export interface ReaderOptions {
  readonly host: ReaderHost;
  readonly client: ClientId;
  readonly prng: Prng;
  readonly release: number;
  /** Of each level's queue. */
  readonly limits: { readonly callsMax: number; readonly bytesMax: number };
}

/** Reads of one level and preference, which may share a query. */
interface Gathering {
  readonly mode: ReadMode;
  readonly queue: CallQueue;
}

interface Asked {
  readonly batch: readonly PendingCall[];
  readonly mode: ReadMode;
  readonly askedAt: number;
}

/**
 * Reads that take no place in the log: gathered while queries are in flight, and asked of one
 * replica after the other until they are answered. They need no session.
 */
export class Reader {
  private readonly options: ReaderOptions;
  private readonly gatherings: Map<string, Gathering>;
  private readonly asked: Map<number, Asked>;
  private readonly fastest: Fastest;
  private session: QuerySession | null;

  constructor(options: ReaderOptions) {
    this.options = options;
    this.gatherings = new Map();
    this.asked = new Map();
    this.fastest = new Fastest(options.prng.fork());
    this.session = null;
  }

  /** Reads that wait to be sent. */
  queued(): number {
    let sum = 0;
    for (const { queue } of this.gatherings.values()) sum += queue.length;
    return sum;
  }

  /** Reads that were sent and have no answer yet. */
  inFlight(): number {
    let sum = 0;
    for (const { batch } of this.asked.values()) sum += batch.length;
    return sum;
  }

  /** Newest view that answers have shown; null before the first. */
  view(): View | null {
    return this.session === null || this.session.floor === 0 ? null : this.session.view;
  }

  /** Milliseconds for which the oldest query in flight has waited, or null. */
  waitingFor(now: number): number | null {
    let longest: number | null = null;
    for (const { askedAt } of this.asked.values()) longest = Math.max(longest ?? 0, now - askedAt);
    return longest;
  }

  /** Whether ticks are needed. */
  isActive(): boolean {
    return this.asked.size > 0 || this.queued() > 0;
  }

  hasRoom(mode: ReadMode): boolean {
    return this.gathering(mode).queue.hasRoom(0);
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
    this.sessionOf(facts).see(seen);
  }

  /** Sends what waits, as far as there is room for more queries. */
  flush(facts: ClusterFacts): void {
    const waiting = [...this.gatherings.values()].filter(({ queue }) => queue.length > 0);
    // In turns, so that no level starves another.
    for (let sent = true; sent; ) {
      sent = false;
      for (const gathering of waiting) {
        if (this.asked.size >= QUERIES_MAX) return;
        if (gathering.queue.length === 0) continue;
        this.ask(gathering, facts);
        sent = true;
      }
    }
  }

  onMessage(message: AnyMessage): void {
    this.drive((session, out) => session.onMessage(message, out));
  }

  onTick(): void {
    for (const [id, { batch }] of this.asked) {
      if (batch.some((pending) => pending.state === 'sent')) continue;
      // All who asked have given up.
      this.asked.delete(id);
      this.session?.cancel(id);
    }
    this.drive((session, out) => session.onTick(out));
  }

  onDisconnect(slot: number): void {
    this.fastest.forget(slot);
    this.drive((session, out) => session.onDisconnect(slot, out));
  }

  /** Visits the reads that are not settled, in flight or not. */
  forEach(visit: (pending: PendingCall) => void): void {
    for (const { queue } of this.gatherings.values()) queue.forEach(visit);
    for (const { batch } of this.asked.values()) {
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
    const made = { mode, queue: new CallQueue(this.options.limits) };
    this.gatherings.set(key, made);
    return made;
  }

  private ask({ mode, queue }: Gathering, facts: ClusterFacts): void {
    const taken = queue.take(facts.bodyMax);
    const encoded = taken.length === 0 ? null : encodeBatch(taken);
    if (encoded === null) return;
    const { calls: batch, body } = encoded;
    const session = this.sessionOf(facts);
    const { host } = this.options;
    if (mode.prefer === 'nearest') session.setNearest(this.fastest.pick(host.connected()));
    this.drive((_session, out) => {
      const id = session.ask({ ...mode, operation: KERNEL_CALLS, body }, out);
      this.asked.set(id, { batch, mode, askedAt: host.now() });
    });
  }

  private sessionOf(facts: ClusterFacts): QuerySession {
    const { client, prng, release } = this.options;
    const { cluster, replicaCount } = facts;
    this.session ??= new QuerySession({
      cluster,
      client,
      replicaCount,
      checksum: sha256,
      prng: prng.fork(),
      release,
    });
    return this.session;
  }

  /** Lets the session act, sends what it asks for, and tells it what could not be sent. */
  private drive(act: (session: QuerySession, out: QueryEffect[]) => void): void {
    const session = this.session;
    if (session === null) return;
    const out: QueryEffect[] = [];
    act(session, out);
    // Grows while it is walked: a send that finds no connection may lead to another.
    for (const effect of out) {
      switch (effect.kind) {
        case 'send':
          // What is held is on its way to this replica already.
          if (this.options.host.send(effect.replica, effect.message) === 'unsent') {
            session.onDisconnect(effect.replica, out);
          }
          break;
        case 'answered':
          this.onAnswered(effect.id, effect.message);
          break;
        case 'refused':
          this.onRefused(effect.id, effect.reason);
          break;
        case 'busy':
          this.onTold(effect.id, 'overloaded');
          break;
        case 'no_quorum':
          this.onTold(effect.id, 'no_quorum');
          break;
        default:
          unreachable(effect);
      }
    }
  }

  private onAnswered(id: number, message: Message<'queryReply'>): void {
    const { batch, askedAt } = this.takeAsked(id);
    const { host } = this.options;
    this.fastest.observe(message.header.replica, host.now() - askedAt);
    const results = decodeResults(message.body);
    if (results === null || results.length !== batch.length) {
      rejectAll(batch, 'bad_reply', 'the answer does not match the read');
      return;
    }
    batch.forEach((pending, index) => {
      const result = results[index];
      assert(result !== undefined, 'a result for each call');
      pending.resolve(result);
    });
    host.onReady();
  }

  private onRefused(id: number, reason: RefusalReason): void {
    const { batch, mode } = this.takeAsked(id);
    if (reason === 'tooStale') {
      const owed = mode.level === 'bounded' ? `of the last ${mode.lagMax} ms` : 'new enough';
      rejectAll(batch, 'too_stale', `no replica could give an answer ${owed}`);
    } else {
      rejectAll(batch, 'refused', `the cluster refused the read (${snake(reason)})`);
    }
    this.options.host.onReady();
  }

  /** The session asks on; if nothing better comes until the deadline, this is the reason. */
  private onTold(id: number, refusedFor: DefiniteRefusal): void {
    for (const pending of this.asked.get(id)?.batch ?? []) pending.refusedFor = refusedFor;
  }

  private takeAsked(id: number): Asked {
    const asked = this.asked.get(id);
    assert(asked !== undefined, 'the query is in flight');
    this.asked.delete(id);
    return asked;
  }
}

function rejectAll(
  batch: readonly PendingCall[],
  code: 'bad_reply' | 'refused' | 'too_stale',
  message: string,
): void {
  for (const pending of batch) {
    if (pending.state !== 'sent') continue;
    pending.reject(
      new ClientError({ code, message: `${message}; nothing was changed`, definite: true }),
    );
  }
}
