import { assert, type ChecksumFunction, unreachable } from '@kimberlite/store';
import {
  type AnyMessage,
  type ClientEffect,
  ClientId,
  ClientSession,
  type Message,
  OPERATION_USER_MIN,
  type Prng,
  type ReadLevel,
  type RefusalReason,
  type View,
} from '@kimberlite/vsr';
import type { Workload, WorkloadRequest } from '../workload/workload.ts';
import { drawnRequest } from '../workload/workload-fault.ts';
import { BURSTS_OFF, type BurstOptions } from './bursts.ts';
import { QueryDriver } from './query-driver.ts';

/** How the clients of a run behave. Probabilities are per tick. */
export interface ClientOptions {
  /** An idle client asks something. */
  readonly requestProbability: number;
  /** All clients fall silent, or begin again. */
  readonly idleOnProbability: number;
  readonly idleOffProbability: number;
  /** A client asks a query, besides whatever else it does. */
  readonly queryProbability: number;
  /** A client forgets everything and comes back under a new id. */
  readonly crashProbability: number;
  readonly bursts: BurstOptions;
}

/** Clients that ask as often as they can and never crash. */
export const CLIENTS_BUSY: ClientOptions = {
  requestProbability: 1,
  queryProbability: 0.5,
  idleOnProbability: 0,
  idleOffProbability: 1,
  crashProbability: 0,
  bursts: BURSTS_OFF,
};

/** Which bytes were refused, and why. */
export interface DefiniteRefusal {
  readonly checksum: bigint;
  readonly reason: RefusalReason;
}

/** What a client tells about its request; checkers judge it. */
export interface ClientObserver {
  /** About to be sent for the first time. */
  invoked(client: ClientId, request: WorkloadRequest): void;
  /** The bytes of a request go out for the first time, or again after their refusal. */
  sending(checksum: bigint): void;
  replied(client: ClientId, request: WorkloadRequest, reply: Message<'reply'>): void;
  /** Refused for sure: it must never execute. */
  refusedDefinitely(client: ClientId, request: WorkloadRequest, refusal: DefiniteRefusal): void;
  /** Given up or evicted: nobody knows. */
  indefinite(client: ClientId, request: WorkloadRequest): void;
  evicted(client: ClientId): void;
  /** A query is about to be sent for the first time. */
  asked(client: ClientId, checksum: bigint): void;
  answered(client: ClientId, reply: Message<'queryReply'>): void;
  /** No replica has an answer that is fresh enough. */
  unanswered(client: ClientId): void;
}

/** Version of the simulated clients: 0.1.0. */
const RELEASE = 0x000100;

export interface SimulatedClientSetup {
  /** Its node in the network. */
  readonly node: number;
  readonly cluster: bigint;
  readonly replicaCount: number;
  readonly checksum: ChecksumFunction;
  readonly prng: Prng;
  readonly workload: Workload;
  /** It never says a word. */
  readonly silent: boolean;
  readonly observer: ClientObserver;
  readonly send: (replica: number, message: AnyMessage) => void;
}

/**
 * A client process: a session through the production `ClientSession`, one request at a time, and a
 * new identity whenever it crashed or was evicted.
 */
export class SimulatedClient {
  readonly node: number;
  /** It never says a word: the run is replayed without it. */
  readonly silent: boolean;
  /** Times that it sent something of its own accord: what it asks, and asks again. */
  steps: number;
  /** Requests that were answered. */
  answered: number;
  queriesAnswered: number;
  private readonly setup: SimulatedClientSetup;
  private readonly sessionPrng: Prng;
  private readonly workloadPrng: Prng;
  private idNow: ClientId;
  private session: ClientSession;
  private pending: WorkloadRequest | null;
  private pendingChecksum: bigint;
  private onReply: ((reply: Uint8Array) => void) | null;
  private readonly queryPrng: Prng;
  private queries: QueryDriver | null;

  constructor(setup: SimulatedClientSetup) {
    this.node = setup.node;
    this.silent = setup.silent;
    this.setup = setup;
    this.steps = 0;
    this.answered = 0;
    this.queriesAnswered = 0;
    this.sessionPrng = setup.prng.fork();
    this.workloadPrng = setup.prng.fork();
    this.queryPrng = setup.prng.fork();
    this.idNow = ClientId(1n);
    this.session = this.newSession();
    this.queries = this.newQueries();
    this.pending = null;
    this.pendingChecksum = 0n;
    this.onReply = null;
  }

  get id(): ClientId {
    return this.idNow;
  }

  /** The newest view that a reply has named. */
  get view(): View {
    return this.session.view;
  }

  /** A request is under way. */
  get busy(): boolean {
    return this.pending !== null;
  }

  /** Its number among the clients, from 0. */
  get index(): number {
    return this.node - this.setup.replicaCount;
  }

  /** Registered, and without a request under way. */
  get mayAsk(): boolean {
    return !this.silent && this.session.state === 'ready';
  }

  /** Queries without an answer. */
  get queriesPending(): number {
    return this.queries?.pending ?? 0;
  }

  get registered(): boolean {
    return this.session.state === 'ready' || this.session.state === 'busy';
  }

  /** Once a tick: timers of the session. */
  tick(): void {
    if (this.silent) return;
    const out: ClientEffect[] = [];
    if (this.session.state === 'idle') this.session.register(out);
    else this.session.onTick(out);
    if (out.length > 0) this.steps += 1;
    this.apply(out);
    this.queries?.tick();
  }

  /** Asks a query that the workload draws, if it has any and not too many wait. */
  askQuery(): void {
    this.queries?.ask();
  }

  /** Asks this query; `nearest` as in the driver. */
  query(
    query: { readonly level: ReadLevel; readonly lagMax: number; readonly nearest: number },
    asked: {
      readonly operation: number;
      readonly body: Uint8Array;
      readonly onReply: (reply: Uint8Array) => void;
    },
  ): void {
    assert(this.queries !== null, 'the workload has queries');
    this.queries.submit(query, asked);
  }

  /** Asks what the workload draws, if the session is free. True when it asked. */
  ask(): boolean {
    if (this.session.state !== 'ready') return false;
    const request = this.setup.workload.next(this.workloadPrng);
    this.submit(drawnRequest('the workload', request), null);
    return true;
  }

  /** Asks this. Only when the session is registered and free. */
  submit(request: WorkloadRequest, onReply: ((reply: Uint8Array) => void) | null): void {
    assert(this.pending === null && this.session.state === 'ready', 'one request at a time');
    const out: ClientEffect[] = [];
    this.pending = request;
    this.pendingChecksum = 0n;
    this.onReply = onReply;
    this.setup.observer.invoked(this.idNow, request);
    if (request.operation < OPERATION_USER_MIN) {
      this.session.administer(request.operation, request.body, out);
    } else {
      this.session.submit(request.operation, request.body, out);
    }
    this.steps += 1;
    this.apply(out);
  }

  receive(message: AnyMessage): void {
    const out: ClientEffect[] = [];
    this.session.onMessage(message, out);
    this.apply(out);
    this.queries?.receive(message);
  }

  /** Forgets everything and begins again under a new id. */
  crash(): void {
    this.giveUp();
    this.session = this.newSession();
    this.queries = this.newQueries();
  }

  private newQueries(): QueryDriver | null {
    const { cluster, replicaCount, checksum, workload, observer, send } = this.setup;
    if (workload.queries === undefined) return null;
    return new QueryDriver({
      cluster,
      replicaCount,
      checksum,
      prng: this.queryPrng,
      release: RELEASE,
      workload: workload.queries,
      send,
      onAsked: (asked) => observer.asked(this.idNow, asked),
      onAnswered: (reply) => {
        this.queriesAnswered += 1;
        observer.answered(this.idNow, reply);
      },
      onRefused: () => observer.unanswered(this.idNow),
    });
  }

  private newSession(): ClientSession {
    this.idNow = ClientId(this.sessionPrng.u128() | 1n);
    return new ClientSession({
      cluster: this.setup.cluster,
      client: this.idNow,
      replicaCount: this.setup.replicaCount,
      checksum: this.setup.checksum,
      prng: this.sessionPrng.fork(),
      release: RELEASE,
    });
  }

  private giveUp(): void {
    if (this.pending !== null) this.setup.observer.indefinite(this.idNow, this.pending);
    this.pending = null;
    this.onReply = null;
  }

  private noteSending(checksum: bigint): void {
    if (this.pending === null || this.pendingChecksum === checksum) return;
    this.pendingChecksum = checksum;
    this.setup.observer.sending(checksum);
  }

  private apply(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.noteSending(effect.message.header.checksum);
          this.setup.send(effect.replica, effect.message);
          break;
        case 'registered':
        case 'no_quorum':
        case 'busy':
          break;
        case 'reply':
          this.takeReply(effect.message);
          break;
        case 'evicted':
          this.setup.observer.evicted(this.idNow);
          this.crash();
          break;
        case 'refused':
          this.takeRefusal(effect);
          break;
        default:
          unreachable(effect);
      }
    }
  }

  private takeReply(reply: Message<'reply'>): void {
    const { pending, onReply } = this;
    assert(pending !== null, 'a reply answers a request');
    this.pending = null;
    this.onReply = null;
    this.answered += 1;
    this.setup.observer.replied(this.idNow, pending, reply);
    this.queries?.see(reply.header);
    if (onReply !== null) onReply(reply.body);
  }

  private takeRefusal({
    definite,
    reason,
  }: {
    readonly definite: boolean;
    readonly reason: RefusalReason;
  }): void {
    const { pending } = this;
    assert(pending !== null, 'a refusal answers a request');
    if (!definite) {
      this.giveUp();
      return;
    }
    this.pending = null;
    this.onReply = null;
    const checksum = this.pendingChecksum;
    this.setup.observer.refusedDefinitely(this.idNow, pending, { checksum, reason });
  }
}
