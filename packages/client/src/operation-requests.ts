import {
  type AnyMessage,
  assert,
  type ClientEffect,
  ClientSession,
  type EvictionReason,
  type HeaderOf,
  type Message,
  OPERATIONS_OF_CORE,
  type Prng,
  type RefusalReason,
  snake,
  unreachable,
} from '@kimberlite/vsr';
import { BusyPause } from './busy-pause.ts';
import { own } from './bytes.ts';
import { sha256 } from './checksum.ts';
import { randomClientId } from './client-id.ts';
import { driveSession, type SessionHost } from './drive-session.ts';
import { closedError, type DefiniteRefusal, overdueError } from './endings.ts';
import { ClientError, tooLargeError } from './errors.ts';
import type { ClusterFacts } from './lane.ts';
import { LastRefusal } from './last-refusal.ts';
import { OldestFirst } from './oldest-first.ts';
import { type OperationReply, requestNotTakenError } from './operations.ts';
import type { Outlook } from './outlook.ts';
import { Pending } from './pending.ts';
import { type QueueLimits, QueueRoom } from './queue-room.ts';
import { RegisterPause } from './register-pause.ts';
import type { ReplicaLinks } from './replica-links.ts';

/** What gets a place in the log. */
export interface OperationRequest {
  readonly operation: number;
  readonly body: Uint8Array;
}

type PendingRequest = Pending<OperationRequest, OperationReply>;

export interface OperationRequestsOptions {
  readonly links: ReplicaLinks;
  readonly prng: Prng;
  readonly release: number;
  /** Of what waits. */
  readonly limits: QueueLimits;
  /** The session is free: more may be sent. */
  readonly onReady: () => void;
  /** A reply came, before anybody is told: what it says of the op and the view. */
  readonly onSeen: (seen: HeaderOf<'reply'>) => void;
}

/**
 * Requests to a state machine of one's own, each a message of its own. They share one session,
 * which has one of them in flight; the others wait, in the order of the calls.
 */
export class OperationRequests {
  private readonly options: OperationRequestsOptions;
  private readonly room: QueueRoom;
  /** What is not over: first the request in flight, where there is one, then what waits. */
  private readonly requests: OldestFirst<PendingRequest>;
  /** The first of `requests`, or null. Not null exactly while the session is busy. */
  private inFlight: PendingRequest | null;
  private session: ClientSession | null;
  /** No request while this is on. */
  private readonly busyPause: BusyPause;
  /** No register while this is on. */
  private readonly registerPause: RegisterPause;
  private readonly lastRefusal: LastRefusal;
  private readonly sessionHost: SessionHost;

  constructor(options: OperationRequestsOptions) {
    this.options = options;
    this.room = new QueueRoom(options.limits);
    this.requests = new OldestFirst();
    this.inFlight = null;
    this.session = null;
    this.busyPause = new BusyPause(options.prng);
    this.registerPause = new RegisterPause(options.prng);
    this.lastRefusal = new LastRefusal();
    this.sessionHost = {
      send: (slot, message) => options.links.send(slot, message),
      onEffect: (effect) => this.onEffect(effect),
    };
  }

  /** Whether ticks are needed. */
  isActive(): boolean {
    return this.requests.size > 0;
  }

  /** Whether a request with so many bytes may wait. */
  hasRoom(size: number): boolean {
    return this.room.has(size);
  }

  /** Takes a request, which `flush` sends in its turn; rejects with ClientError alone. */
  ask(
    asked: OperationRequest,
    until: { readonly timeout: number; readonly signal: AbortSignal | null },
  ): Promise<OperationReply> {
    const now = this.options.links.now();
    const pending: PendingRequest = new Pending({
      asked,
      isQuery: false,
      signal: until.signal,
      deadline: now + until.timeout,
      now,
      onSettledQueued: (settled) => {
        this.requests.delete(settled);
        this.room.leave(asked.body.length);
      },
    });
    this.requests.add(pending);
    this.room.enter(asked.body.length);
    return pending.promise;
  }

  /** Registers, or sends what waits first, if nothing is under way. */
  flush(facts: ClusterFacts): void {
    this.endAbandoned();
    const { links } = this.options;
    if (this.inFlight !== null || links.connected().length === 0) return;
    const first = this.firstThatFits(facts);
    if (first === null) return;
    const now = links.now();
    if (this.session === null) {
      if (!this.registerPause.isOn(now)) this.register(facts);
    } else if (this.session.state === 'ready' && !this.busyPause.isOn(now)) this.begin(first);
  }

  onMessage(message: AnyMessage): void {
    this.drive((session, out) => session.onMessage(message, out));
  }

  onTick(): void {
    this.drive((session, out) => session.onTick(out));
  }

  onConnect(slot: number): void {
    this.drive((session, out) => session.onConnect(slot, out));
  }

  onDisconnect(slot: number): void {
    this.drive((session, out) => session.onDisconnect(slot, out));
  }

  /** Ends what is overdue. Where no replica can be reached, requests wait for one until then. */
  endOverdue(outlook: Outlook, now: number): void {
    this.requests.forEach((pending) => {
      const { outcome, startedAt, deadline } = pending;
      if (deadline > now) return;
      const refusedFor = pending.refusedFor ?? this.lastRefusal.at(now);
      pending.reject(overdueError({ outcome, millis: deadline - startedAt, refusedFor }, outlook));
    });
  }

  /** The client was closed. */
  close(): void {
    this.requests.forEach((pending) => pending.reject(closedError(pending.outcome)));
  }

  /** What waits first; what waits before it and fits into no message of the cluster is rejected. */
  private firstThatFits({ bodyMax }: ClusterFacts): PendingRequest | null {
    for (;;) {
      const first = this.requests.first();
      if (first === null || first.asked.body.length <= bodyMax) return first;
      // Taken before the cluster's sizes were known.
      first.reject(tooLargeError(first.asked.body.length, bodyMax));
    }
  }

  private register({ cluster, replicaCount }: ClusterFacts): void {
    const { prng, release } = this.options;
    const client = randomClientId();
    this.session = new ClientSession({
      cluster,
      client,
      replicaCount,
      checksum: sha256,
      prng,
      release,
    });
    this.drive((session, out) => session.register(out));
  }

  private begin(pending: PendingRequest): void {
    assert(this.inFlight === null && pending.state === 'queued', 'one request at a time');
    const { operation, body } = pending.asked;
    this.room.leave(body.length);
    pending.state = 'sent';
    this.inFlight = pending;
    this.drive((session, out) => {
      if (OPERATIONS_OF_CORE.includes(operation)) session.administer(operation, body, out);
      else session.submit(operation, body, out);
    });
  }

  private drive(act: (session: ClientSession, out: ClientEffect[]) => void): void {
    this.endAbandoned();
    if (this.session !== null) driveSession(this.session, this.sessionHost, act);
  }

  /**
   * Nobody knows what becomes of a request that was given up in flight, by its signal or at its
   * deadline: its session ends with it, before it could send the request again. What waits goes on
   * in a new one, from the next tick.
   */
  private endAbandoned(): void {
    if (this.inFlight?.state !== 'settled') return;
    this.takeInFlight();
    this.session = null;
  }

  private takeInFlight(): PendingRequest {
    const pending = this.inFlight;
    assert(pending !== null, 'a request is in flight');
    this.inFlight = null;
    this.requests.delete(pending);
    return pending;
  }

  private onEffect(effect: Exclude<ClientEffect, { readonly kind: 'send' }>): void {
    switch (effect.kind) {
      case 'registered':
        this.registerPause.onRegistered(this.options.links.now());
        return this.options.onReady();
      case 'reply':
        return this.onReply(effect.message);
      case 'refused':
        return this.onRefused(effect.reason, effect.definite);
      // The session asks on by itself, until the deadline.
      case 'no_quorum':
        return this.onTold('no_quorum');
      case 'busy':
        return this.onTold('overloaded');
      case 'evicted':
        return this.onEvicted(effect.reason);
      default:
        return unreachable(effect);
    }
  }

  private onReply({ header, body }: Message<'reply'>): void {
    const pending = this.takeInFlight();
    this.busyPause.onAnswer();
    // Before anybody is told: what they then ask must not lie behind this.
    this.options.onSeen(header);
    pending.resolve({ body: own(body), op: header.op, view: header.view });
    this.options.onReady();
  }

  private onRefused(reason: RefusalReason, definite: boolean): void {
    if (definite && reason === 'busy') return this.onReturned('overloaded');
    if (definite && reason === 'noQuorum') return this.onReturned('no_quorum');
    this.takeInFlight().reject(refusedError(reason, definite));
    this.options.onReady();
  }

  /** Nothing has happened, so it waits, first of all, and is asked again until its time is up. */
  private onReturned(refusedFor: DefiniteRefusal): void {
    const pending = this.inFlight;
    assert(pending?.state === 'sent', 'a request is in flight');
    this.inFlight = null;
    pending.state = 'queued';
    pending.refusedFor = refusedFor;
    this.room.enter(pending.asked.body.length);
    this.onTold(refusedFor);
    this.busyPause.onBusy(this.options.links.now());
  }

  private onTold(reason: DefiniteRefusal): void {
    this.lastRefusal.note(reason, this.options.links.now());
  }

  /** What waits goes on in a new session. */
  private onEvicted(reason: EvictionReason): void {
    this.session = null;
    this.registerPause.onEvicted(this.options.links.now());
    if (this.inFlight === null) return;
    const message = `the session was evicted (${snake(reason)}); the request may have happened`;
    this.takeInFlight().reject(new ClientError({ code: 'evicted', message, definite: false }));
  }
}

function refusedError(reason: RefusalReason, definite: boolean): ClientError {
  if (reason === 'invalid') return requestNotTakenError(definite);
  const message = `the cluster refused the request (${snake(reason)})`;
  return new ClientError({ code: 'refused', message, definite });
}
