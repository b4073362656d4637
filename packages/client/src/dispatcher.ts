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
import { randomClientId } from './client-id.ts';
import { ConnectedReplicas } from './connected-replicas.ts';
import { Connection, SILENCE_MILLIS } from './connection.ts';
import {
  abortedError,
  closedError,
  type DefiniteRefusal,
  hopelessError,
  overdueError,
} from './endings.ts';
import { ClientError, problemError, queueFullError, tooLargeError } from './errors.ts';
import { type ClusterFacts, Lane, type LaneHost } from './lane.ts';
import { LastRefusal } from './last-refusal.ts';
import { bodySizeMax, type ClientSettings } from './options.ts';
import { outlookOf } from './outlook.ts';
import { type PendingCall, pendingCall } from './pending-call.ts';
import { QueueRoom } from './queue-room.ts';
import type { ReadMode } from './read-mode.ts';
import { Reader } from './reader.ts';
import { VERSION } from './release.ts';
import { type ClientStatus, type ConnectionEvent, statusOf } from './status.ts';
import { Ticker } from './ticker.ts';

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
  /** Of what waits for a place in the log. */
  private readonly room: QueueRoom;
  private readonly queue: CallQueue;
  private readonly connections: readonly Connection[];
  private readonly replicas: ConnectedReplicas;
  private readonly lanes: readonly Lane[];
  private readonly reader: Reader;
  private readonly onEvent: (event: ConnectionEvent) => void;
  private waiters: Waiter[];
  private cluster: bigint | null;
  private facts: ClusterFacts | null;
  private flushScheduled: boolean;
  private readonly clock: ClientClock;
  private readonly ticker: Ticker;
  /** At or before the earliest deadline of all calls. */
  private deadlineNext: number;
  private readonly lastRefusal: LastRefusal;
  private closing: Promise<void> | null;

  constructor(
    settings: ClientSettings,
    onEvent: (event: ConnectionEvent) => void,
    clock: ClientClock = systemClock,
  ) {
    this.clock = clock;
    const release = releaseOf(VERSION);
    this.prng = new Prng(randomBytes(8).readBigUInt64LE());
    const limits = { callsMax: settings.queueCallsMax, bytesMax: settings.queueBytesMax };
    this.room = new QueueRoom(limits);
    this.queue = new CallQueue(this.room);
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
    this.replicas = new ConnectedReplicas();
    this.lanes = Array.from({ length: settings.lanes }, () => {
      return new Lane({ host: this.laneHost(), prng: this.prng.fork(), release });
    });
    this.reader = new Reader({
      links: {
        send: (slot, message) => this.replicas.send(slot, message),
        connected: () => this.replicas.slots(),
        now: () => this.clock.now(),
      },
      onReady: () => this.scheduleFlush(),
      client: randomClientId(),
      prng: this.prng.fork(),
      release,
      limits,
    });
    this.onEvent = onEvent;
    this.waiters = [];
    this.cluster = settings.cluster;
    this.facts = null;
    this.flushScheduled = false;
    this.ticker = new Ticker(clock, (ticks, now) => this.onTicks(ticks, now));
    this.deadlineNext = Number.POSITIVE_INFINITY;
    this.lastRefusal = new LastRefusal();
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
    const pending = pendingCall(call, { isQuery, signal, deadline, now, onSettledQueued });
    if (read === null) this.queue.push(pending);
    else this.reader.push(pending, read);
    const { size } = pending.asked;
    const sizeMax = this.facts === null ? size : this.callSizeMax(this.facts);
    if (size > sizeMax) pending.reject(tooLargeError(size, sizeMax));
    this.deadlineNext = Math.min(this.deadlineNext, deadline);
    this.scheduleFlush();
    this.ticker.start();
    return pending.promise;
  }

  /** Resolves at the first greeted connection; rejects as a call would. */
  connected(timeout: number): Promise<void> {
    if (this.closing !== null) return Promise.reject(closedError('not_sent'));
    if (this.facts !== null && this.replicas.size > 0) return Promise.resolve();
    const startedAt = this.clock.now();
    this.ticker.start();
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
    this.ticker.stop();
    // Set before anything is settled: what the callers do next already finds the client closed.
    this.closing = Promise.all(this.connections.map((connection) => connection.close())).then(
      () => {},
    );
    for (const waiter of this.waiters.splice(0)) waiter.reject(closedError('not_sent'));
    this.forEach((pending) => pending.reject(closedError(pending.outcome)));
    this.replicas.clear();
    return this.closing;
  }

  private refusalOf({ call, signal, read }: CallRequest): ClientError | null {
    if (this.closing !== null) return closedError('not_sent');
    if (signal?.aborted === true) return abortedError(signal, 'not_sent');
    const problem = callProblem(call);
    if (problem !== null) return problemError(problem);
    // Counted by what the values take; the few bytes around them do not matter here.
    if (read === null ? this.room.has(0) : this.reader.hasRoom(read, 0)) return null;
    return queueFullError();
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
        if (this.replicas.isRefusalTwice(connection, message)) return;
        for (const lane of this.lanes) lane.onMessage(message);
        this.reader.onMessage(message);
      },
      onDown: (connection, wasConnected) => this.onDown(connection, wasConnected),
    };
  }

  private laneHost(): LaneHost {
    return {
      send: (slot: number, message: AnyMessage) => this.replicas.send(slot, message),
      // At the end of the turn: callers that were just answered may join with their next call.
      onReady: () => this.scheduleFlush(),
      onTold: (reason) => this.lastRefusal.note(reason, this.clock.now()),
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
    this.replicas.add(hello.replica, connection);
    this.onEvent({ kind: 'connected', endpoint: connection.endpoint.name, slot: hello.replica });
    for (const waiter of this.waiters.splice(0)) waiter.resolve();
    for (const lane of this.lanes) lane.onConnect(hello.replica);
    this.flush();
  }

  private onDown(connection: Connection, wasConnected: boolean): void {
    if (this.closing !== null) return;
    const { reason } = connection;
    const endpoint = connection.endpoint.name;
    const slot = this.replicas.remove(connection, this.connections);
    if (connection.state === 'rejected') {
      this.onEvent({ kind: 'rejected', endpoint, reason });
    } else if (wasConnected) {
      this.onEvent({ kind: 'disconnected', endpoint, reason });
    }
    if (slot !== null) {
      for (const lane of this.lanes) {
        lane.onDisconnect(slot);
        if (this.replicas.has(slot)) lane.onConnect(slot);
      }
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
    if (facts === null || this.closing !== null || this.replicas.size === 0) return;
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
    if (first.asked.size > sizeMax) {
      for (const pending of taken) pending.reject(tooLargeError(pending.asked.size, sizeMax));
      return;
    }
    lane.submit(taken);
  }

  private onTicks(ticks: number, now: number): void {
    for (let tick = 0; tick < ticks; tick += 1) {
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
    this.ticker.stop();
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
    const { outcome, deadline, startedAt } = pending;
    const refusedFor = pending.refusedFor ?? this.toldFor(pending);
    const overdue = { outcome, millis: deadline - startedAt, refusedFor };
    return overdueError(overdue, outlookOf(this.connections));
  }

  /** What was said lately of all that is asked for. Writes are full apart from reads. */
  private toldFor(pending: PendingCall): DefiniteRefusal | null {
    const reason = this.lastRefusal.at(this.clock.now());
    return reason === 'overloaded' && pending.isQuery ? null : reason;
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
      pending.reject(hopelessError(outlook));
    });
  }

  private breakSilent(now: number): void {
    const waits = [...this.lanes, this.reader].some(
      (asker) => (asker.waitingFor(now) ?? 0) >= SILENCE_MILLIS,
    );
    if (!waits) return;
    for (const connection of this.connections) connection.breakIfSilent();
  }
}
