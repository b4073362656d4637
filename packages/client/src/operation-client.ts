import { randomBytes } from 'node:crypto';
import {
  type AnyMessage,
  type ClusterConfig,
  type HeaderOf,
  isMachineName,
  Prng,
  releaseOf,
  sizesOf,
} from '@kimberlite/vsr';
import {
  checkObject,
  NO_OPTIONS,
  optionsShape,
  reading,
  type Shape,
  signalOf,
} from './arguments.ts';
import { sha256 } from './checksum.ts';
import { type ClientClock, systemClock } from './client-clock.ts';
import { randomClientId } from './client-id.ts';
import { ConnectedReplicas } from './connected-replicas.ts';
import { Connection } from './connection.ts';
import { abortedError, closedError } from './endings.ts';
import { type ClientError, invalidArgument, queueFullError, tooLargeError } from './errors.ts';
import type { ClusterFacts } from './lane.ts';
import { OperationQueries } from './operation-queries.ts';
import { OperationRequests } from './operation-requests.ts';
import {
  bodyOf,
  checkOperation,
  checkOwnOperation,
  type OperationOptions,
  type OperationQueryOptions,
  type OperationReply,
  QUERY,
  REQUEST,
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
  /**
   * Calls that may wait to be sent; default 100,000. More are refused with `queue_full`. Requests
   * and the queries of each level are counted apart.
   */
  readonly queueCallsMax?: number;
  /** Bytes of calls that may wait to be sent, counted likewise; default 64 MiB. */
  readonly queueBytesMax?: number;
}

/** The cluster as a replica's greeting describes it. */
export interface ClusterDescription {
  readonly cluster: bigint;
  readonly replicaCount: number;
  readonly config: ClusterConfig;
}

/** What is asked, before it waits. */
interface Taking {
  /** Bytes of its body. */
  readonly size: number;
  readonly signal: AbortSignal | null;
  readonly hasRoom: boolean;
}

const CLIENT: Shape<OperationClientOptions> = optionsShape('a client for operations', {
  endpoints: true,
  cluster: true,
  machine: true,
  requestTimeout: true,
  batchTimeout: true,
  queueCallsMax: true,
  queueBytesMax: true,
});

/**
 * Requests and queries of a state machine of one's own, as bytes. Requests: one session, one at a
 * time, each sent again until it is answered or given up. Queries go beside them, many at once. For
 * the built-in kernel use `Client`, which shares sessions between many calls.
 */
export class OperationClient {
  readonly #connections: readonly Connection[];
  readonly #replicas: ConnectedReplicas;
  readonly #timeouts: Timeouts;
  #description: ClusterDescription | null;
  /** The same, as what is asked needs it. */
  #facts: ClusterFacts | null;
  #cluster: bigint | null;
  readonly #requests: OperationRequests;
  readonly #queries: OperationQueries;
  readonly #clock: ClientClock;
  readonly #ticker: Ticker;
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
    this.#replicas = new ConnectedReplicas();
    this.#description = null;
    this.#facts = null;
    this.#clock = clock;
    const prng = new Prng(BigInt(`0x${randomBytes(8).toString('hex')}`));
    const release = releaseOf(VERSION);
    const links = {
      send: (slot: number, message: AnyMessage) => this.#replicas.send(slot, message),
      connected: () => this.#replicas.slots(),
      now: () => this.#clock.now(),
    };
    const limits = { callsMax: settings.queueCallsMax, bytesMax: settings.queueBytesMax };
    this.#requests = new OperationRequests({
      links,
      prng: prng.fork(),
      release,
      limits,
      onReady: () => this.#flushRequests(),
      onSeen: (seen) => {
        if (this.#facts !== null) this.#queries.see(seen, this.#facts);
      },
    });
    this.#queries = new OperationQueries({
      links,
      client: randomClientId(),
      prng: prng.fork(),
      release,
      limits,
    });
    this.#ticker = new Ticker(clock, (ticks, now) => this.#onTicks(ticks, now));
    this.#closed = false;
    this.#connections = settings.endpoints.map((endpoint) => {
      return new Connection({
        endpoint,
        cluster: () => this.#cluster,
        machine,
        release,
        checksum: sha256,
        prng: prng.fork(),
        now: () => this.#clock.now(),
        events: {
          onConnected: (connection, hello) => this.#onConnected(connection, hello),
          onMessage: (connection, message) => {
            if (this.#replicas.isRefusalTwice(connection, message)) return;
            this.#requests.onMessage(message);
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
   * forget_files). It waits for the requests before it, in order. `timeout` is when it ends in any
   * case (milliseconds, above zero, at most a day; default `requestTimeout`, or `batchTimeout`
   * above 16 KiB), `signal` gives it up: before it was sent, it did not happen; after, it may have,
   * and those behind it go on in a new session.
   *
   * Rejects with ClientError. Definite: `invalid_argument`, `too_large`, `queue_full` (more waits
   * than `queueCallsMax` or `queueBytesMax` allow), `no_quorum`, `overloaded`, and `refused` as
   * told.
   * Definite unless it was sent: `timeout`, `unreachable`, `wrong_cluster`, `wrong_machine`,
   * `wrong_version` or `rejected` at its deadline, `aborted`, `closed`. Never definite: `evicted`.
   */
  async request(
    operation: number,
    body: Uint8Array,
    options: OperationOptions = NO_OPTIONS,
  ): Promise<OperationReply> {
    if (this.#closed) throw closedError('not_sent');
    checkOperation(operation);
    checkObject(options, REQUEST);
    const { asked, timeout, signal } = reading(() => {
      const bytes = bodyOf(body);
      const { write, batch } = this.#timeouts;
      const usual = bytes.length > BATCH_SIZE_MIN ? batch : write;
      return {
        asked: { operation, body: bytes },
        timeout: timeoutOf(options.timeout, usual),
        signal: signalOf(options.signal),
      };
    });
    const size = asked.body.length;
    const refusal = this.#refusalOf({ size, signal, hasRoom: this.#requests.hasRoom(size) });
    if (refusal !== null) throw refusal;
    const reply = this.#requests.ask(asked, { timeout, signal });
    this.#ticker.start();
    this.#flushRequests();
    return await reply;
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
   * `queue_full` (more of its level wait than `queueCallsMax` or `queueBytesMax` allow),
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
    const size = asked.body.length;
    const hasRoom = this.#queries.hasRoom(asked.mode, size);
    const refusal = this.#refusalOf({ size, signal, hasRoom });
    if (refusal !== null) throw refusal;
    const reply = this.#queries.ask(asked, { timeout, signal });
    this.#ticker.start();
    this.#flushQueries();
    return await reply;
  }

  /** Ends what waits as `closed`, and every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#requests.close();
    this.#queries.close();
    this.#ticker.stop();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  /** Why it is not taken; null where it is. */
  #refusalOf({ size, signal, hasRoom }: Taking): ClientError | null {
    if (signal?.aborted === true) return abortedError(signal, 'not_sent');
    const sizeMax = this.#facts?.bodyMax ?? size;
    if (size > sizeMax) return tooLargeError(size, sizeMax);
    return hasRoom ? null : queueFullError();
  }

  #onConnected(connection: Connection, hello: HeaderOf<'hello'>): void {
    const { cluster, replicaCount, replica } = hello;
    this.#description ??= { cluster, replicaCount, config: sizesOf(hello) };
    this.#facts ??= { cluster, replicaCount, bodyMax: bodySizeMax(hello.messageSizeMax) };
    this.#replicas.add(replica, connection);
    this.#requests.onConnect(replica);
    this.#flushRequests();
    this.#flushQueries();
  }

  #onDown(connection: Connection): void {
    const slot = this.#replicas.remove(connection, this.#connections);
    if (slot === null) return;
    this.#requests.onDisconnect(slot);
    if (this.#replicas.has(slot)) this.#requests.onConnect(slot);
    this.#queries.onDisconnect(slot);
  }

  #onTicks(ticks: number, now: number): void {
    for (let tick = 0; tick < ticks; tick += 1) {
      this.#requests.onTick();
      this.#queries.onTick();
    }
    const outlook = outlookOf(this.#connections);
    this.#requests.endOverdue(outlook, now);
    this.#queries.endLost(outlook, now);
    for (const connection of this.#connections) connection.breakIfSilent();
    this.#flushRequests();
    this.#flushQueries();
    if (!this.#requests.isActive() && !this.#queries.isActive()) this.#ticker.stop();
  }

  #flushRequests(): void {
    const facts = this.#facts;
    if (facts !== null && !this.#closed) this.#requests.flush(facts);
  }

  #flushQueries(): void {
    const facts = this.#facts;
    if (facts !== null && !this.#closed) this.#queries.flush(facts);
  }
}
