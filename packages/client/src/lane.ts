import { decodeResults, KERNEL_CALLS } from '@kimberlite/kernel';
import {
  type AnyMessage,
  assert,
  type ClientEffect,
  ClientSession,
  type EvictionReason,
  type HeaderOf,
  type Message,
  type Prng,
  type RefusalReason,
  snake,
  unreachable,
} from '@kimberlite/vsr';
import { BusyPause } from './busy-pause.ts';
import { sha256 } from './checksum.ts';
import { randomClientId } from './client-id.ts';
import type { SendResult } from './connection.ts';
import { driveSession, type SessionHost } from './drive-session.ts';
import { encodeBatch } from './encode-batch.ts';
import type { DefiniteRefusal } from './endings.ts';
import { ClientError } from './errors.ts';
import type { PendingCall } from './pending-call.ts';
import { RegisterPause } from './register-pause.ts';

/** Milliseconds before a batch is sent again that a primary without quorum refused. */
const NO_QUORUM_PAUSE = 100;

/** What a lane needs from the client around it. */
export interface LaneHost {
  /** Sends to the replica in that slot. */
  send(slot: number, message: AnyMessage): SendResult;
  /** Something may be sent now: a session is ready. */
  onReady(): void;
  /** A replica said that it sees no quorum, or that it is full. */
  onTold(reason: DefiniteRefusal): void;
  /** Calls that definitely did not happen go back to the front of the queue. */
  onReturned(batch: readonly PendingCall[]): void;
  /** A reply came: what it says of the op and the view. */
  onSeen(seen: HeaderOf<'reply'>): void;
  now(): number;
}

export interface LaneOptions {
  readonly host: LaneHost;
  readonly prng: Prng;
  readonly release: number;
}

/** The cluster as the first hello described it. */
export interface ClusterFacts {
  readonly cluster: bigint;
  readonly replicaCount: number;
  /** Bytes of the largest body of a request. */
  readonly bodyMax: number;
}

/**
 * One session and its one request in flight, which carries a batch of calls. An evicted session is
 * replaced by a new one when calls need it.
 */
export class Lane {
  private readonly host: LaneHost;
  private readonly prng: Prng;
  private readonly release: number;
  private session: ClientSession | null;
  private batch: readonly PendingCall[] | null;
  /** When the request in flight was submitted; meaningful while `batch` is there. */
  private submittedAt: number;
  /** No register while this is on. */
  private readonly registerPause: RegisterPause;
  /** No register and no request before this. */
  private pausedUntil: number;
  /** No request while this is on. */
  private readonly busyPause: BusyPause;
  private readonly sessionHost: SessionHost;

  constructor(options: LaneOptions) {
    this.host = options.host;
    this.prng = options.prng;
    this.release = options.release;
    this.session = null;
    this.batch = null;
    this.submittedAt = 0;
    this.registerPause = new RegisterPause(options.prng);
    this.pausedUntil = 0;
    this.busyPause = new BusyPause(options.prng);
    this.sessionHost = {
      send: (slot, message) => this.host.send(slot, message),
      onEffect: (effect) => this.onEffect(effect),
    };
  }

  /** Whether a batch may be submitted now. */
  isReady(): boolean {
    const now = this.host.now();
    if (now < this.pausedUntil || this.busyPause.isOn(now)) return false;
    return this.session?.state === 'ready';
  }

  isRegistering(): boolean {
    return this.session?.state === 'registering';
  }

  /** Whether it could be registered now. */
  isUnregistered(): boolean {
    const now = this.host.now();
    return this.session === null && now >= this.pausedUntil && !this.registerPause.isOn(now);
  }

  /** Newest view that replies have shown, or null before the first. */
  view(): number | null {
    const state = this.session?.state;
    return this.session === null || state === 'registering' ? null : this.session.view;
  }

  sessionNumber(): number | null {
    const session = this.session?.session ?? 0;
    return session === 0 ? null : session;
  }

  /** Calls in flight. */
  inFlight(): number {
    return this.batch?.length ?? 0;
  }

  /** Milliseconds for which the request in flight has waited, or null. */
  waitingFor(now: number): number | null {
    return this.batch === null ? null : now - this.submittedAt;
  }

  /** Whether ticks are needed. */
  isActive(): boolean {
    return this.batch !== null || this.isRegistering();
  }

  /** Visits the calls in flight that are not settled. */
  forEach(visit: (pending: PendingCall) => void): void {
    for (const pending of this.batch ?? []) if (pending.state === 'sent') visit(pending);
  }

  register(facts: ClusterFacts): void {
    assert(this.session === null && this.batch === null, 'one session at a time');
    this.session = new ClientSession({
      cluster: facts.cluster,
      client: randomClientId(),
      replicaCount: facts.replicaCount,
      checksum: sha256,
      prng: this.prng,
      release: this.release,
    });
    this.drive((session, out) => session.register(out));
  }

  /** Sends calls that the queue has marked as sent; at least one. */
  submit(batch: readonly PendingCall[]): void {
    assert(this.batch === null && batch.length > 0, 'one batch at a time');
    const encoded = encodeBatch(batch);
    if (encoded === null) return;
    const { calls, body } = encoded;
    this.batch = calls;
    this.submittedAt = this.host.now();
    this.drive((session, out) => session.submit(KERNEL_CALLS, body, out));
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

  private drive(act: (session: ClientSession, out: ClientEffect[]) => void): void {
    const session = this.session;
    if (session === null) return;
    driveSession(session, this.sessionHost, act);
  }

  private onEffect(effect: Exclude<ClientEffect, { readonly kind: 'send' }>): void {
    switch (effect.kind) {
      case 'registered':
        this.registerPause.onRegistered(this.host.now());
        return this.host.onReady();
      case 'reply':
        this.onReply(effect.message);
        return this.host.onReady();
      case 'refused':
        return this.onRefused(effect.reason, effect.definite);
      case 'no_quorum':
        return this.host.onTold('no_quorum');
      case 'busy':
        return this.host.onTold('overloaded');
      case 'evicted':
        return this.onEvicted(effect.reason);
      default:
        return unreachable(effect);
    }
  }

  private onReply(message: Message<'reply'>): void {
    const batch = this.takeBatch();
    this.busyPause.onAnswer();
    // Before anybody is told: what they then read must not lie behind this.
    this.host.onSeen(message.header);
    const results = decodeResults(message.body);
    if (results === null || results.length !== batch.length) {
      const text = 'the reply does not match the request; the call may have happened';
      rejectAll(batch, { code: 'bad_reply', message: text, definite: false });
      return;
    }
    for (const [index, pending] of batch.entries()) {
      const result = results[index];
      assert(result !== undefined, 'a result for each call');
      pending.resolve(result);
    }
  }

  private onRefused(reason: RefusalReason, definite: boolean): void {
    const batch = this.takeBatch();
    if (definite && (reason === 'noQuorum' || reason === 'busy')) {
      // Nothing happened, so trying again until the deadline is safe, whoever is asked.
      const refusedFor = reason === 'busy' ? 'overloaded' : 'no_quorum';
      for (const pending of batch) pending.refusedFor = refusedFor;
      if (reason === 'busy') this.busyPause.onBusy(this.host.now());
      else this.pausedUntil = this.host.now() + NO_QUORUM_PAUSE;
      this.host.onTold(refusedFor);
      this.host.onReturned(batch);
      return;
    }
    const message = `the cluster refused the request (${snake(reason)})`;
    rejectAll(batch, { code: 'refused', message, definite });
    this.host.onReady();
  }

  private onEvicted(reason: EvictionReason): void {
    const batch = this.batch === null ? [] : this.takeBatch();
    this.registerPause.onEvicted(this.host.now());
    this.session = null;
    const why = `the session was evicted (${snake(reason)})`;
    const message = `${why}; the call in flight may have happened`;
    rejectAll(batch, { code: 'evicted', message, definite: false });
    this.host.onReady();
  }

  private takeBatch(): readonly PendingCall[] {
    const batch = this.batch;
    assert(batch !== null, 'a request is in flight');
    this.batch = null;
    return batch;
  }
}

function rejectAll(
  batch: readonly PendingCall[],
  options: {
    readonly code: 'bad_reply' | 'refused' | 'evicted';
    readonly message: string;
    readonly definite: boolean;
  },
): void {
  for (const pending of batch)
    if (pending.state === 'sent') pending.reject(new ClientError(options));
}
