import { randomBytes } from 'node:crypto';
import {
  type Call,
  callProblem,
  KERNEL_NAME,
  LIST_HEADER_SIZE,
  type Result,
} from '@kimberlite/kernel';
import { type AnyMessage, type HeaderOf, Prng, releaseOf } from '@kimberlite/vsr';
import { CallQueue } from './call-queue.ts';
import { sha256 } from './checksum.ts';
import { type ClientClock, systemClock } from './client-clock.ts';
import { Connection } from './connection.ts';
import { ClientError, type ClientErrorCode, problemError, tooLargeError } from './errors.ts';
import { type ClusterFacts, Lane, type LaneHost, randomClientId } from './lane.ts';
import { bodySizeMax, type ClientSettings } from './options.ts';
import { outlookOf } from './outlook.ts';
import { abortedError, type DefiniteRefusal, PendingCall, REFUSED } from './pending-call.ts';
import type { ReadMode } from './read-mode.ts';
import { Reader } from './reader.ts';
import { isRefusalTwice } from './refusal-twice.ts';
import { VERSION } from './release.ts';
import { type ClientStatus, type ConnectionEvent, statusOf } from './status.ts';

const TICK_MILLIS = 10;
/** Late ticks that are made up for; more would only repeat retransmissions. */
const TICKS_LATE_MAX = 5;
/** For so long, in milliseconds, a replica's word that it takes nothing says why nothing moves. */
const TOLD_MILLIS = 1_000;
/** A connection that is silent for so long while a request waits is broken and made anew. */
const SILENCE_MILLIS = 3_000;

export interface CallRequest {
  readonly call: Call;
  /** How it is read without a place in the log; null for a place in it. */
  readonly read: ReadMode | null;
  readonly timeout: number;
  readonly signal: AbortSignal | null;
}

/** Someone who waits for the first connection. */
interface Waiter {
  readonly startedAt: number;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: ClientError) => void;
}

/**
 * The engine of a client: queue, lanes, connections, deadlines. Calls are gathered while every lane
 * has a request in flight, and otherwise until the end of the event loop's turn; no call waits for
 * a timer to be sent.
 */
export class Dispatcher {
  private readonly prng: Prng;
  private readonly queue: CallQueue;
  private readonly connections: readonly Connection[];
  private readonly bySlot: Map<number, Connection>;
  private readonly lanes: readonly Lane[];
  private readonly reader: Reader;
  private readonly onEvent: (event: ConnectionEvent) => void;
  private waiters: Waiter[];
  private cluster: bigint | null;
  private facts: ClusterFacts | null;
  private flushScheduled: boolean;
  private readonly clock: ClientClock;
  /** Ends the ticks; null while there are none. */
  private stopTicks: (() => void) | null;
  private tickedAt: number;
  /** At or before the earliest deadline of all calls. */
  private deadlineNext: number;
  /** What a replica last said of why it takes nothing, */
  private toldReason: DefiniteRefusal;
  /** and when. */
  private toldAt: number;
  private closing: Promise<void> | null;

  constructor(
    settings: ClientSettings,
    onEvent: (event: ConnectionEvent) => void,
    clock: ClientClock = systemClock,
  ) {
    this.clock = clock;
    const release = releaseOf(VERSION);
    this.prng = new Prng(randomBytes(8).readBigUInt64LE());
    const { queueCallsMax: callsMax, queueBytesMax: bytesMax } = settings;
    this.queue = new CallQueue({ callsMax, bytesMax });
    this.connections = settings.endpoints.map((endpoint) => {
      return new Connection({
        endpoint,
        cluster: () => this.cluster,
        machine: KERNEL_NAME,
        release,
        checksum: sha256,
        prng: this.prng.fork(),
        now: () => this.clock.now(),
        events: this.connectionEvents(),
      });
    });
    this.bySlot = new Map();
    this.lanes = Array.from({ length: settings.lanes }, () => {
      return new Lane({ host: this.laneHost(), prng: this.prng.fork(), release });
    });
    this.reader = new Reader({
      host: {
        send: (slot, message) => this.bySlot.get(slot)?.send(message) ?? 'unsent',
        connected: () => [...this.bySlot.keys()],
        onReady: () => this.scheduleFlush(),
        now: () => this.clock.now(),
      },
      client: randomClientId(),
      prng: this.prng.fork(),
      release,
      limits: { callsMax, bytesMax },
    });
    this.onEvent = onEvent;
    this.waiters = [];
    this.cluster = settings.cluster;
    this.facts = null;
    this.flushScheduled = false;
    this.stopTicks = null;
    this.tickedAt = 0;
    this.deadlineNext = Number.POSITIVE_INFINITY;
    this.toldReason = 'no_quorum';
    this.toldAt = Number.NEGATIVE_INFINITY;
    this.closing = null;
  }

  /** Begins to connect. */
  open(): void {
    for (const connection of this.connections) connection.open();
  }

  /** Performs one call; rejects with a ClientError and nothing else. */
  call(request: CallRequest): Promise<Result> {
    const { call, signal, read } = request;
    const refusal = this.refusalOf(request);
    if (refusal !== null) return Promise.reject(refusal);
    const now = this.clock.now();
    const deadline = now + request.timeout;
    const onSettledQueued = (settled: PendingCall): void => {
      if (read === null) this.queue.onSettled(settled);
      else this.reader.onSettled(settled, read);
    };
    const isQuery = read !== null;
    const pending = new PendingCall({ call, isQuery, signal, deadline, now, onSettledQueued });
    if (read === null) this.queue.push(pending);
    else this.reader.push(pending, read);
    const sizeMax = this.facts === null ? pending.size : this.callSizeMax(this.facts);
    if (pending.size > sizeMax) pending.reject(tooLargeError(pending.size, sizeMax));
    this.deadlineNext = Math.min(this.deadlineNext, deadline);
    this.scheduleFlush();
    this.startTicking();
    return pending.promise;
  }

  /** Resolves at the first greeted connection; rejects as a call would. */
  connected(timeout: number): Promise<void> {
    if (this.closing !== null) return Promise.reject(closedError('not_sent'));
    if (this.facts !== null && this.bySlot.size > 0) return Promise.resolve();
    const startedAt = this.clock.now();
    this.startTicking();
    return new Promise((resolve, reject) => {
      this.waiters.push({ startedAt, deadline: startedAt + timeout, resolve, reject });
    });
  }

  status(): ClientStatus {
    return statusOf({
      closed: this.closing !== null,
      cluster: this.facts?.cluster ?? this.cluster,
      connections: this.connections,
      lanes: this.lanes,
      reader: this.reader,
      queued: this.queue.length,
    });
  }

  /** Settles every call, then closes the sockets. Idempotent, at any moment. */
  close(): Promise<void> {
    if (this.closing !== null) return this.closing;
    this.endTicking();
    // Set before anything is settled: what the callers do next already finds the client closed.
    this.closing = Promise.all(this.connections.map((connection) => connection.close())).then(
      () => {},
    );
    for (const waiter of this.waiters.splice(0)) waiter.reject(closedError('not_sent'));
    this.forEach((pending) => pending.reject(closedError(pending.outcome)));
    this.bySlot.clear();
    return this.closing;
  }

  private refusalOf({ call, signal, read }: CallRequest): ClientError | null {
    if (this.closing !== null) return closedError('not_sent');
    if (signal?.aborted === true) return abortedError(signal, 'not_sent');
    const problem = callProblem(call);
    if (problem !== null) return problemError(problem);
    // Counted by what the values take; the few bytes around them do not matter here.
    if (read === null ? this.queue.hasRoom(0) : this.reader.hasRoom(read)) return null;
    const message = 'too many calls are waiting to be sent';
    return new ClientError({ code: 'queue_full', message, definite: true });
  }

  /** Visits every call that is not settled. */
  private forEach(visit: (pending: PendingCall) => void): void {
    this.queue.forEach(visit);
    this.reader.forEach(visit);
    for (const lane of this.lanes) lane.forEach(visit);
  }

  private callSizeMax(facts: ClusterFacts): number {
    return facts.bodyMax - LIST_HEADER_SIZE;
  }

  private connectionEvents(): ConstructorParameters<typeof Connection>[0]['events'] {
    return {
      onConnected: (connection, hello) => this.onConnected(connection, hello),
      onCluster: (cluster) => {
        this.cluster ??= cluster;
      },
      onMessage: (connection, message) => {
        if (isRefusalTwice(connection, message, this.bySlot)) return;
        for (const lane of this.lanes) lane.onMessage(message);
        this.reader.onMessage(message);
      },
      onDown: (connection, wasConnected) => this.onDown(connection, wasConnected),
    };
  }

  private laneHost(): LaneHost {
    return {
      send: (slot: number, message: AnyMessage) => this.bySlot.get(slot)?.send(message) ?? 'unsent',
      // At the end of the turn: callers that were just answered may join with their next call.
      onReady: () => this.scheduleFlush(),
      onTold: (reason) => {
        this.toldReason = reason;
        this.toldAt = this.clock.now();
      },
      onReturned: (batch) => {
        this.queue.unshift(batch);
      },
      onSeen: (seen) => {
        if (this.facts !== null) this.reader.see(seen, this.facts);
      },
      now: () => this.clock.now(),
    };
  }

  private onConnected(connection: Connection, hello: HeaderOf<'hello'>): void {
    if (this.closing !== null) return;
    this.cluster ??= hello.cluster;
    this.facts ??= {
      cluster: hello.cluster,
      replicaCount: hello.replicaCount,
      bodyMax: bodySizeMax(hello.messageSizeMax),
    };
    this.bySlot.set(hello.replica, connection);
    this.onEvent({ kind: 'connected', endpoint: connection.endpoint.name, slot: hello.replica });
    for (const waiter of this.waiters.splice(0)) waiter.resolve();
    for (const lane of this.lanes) lane.onConnect(hello.replica);
    this.flush();
  }

  private onDown(connection: Connection, wasConnected: boolean): void {
    if (this.closing !== null) return;
    const { slot, reason } = connection;
    const endpoint = connection.endpoint.name;
    if (slot !== null && this.bySlot.get(slot) === connection) this.bySlot.delete(slot);
    if (connection.state === 'rejected') {
      this.onEvent({ kind: 'rejected', endpoint, reason });
    } else if (wasConnected) {
      this.onEvent({ kind: 'disconnected', endpoint, reason });
    }
    if (wasConnected && slot !== null) {
      for (const lane of this.lanes) lane.onDisconnect(slot);
      this.reader.onDisconnect(slot);
    }
    this.failHopeless();
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  /** Hands what waits to the lanes that are free, and opens another lane when all are taken. */
  private flush(): void {
    const facts = this.facts;
    if (facts === null || this.closing !== null || this.bySlot.size === 0) return;
    this.reader.flush(facts);
    if (this.queue.length === 0) return;
    for (const lane of this.lanes) {
      while (this.queue.length > 0 && lane.isReady()) this.submit(lane, facts);
    }
    if (this.queue.length === 0 || this.lanes.some((lane) => lane.isRegistering())) return;
    this.lanes.find((lane) => lane.isUnregistered())?.register(facts);
  }

  private submit(lane: Lane, facts: ClusterFacts): void {
    const taken = this.queue.take(facts.bodyMax);
    const [first] = taken;
    if (first === undefined) return;
    // Queued before the cluster's sizes were known; such a call is always alone in its batch.
    const sizeMax = this.callSizeMax(facts);
    if (first.size > sizeMax) {
      for (const pending of taken) pending.reject(tooLargeError(pending.size, sizeMax));
      return;
    }
    lane.submit(taken);
  }

  private startTicking(): void {
    if (this.stopTicks !== null) return;
    this.tickedAt = this.clock.now();
    this.stopTicks = this.clock.every(TICK_MILLIS, () => this.onInterval());
  }

  private endTicking(): void {
    this.stopTicks?.();
    this.stopTicks = null;
  }

  private onInterval(): void {
    const now = this.clock.now();
    const ticks = Math.floor((now - this.tickedAt) / TICK_MILLIS);
    this.tickedAt += ticks * TICK_MILLIS;
    for (let tick = 0; tick < Math.min(ticks, TICKS_LATE_MAX); tick += 1) {
      for (const lane of this.lanes) lane.onTick();
      this.reader.onTick();
    }
    if (now >= this.deadlineNext) this.endOverdue(now);
    this.endWaiters(now);
    this.failHopeless();
    this.breakSilent(now);
    this.flush();
    const active = this.queue.length + this.waiters.length > 0 || this.reader.isActive();
    if (active || this.lanes.some((lane) => lane.isActive())) return;
    this.endTicking();
  }

  private endOverdue(now: number): void {
    let next = Number.POSITIVE_INFINITY;
    const visit = (pending: PendingCall): void => {
      if (pending.deadline > now) next = Math.min(next, pending.deadline);
      else pending.reject(this.overdueError(pending));
    };
    this.forEach(visit);
    this.deadlineNext = next;
  }

  private overdueError(pending: PendingCall): ClientError {
    const definite = pending.outcome !== 'unknown';
    const millis = Math.round(pending.deadline - pending.startedAt);
    const outcome = OVERDUE[pending.outcome];
    const outlook = outlookOf(this.connections);
    const refusedFor = pending.refusedFor ?? this.toldFor(pending);
    if (definite && refusedFor !== null) {
      const message = `${REFUSED[refusedFor]}; the call was not executed`;
      return new ClientError({ code: refusedFor, message, definite });
    }
    const code: ClientErrorCode = outlook.connected ? 'timeout' : outlook.code;
    const why = outlook.connected ? '' : `; ${outlook.message}`;
    const message = `no answer within ${millis} ms; ${outcome}${why}`;
    return new ClientError({ code, message, definite });
  }

  /** What was said lately of all that is asked for. Writes are full apart from reads. */
  private toldFor(pending: PendingCall): DefiniteRefusal | null {
    if (this.clock.now() - this.toldAt > TOLD_MILLIS) return null;
    return this.toldReason === 'overloaded' && pending.isQuery ? null : this.toldReason;
  }

  private endWaiters(now: number): void {
    const overdue = this.waiters.filter((waiter) => waiter.deadline <= now);
    if (overdue.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => waiter.deadline > now);
    const { code, message } = outlookOf(this.connections);
    for (const waiter of overdue) waiter.reject(new ClientError({ code, message, definite: true }));
  }

  /** Ends, before its deadline, what was never sent and has no endpoint left to go to. */
  private failHopeless(): void {
    const outlook = outlookOf(this.connections);
    if (outlook.connected) return;
    const now = this.clock.now();
    const { code, message } = outlook;
    const hopeless = (startedAt: number, deadline: number): boolean =>
      outlook.isHopeless({ startedAt, deadline, now });
    const lost = this.waiters.filter((waiter) => hopeless(waiter.startedAt, waiter.deadline));
    this.waiters = this.waiters.filter((waiter) => !lost.includes(waiter));
    for (const waiter of lost) waiter.reject(new ClientError({ code, message, definite: true }));
    this.forEach((pending) => {
      if (pending.state !== 'queued') return;
      if (!hopeless(pending.startedAt, pending.deadline)) return;
      pending.reject(
        new ClientError({ code, message: `${message}; the call was not sent`, definite: true }),
      );
    });
  }

  private breakSilent(now: number): void {
    const waits = [...this.lanes, this.reader].some(
      (asker) => (asker.waitingFor(now) ?? 0) >= SILENCE_MILLIS,
    );
    if (!waits) return;
    for (const connection of this.connections) connection.breakIfSilent(SILENCE_MILLIS);
  }
}

const OVERDUE: Readonly<Record<PendingCall['outcome'], string>> = {
  not_sent: 'it was not sent',
  nothing_changed: 'nothing was changed',
  unknown: 'it may have happened',
};

function closedError(outcome: PendingCall['outcome']): ClientError {
  const what = {
    not_sent: 'the call was not sent',
    nothing_changed: 'the read was not answered',
    unknown: 'the call in flight may have happened',
  };
  return new ClientError({
    code: 'closed',
    message: `the client was closed; ${what[outcome]}`,
    definite: outcome !== 'unknown',
  });
}
