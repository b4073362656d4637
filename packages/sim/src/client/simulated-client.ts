import { assert, type ChecksumFunction, unreachable } from '@kimberlite/store';
import {
  type AnyMessage,
  type ClientEffect,
  ClientId,
  ClientSession,
  type Message,
  OPERATION_USER_MIN,
  type Prng,
  type View,
} from '@kimberlite/vsr';
import type { Workload, WorkloadRequest } from '../workload/workload.ts';

/** How the clients of a run behave. Probabilities are per tick. */
export interface ClientOptions {
  /** An idle client asks something. */
  readonly requestProbability: number;
  /** All clients fall silent, or begin again. */
  readonly idleOnProbability: number;
  readonly idleOffProbability: number;
  /** A client forgets everything and comes back under a new id. */
  readonly crashProbability: number;
}

/** Clients that ask as often as they can and never crash. */
export const CLIENTS_BUSY: ClientOptions = {
  requestProbability: 1,
  idleOnProbability: 0,
  idleOffProbability: 1,
  crashProbability: 0,
};

/** What a client tells about its request; checkers judge it. */
export interface ClientObserver {
  /** About to be sent for the first time. */
  invoked(client: ClientId, request: WorkloadRequest): void;
  replied(client: ClientId, request: WorkloadRequest, reply: Message<'reply'>): void;
  /** Refused for sure: it must never execute. */
  refusedDefinitely(client: ClientId, request: WorkloadRequest, checksum: bigint): void;
  /** Given up or evicted: nobody knows. */
  indefinite(client: ClientId, request: WorkloadRequest): void;
  evicted(client: ClientId): void;
}

export interface SimulatedClientSetup {
  /** Its node in the network. */
  readonly node: number;
  readonly cluster: bigint;
  readonly replicaCount: number;
  readonly checksum: ChecksumFunction;
  readonly prng: Prng;
  readonly workload: Workload;
  readonly release: number;
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
  private readonly setup: SimulatedClientSetup;
  private readonly sessionPrng: Prng;
  private readonly workloadPrng: Prng;
  private idNow: ClientId;
  private session: ClientSession;
  private pending: WorkloadRequest | null;
  private pendingChecksum: bigint;
  private onReply: ((reply: Uint8Array) => void) | null;

  constructor(setup: SimulatedClientSetup) {
    this.node = setup.node;
    this.silent = setup.silent;
    this.setup = setup;
    this.steps = 0;
    this.answered = 0;
    this.sessionPrng = setup.prng.fork();
    this.workloadPrng = setup.prng.fork();
    this.idNow = ClientId(1n);
    this.session = this.newSession();
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
  }

  /** Asks what the workload draws, if the session is free. True when it asked. */
  ask(): boolean {
    if (this.session.state !== 'ready') return false;
    this.submit(this.setup.workload.next(this.workloadPrng), null);
    return true;
  }

  /** Asks this. Only when the session is registered and free. */
  submit(request: WorkloadRequest, onReply: ((reply: Uint8Array) => void) | null): void {
    assert(this.pending === null && this.session.state === 'ready', 'one request at a time');
    const out: ClientEffect[] = [];
    this.pending = request;
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
  }

  /** Forgets everything and begins again under a new id. */
  crash(): void {
    this.giveUp();
    this.session = this.newSession();
  }

  private newSession(): ClientSession {
    this.idNow = ClientId(this.sessionPrng.u128() | 1n);
    return new ClientSession({
      cluster: this.setup.cluster,
      client: this.idNow,
      replicaCount: this.setup.replicaCount,
      checksum: this.setup.checksum,
      prng: this.sessionPrng.fork(),
      release: this.setup.release,
    });
  }

  private giveUp(): void {
    if (this.pending !== null) this.setup.observer.indefinite(this.idNow, this.pending);
    this.pending = null;
    this.onReply = null;
  }

  private apply(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          if (this.pending !== null) this.pendingChecksum = effect.message.header.checksum;
          this.setup.send(effect.replica, effect.message);
          break;
        case 'registered':
        case 'no_quorum':
          break;
        case 'reply':
          this.takeReply(effect.message);
          break;
        case 'evicted':
          this.setup.observer.evicted(this.idNow);
          this.crash();
          break;
        case 'refused':
          this.takeRefusal(effect.definite);
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
    if (onReply !== null) onReply(reply.body);
  }

  private takeRefusal(definite: boolean): void {
    const { pending } = this;
    assert(pending !== null, 'a refusal answers a request');
    if (!definite) {
      this.giveUp();
      return;
    }
    this.pending = null;
    this.onReply = null;
    this.setup.observer.refusedDefinitely(this.idNow, pending, this.pendingChecksum);
  }
}
