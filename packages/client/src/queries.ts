import {
  type AnyMessage,
  assert,
  type ClientId,
  isCommand,
  type Message,
  type Op,
  type Prng,
  type QueryEffect,
  QuerySession,
  type ReadLevel,
  type RefusalReason,
  unreachable,
  type View,
} from '@kimberlite/vsr';
import { sha256 } from './checksum.ts';
import type { DefiniteRefusal } from './endings.ts';
import { ClientError } from './errors.ts';
import { Fastest } from './fastest.ts';
import type { ClusterFacts } from './lane.ts';
import type { ReadMode } from './read-mode.ts';
import type { ReplicaLinks } from './replica-links.ts';

/** Whoever asks: what becomes of its queries. `asker` is what it gave with the query. */
export interface QueryHost<T> {
  /** Whether anybody still waits for the answer; otherwise the query is given up at a tick. */
  isWanted(asker: T): boolean;
  onAnswered(asker: T, message: Message<'queryReply'>): void;
  /** It is over: `invalid`, or `tooStale` of what need not be linearizable. */
  onRefused(asker: T, reason: RefusalReason, mode: ReadMode): void;
  /** It is asked on; if nothing better comes until the deadline, this is the reason. */
  onTold(asker: T, refusedFor: DefiniteRefusal): void;
}

export interface QueriesOptions<T> {
  readonly links: ReplicaLinks;
  readonly host: QueryHost<T>;
  readonly client: ClientId;
  readonly prng: Prng;
  readonly release: number;
}

/** One message to be asked. */
export interface QueryMessage {
  readonly mode: ReadMode;
  readonly operation: number;
  /** Not copied until `ask` returns. */
  readonly body: Uint8Array;
}

interface Asked<T> {
  readonly asker: T;
  readonly mode: ReadMode;
  readonly askedAt: number;
  /** When it was last sent to each slot. */
  readonly sentAt: Map<number, number>;
}

/**
 * Queries in flight: each is asked of one replica after the other until it is answered, the nearest
 * first where that is preferred. They need no session.
 */
export class Queries<T> {
  private readonly options: QueriesOptions<T>;
  private readonly asked: Map<number, Asked<T>>;
  private readonly fastest: Fastest;
  private session: QuerySession | null;

  constructor(options: QueriesOptions<T>) {
    this.options = options;
    this.asked = new Map();
    this.fastest = new Fastest(options.prng.fork());
    this.session = null;
  }

  /** Queries without an answer. */
  get size(): number {
    return this.asked.size;
  }

  /** Those of this level. */
  sizeOf(level: ReadLevel): number {
    let count = 0;
    for (const { mode } of this.asked.values()) if (mode.level === level) count += 1;
    return count;
  }

  /** Who asked them. */
  askers(): readonly T[] {
    return [...this.asked.values()].map(({ asker }) => asker);
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

  /** Another answer of this client showed an op: no read goes back behind it. */
  see(seen: { readonly op: Op; readonly view: View }, facts: ClusterFacts): void {
    this.sessionOf(facts).see(seen);
  }

  ask({ mode, operation, body }: QueryMessage, asker: T, facts: ClusterFacts): void {
    const session = this.sessionOf(facts);
    const { links } = this.options;
    if (mode.prefer === 'nearest') session.setNearest(this.fastest.pick(links.connected()));
    this.drive((_session, out) => {
      const id = session.ask({ ...mode, operation, body }, out);
      this.asked.set(id, { asker, mode, askedAt: links.now(), sentAt: new Map() });
    });
  }

  onMessage(message: AnyMessage): void {
    this.drive((session, out) => session.onMessage(message, out));
  }

  onTick(): void {
    for (const [id, { asker }] of this.asked) {
      if (this.options.host.isWanted(asker)) continue;
      // All who asked have given up.
      this.charge(this.takeAsked(id));
      this.session?.cancel(id);
    }
    this.drive((session, out) => session.onTick(out));
  }

  onDisconnect(slot: number): void {
    this.fastest.forget(slot);
    this.drive((session, out) => session.onDisconnect(slot, out));
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
    const { links, host } = this.options;
    const out: QueryEffect[] = [];
    act(session, out);
    // Grows while it is walked: a send that finds no connection may lead to another.
    for (const effect of out) {
      switch (effect.kind) {
        case 'send':
          this.noteSent(effect);
          // What is held is on its way to this replica already.
          if (links.send(effect.replica, effect.message) === 'unsent') {
            session.onDisconnect(effect.replica, out);
          }
          break;
        case 'answered': {
          const asked = this.takeAsked(effect.id);
          this.charge(asked);
          host.onAnswered(asked.asker, effect.message);
          break;
        }
        case 'refused': {
          const { asker, mode } = this.takeAsked(effect.id);
          host.onRefused(asker, effect.reason, mode);
          break;
        }
        case 'busy':
          this.tell(effect.id, 'overloaded');
          break;
        case 'no_quorum':
          this.tell(effect.id, 'no_quorum');
          break;
        default:
          unreachable(effect);
      }
    }
  }

  private tell(id: number, refusedFor: DefiniteRefusal): void {
    const asked = this.asked.get(id);
    if (asked !== undefined) this.options.host.onTold(asked.asker, refusedFor);
  }

  private noteSent({ replica, message }: Extract<QueryEffect, { kind: 'send' }>): void {
    if (!isCommand(message, 'query')) return;
    this.asked.get(message.header.query)?.sentAt.set(replica, this.options.links.now());
  }

  /**
   * The query is over. Every replica that it was sent to is charged what asking it first would have
   * taken, those that did not answer too: else one that hangs, or refuses, stays the fastest.
   */
  private charge({ sentAt }: Asked<T>): void {
    const { links } = this.options;
    const now = links.now();
    const connected = links.connected();
    for (const [slot, at] of sentAt) {
      // Of one whose connection broke nothing is known any more.
      if (connected.includes(slot)) this.fastest.observe(slot, now - at);
    }
  }

  private takeAsked(id: number): Asked<T> {
    const asked = this.asked.get(id);
    assert(asked !== undefined, 'the query is in flight');
    this.asked.delete(id);
    return asked;
  }
}

/** No replica that could be asked had an answer that is fresh enough. */
export function tooStaleError({ level, lagMax }: ReadMode): ClientError {
  const owed = level === 'bounded' ? `of the last ${lagMax} ms` : 'new enough';
  const message = `no replica could give an answer ${owed}; nothing was changed`;
  return new ClientError({ code: 'too_stale', message, definite: true });
}
