import { randomBytes } from 'node:crypto';
import {
  assert,
  type ClientEffect,
  ClientSession,
  type ClusterConfig,
  type HeaderOf,
  isMachineName,
  OPERATIONS_OF_CORE,
  Prng,
  releaseOf,
  sizesOf,
  snake,
} from '@kimberlite/vsr';
import {
  checkObject,
  NO_OPTIONS,
  optionsShape,
  reading,
  type Shape,
  signalOf,
} from './arguments.ts';
import { BusyPause } from './busy-pause.ts';
import { own } from './bytes.ts';
import { sha256 } from './checksum.ts';
import { type ClientClock, systemClock } from './client-clock.ts';
import { randomClientId } from './client-id.ts';
import { ConnectedReplicas } from './connected-replicas.ts';
import { Connection } from './connection.ts';
import { driveSession, type SessionHost } from './drive-session.ts';
import { abortedError, closedError, type DefiniteRefusal, REFUSED } from './endings.ts';
import { ClientError, invalidArgument, tooLargeError } from './errors.ts';
import type { ClusterFacts } from './lane.ts';
import { OperationQueries } from './operation-queries.ts';
import {
  bodyOf,
  checkOperation,
  checkOwnOperation,
  type OperationOptions,
  type OperationQueryOptions,
  type OperationReply,
  QUERY,
  REQUEST,
  requestNotTakenError,
} from './operations.ts';
import { BATCH_SIZE_MIN, bodySizeMax, settingsOf, type Timeouts, timeoutOf } from './options.ts';
import { outlookOf } from './outlook.ts';
import { readModeOf } from './read-mode.ts';
import { VERSION } from './release.ts';
import { Ticker } from './ticker.ts';

/** How a client for operations reaches its cluster. */
export interface OperationClientOptions {
  /** `host:port` of the client port of every replica. */
  readonly endpoints: readonly string[];
  /** Refuse replicas of any other cluster. Left out: whatever cluster answers first. */
  readonly cluster?: bigint;
  /** Refuse replicas that run a state machine of another name. Left out: whichever they run. */
  readonly machine?: string;
  /** Milliseconds that a request or a query may take when it does not say; default 5,000. */
  readonly requestTimeout?: number;
  /**
   * The same for a request whose body has more than 16 KiB; default 15,000, or `requestTimeout`
   * where that is given.
   */
  readonly batchTimeout?: number;
}

/** The cluster as a replica's greeting describes it. */
export interface ClusterDescription {
  readonly cluster: bigint;
  readonly replicaCount: number;
  readonly config: ClusterConfig;
}

interface Waiting {
  readonly resolve: (reply: OperationReply) => void;
  readonly reject: (error: ClientError) => void;
  readonly operation: number;
  readonly body: Uint8Array;
  readonly timeout: number;
  readonly deadline: number;
  /** Why the cluster last refused it, definitely; it is asked again. Null when it did not. */
  refusedFor: DefiniteRefusal | null;
}

const CLIENT: Shape<OperationClientOptions> = optionsShape('a client for operations', {
  endpoints: true,
  cluster: true,
  machine: true,
  requestTimeout: true,
  batchTimeout: true,
});

/**
 * Requests and queries of a state machine of one's own, as bytes. Requests: one session, one at a
 * time, each sent again until it is answered or its time is up. Queries go beside them, many at
 * once. For the built-in kernel use `Client`, which shares sessions between many calls.
 */
export class OperationClient {
  readonly #connections: readonly Connection[];
  readonly #replicas: ConnectedReplicas;
  readonly #timeouts: Timeouts;
  readonly #prng: Prng;
  #description: ClusterDescription | null;
  /** The same, as queries need it. */
  #facts: ClusterFacts | null;
  #cluster: bigint | null;
  #session: ClientSession | null;
  readonly #busyPause: BusyPause;
  /** The one that is asked comes first. */
  readonly #waiting: Waiting[];
  readonly #queries: OperationQueries;
  readonly #clock: ClientClock;
  readonly #ticker: Ticker;
  readonly #sessionHost: SessionHost;
  #closed: boolean;

  /** Begins to connect; throws ClientError `invalid_argument` for options that make no sense. */
  constructor(options: OperationClientOptions, clock: ClientClock = systemClock) {
    checkObject(options, CLIENT);
    const { machine = null, ...others } = options;
    if (machine !== null && !isMachineName(machine)) {
      throw invalidArgument('machine is a name: 1 to 64 characters of a-z 0-9 . _ -');
    }
    const settings = reading(() => settingsOf(others));
    this.#timeouts = settings.timeouts;
    this.#cluster = settings.cluster;
    this.#prng = new Prng(BigInt(`0x${randomBytes(8).toString('hex')}`));
    this.#replicas = new ConnectedReplicas();
    this.#description = null;
    this.#facts = null;
    this.#session = null;
    this.#busyPause = new BusyPause(this.#prng);
    this.#waiting = [];
    this.#clock = clock;
    this.#queries = new OperationQueries({
      links: {
        send: (slot, message) => this.#replicas.send(slot, message),
        connected: () => this.#replicas.slots(),
        now: () => this.#clock.now(),
      },
      client: randomClientId(),
      prng: this.#prng.fork(),
      release: releaseOf(VERSION),
    });
    this.#ticker = new Ticker(clock, (ticks, now) => this.#onTicks(ticks, now));
    this.#sessionHost = {
      send: (slot, message) => this.#replicas.send(slot, message),
      onEffect: (effect) => this.#onEffect(effect),
    };
    this.#closed = false;
    this.#connections = settings.endpoints.map((endpoint) => {
      return new Connection({
        endpoint,
        cluster: () => this.#cluster,
        machine,
        release: releaseOf(VERSION),
        checksum: sha256,
        prng: this.#prng,
        now: () => this.#clock.now(),
        events: {
          onConnected: (connection, hello) => this.#onConnected(connection, hello),
          onMessage: (connection, message) => {
            if (this.#replicas.isRefusalTwice(connection, message)) return;
            this.#drive((session, out) => session.onMessage(message, out));
            this.#queries.onMessage(message);
            this.#flushQueries();
          },
          onCluster: (cluster) => {
            this.#cluster ??= cluster;
          },
          onDown: (connection) => this.#onDown(connection),
        },
      });
    });
    for (const connection of this.#connections) connection.open();
  }

  /** What the cluster said of itself; null before a replica was reached. */
  get description(): ClusterDescription | null {
    return this.#description;
  }

  /**
   * Asks for an operation of the state machine (from 16 on) or of the core (noop, recover,
   * forget_files). Rejects with ClientError: `timeout` (it may have happened), `no_quorum` and
   * `overloaded` (it did not), `refused`, `evicted`, `closed`, `invalid_argument`, `too_large`.
   */
  async request(
    operation: number,
    body: Uint8Array,
    options: OperationOptions = NO_OPTIONS,
  ): Promise<OperationReply> {
    if (this.#closed) {
      const message = 'the client was closed';
      throw new ClientError({ code: 'closed', message, definite: true });
    }
    checkOperation(operation);
    checkObject(options, REQUEST);
    const { bytes, timeout } = reading(() => {
      const copy = bodyOf(body);
      const { write, batch } = this.#timeouts;
      const usual = copy.length > BATCH_SIZE_MIN ? batch : write;
      return { bytes: copy, timeout: timeoutOf(options.timeout, usual) };
    });
    return await new Promise((resolve, reject) => {
      const deadline = this.#clock.now() + timeout;
      const asked = { operation, body: bytes, timeout, deadline, refusedFor: null };
      this.#waiting.push({ resolve, reject, ...asked });
      this.#ticker.start();
      this.#next();
    });
  }

  /**
   * Asks what `isQuery` of the state machine says true of: one replica answers, without a place in
   * the log, and no request waits for it, nor does it wait for one. `consistency` says how fresh
   * the answer must be (default `linearizable`), `prefer` which replica is asked first (default the
   * primary for a linearizable query, the one that has answered fastest for the others), `timeout`
   * when it ends in any case (milliseconds, above zero, at most a day; default `requestTimeout`).
   * No answer goes back behind what this client has seen, its own requests included.
   *
   * Up to 64 queries of a level are in flight at once; more wait here, oldest first. Rejects with
   * ClientError, always definite, for a query changes nothing: `invalid_argument`, `too_large`,
   * `refused` (`validate` or `isQuery` says no), `too_stale` (no replica that can be reached has an
   * answer within the bound; told after the bound or 3 s, whichever is less), at its deadline
   * `no_quorum`, `overloaded` or `timeout`, `unreachable`, `wrong_cluster`, `wrong_machine`,
   * `wrong_version` or `rejected` where no replica can be had, `aborted`, `closed`.
   */
  async query(
    operation: number,
    body: Uint8Array,
    options: OperationQueryOptions = NO_OPTIONS,
  ): Promise<OperationReply> {
    if (this.#closed) throw closedError('not_sent');
    checkOwnOperation(operation);
    checkObject(options, QUERY);
    const { asked, timeout, signal } = reading(() => ({
      asked: { operation, body: bodyOf(body), mode: readModeOf(options) },
      timeout: timeoutOf(options.timeout, this.#timeouts.read),
      signal: signalOf(options.signal),
    }));
    if (signal?.aborted === true) throw abortedError(signal, 'not_sent');
    const reply = this.#queries.ask(asked, { timeout, signal });
    this.#ticker.start();
    this.#flushQueries();
    return await reply;
  }

  /** Ends what waits as `closed`, and every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#queries.close();
    for (const waiting of this.#waiting.splice(0)) {
      const message = 'the client was closed; the request may have happened';
      waiting.reject(new ClientError({ code: 'closed', message, definite: false }));
    }
    this.#ticker.stop();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #onConnected(connection: Connection, hello: HeaderOf<'hello'>): void {
    const { cluster, replicaCount, replica } = hello;
    this.#description ??= { cluster, replicaCount, config: sizesOf(hello) };
    this.#facts ??= { cluster, replicaCount, bodyMax: bodySizeMax(hello.messageSizeMax) };
    this.#replicas.add(replica, connection);
    this.#drive((session, out) => session.onConnect(replica, out));
    this.#next();
    this.#flushQueries();
  }

  #onDown(connection: Connection): void {
    const slot = this.#replicas.remove(connection, this.#connections);
    if (slot === null) return;
    this.#drive((session, out) => session.onDisconnect(slot, out));
    if (this.#replicas.has(slot)) this.#drive((session, out) => session.onConnect(slot, out));
    this.#queries.onDisconnect(slot);
  }

  #onTicks(ticks: number, now: number): void {
    for (let tick = 0; tick < ticks; tick += 1) {
      this.#drive((session, out) => session.onTick(out));
      this.#queries.onTick();
    }
    this.#queries.endLost(outlookOf(this.#connections), now);
    for (const waiting of this.#waiting.filter(({ deadline }) => deadline <= now)) {
      this.#giveUp(waiting);
    }
    for (const connection of this.#connections) connection.breakIfSilent();
    this.#next();
    this.#flushQueries();
    if (this.#waiting.length === 0 && !this.#queries.isActive()) this.#ticker.stop();
  }

  #flushQueries(): void {
    const facts = this.#facts;
    if (facts !== null && !this.#closed) this.#queries.flush(facts);
  }

  /** Registers, or asks what waits first, if nothing is under way. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#description === null || this.#replicas.size === 0) return;
    if (this.#session === null) {
      const { cluster, replicaCount } = this.#description;
      this.#session = new ClientSession({
        cluster,
        client: randomClientId(),
        replicaCount,
        checksum: sha256,
        prng: this.#prng,
        release: releaseOf(VERSION),
      });
      this.#drive((session, out) => session.register(out));
    } else if (this.#session.state === 'ready' && !this.#busyPause.isOn(this.#clock.now())) {
      this.#begin(first);
    }
  }

  /** Sends what waits first; what can't be sent is rejected, and the next one's turn comes. */
  #begin(first: Waiting): void {
    const { operation, body } = first;
    const problem = this.#problemOf(first);
    if (problem !== null) {
      this.#waiting.shift();
      first.reject(problem);
      this.#next();
      return;
    }
    this.#drive((session, out) => {
      if (OPERATIONS_OF_CORE.includes(operation)) session.administer(operation, body, out);
      else session.submit(operation, body, out);
    });
  }

  /** Requests are taken before the cluster's sizes are known. */
  #problemOf({ body }: Waiting): ClientError | null {
    const facts = this.#facts;
    assert(facts !== null, 'a session has a cluster');
    const { bodyMax } = facts;
    return body.length > bodyMax ? tooLargeError(body.length, bodyMax) : null;
  }

  /** Nobody knows what became of a request that is given up: its session ends with it. */
  #giveUp(waiting: Waiting): void {
    const first = this.#waiting[0] === waiting;
    const at = this.#waiting.indexOf(waiting);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    const asked = first && this.#session?.state === 'busy';
    if (asked) this.#session = null;
    const [connection] = this.#connections;
    const unreachable = this.#replicas.size === 0;
    const why = unreachable ? ` (${connection?.reason ?? ''})` : '';
    const refusedFor = asked ? null : waiting.refusedFor;
    const code =
      unreachable && !asked ? outlookOf(this.#connections).code : (refusedFor ?? 'timeout');
    const outcome = asked ? 'it may have happened' : 'the request was not executed';
    const what =
      code === 'timeout' || refusedFor === null
        ? `no answer within ${waiting.timeout} ms${why}`
        : REFUSED[refusedFor];
    const message = `${what}; ${outcome}`;
    waiting.reject(new ClientError({ code, message, definite: !asked }));
  }

  #drive(act: (session: ClientSession, out: ClientEffect[]) => void): void {
    if (this.#session !== null) driveSession(this.#session, this.#sessionHost, act);
  }

  /** Nothing has happened, so it is asked again, until its time is up. */
  #onTold(refusedFor: DefiniteRefusal): void {
    const [first] = this.#waiting;
    if (first !== undefined) first.refusedFor = refusedFor;
    this.#busyPause.onBusy(this.#clock.now());
  }

  #onEffect(effect: Exclude<ClientEffect, { readonly kind: 'send' }>): void {
    if (effect.kind === 'registered') {
      this.#next();
      return;
    }
    // It asks on by itself, until its time is up.
    if (effect.kind === 'no_quorum' || effect.kind === 'busy') return;
    if (effect.kind === 'refused' && effect.definite) {
      const { reason } = effect;
      if (reason === 'busy') return this.#onTold('overloaded');
      if (reason === 'noQuorum') return this.#onTold('no_quorum');
    }
    if (effect.kind === 'evicted') this.#session = null;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    if (effect.kind === 'reply') {
      this.#busyPause.onAnswer();
      const { header, body } = effect.message;
      const facts = this.#facts;
      if (facts !== null) this.#queries.see(header, facts);
      waiting.resolve({ body: own(body), op: header.op, view: header.view });
    } else {
      waiting.reject(endedError(effect));
    }
    assert(this.#waiting.length === 0 || this.#ticker.running, 'what waits has a clock');
    this.#next();
  }
}

/** What the cluster said instead of a reply. */
function endedError(
  effect: Extract<ClientEffect, { readonly kind: 'refused' | 'evicted' }>,
): ClientError {
  if (effect.kind === 'evicted') {
    const why = `the session was evicted (${snake(effect.reason)})`;
    const message = `${why}; the request may have happened`;
    return new ClientError({ code: 'evicted', message, definite: false });
  }
  const { reason, definite } = effect;
  if (reason !== 'invalid') {
    const message = `the cluster refused the request (${snake(reason)})`;
    return new ClientError({ code: 'refused', message, definite });
  }
  return requestNotTakenError(definite);
}
