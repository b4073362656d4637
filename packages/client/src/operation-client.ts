import { randomBytes } from 'node:crypto';
import {
  assert,
  type ClientEffect,
  ClientId,
  ClientSession,
  type ClusterConfig,
  type HeaderOf,
  isMachineName,
  OPERATION_FORGET_FILES,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  OPERATION_USER_MIN,
  Prng,
  releaseOf,
  sizesOf,
  snake,
} from '@kimberlite/vsr';
import { checkObject, NO_OPTIONS, optionsShape, reading, type Shape, shown } from './arguments.ts';
import { BusyPause } from './busy-pause.ts';
import { sha256 } from './checksum.ts';
import { Connection } from './connection.ts';
import { ClientError, invalidArgument, tooLargeError } from './errors.ts';
import { BATCH_SIZE_MIN, bodySizeMax, settingsOf, type Timeouts, timeoutOf } from './options.ts';
import { outlookOf } from './outlook.ts';
import { type DefiniteRefusal, REFUSED } from './pending-call.ts';
import { isRefusalTwice } from './refusal-twice.ts';
import { VERSION } from './release.ts';

/** Milliseconds of a tick of the session. */
const TICK_MILLIS = 10;

export interface OperationClientOptions {
  /** `host:port` of the client port of every replica. */
  readonly endpoints: readonly string[];
  /** Refuse replicas of any other cluster. Left out: whatever cluster answers first. */
  readonly cluster?: bigint;
  /** Refuse replicas that run a state machine of another name. Left out: whichever they run. */
  readonly machine?: string;
  /** Milliseconds that a request may take when it does not say; default 5,000. */
  readonly requestTimeout?: number;
  /** The same for a body of more than 16 KiB; default 15,000, or `requestTimeout` if given. */
  readonly batchTimeout?: number;
}

export interface OperationOptions {
  /** Milliseconds until the request ends in any case, above zero. */
  readonly timeout?: number;
}

export interface OperationReply {
  readonly body: Uint8Array;
  /** Where the request executed. */
  readonly op: number;
  /** View of the primary that answered. */
  readonly view: number;
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
  readonly timer: NodeJS.Timeout;
  /** Why the cluster last refused it, definitely; it is asked again. Null when it did not. */
  refusedFor: DefiniteRefusal | null;
}

const CLIENT: Shape<OperationClientOptions> = {
  whole: 'the options of a client',
  part: 'an option of a client for operations',
  fields: {
    endpoints: true,
    cluster: true,
    machine: true,
    requestTimeout: true,
    batchTimeout: true,
  },
};
const REQUEST: Shape<OperationOptions> = optionsShape('request', { timeout: true });
/** What a client may ask of the core. */
const OF_CORE: readonly number[] = [OPERATION_NOOP, OPERATION_RECOVER, OPERATION_FORGET_FILES];

/**
 * Requests of a state machine of one's own, as bytes: one session, one request at a time, each sent
 * again until it is answered or its time is up. For the built-in kernel use `Client`, which shares
 * sessions between many calls.
 */
export class OperationClient {
  readonly #connections: readonly Connection[];
  readonly #bySlot: Map<number, Connection>;
  readonly #timeouts: Timeouts;
  readonly #prng: Prng;
  #description: ClusterDescription | null;
  #cluster: bigint | null;
  #session: ClientSession | null;
  readonly #busyPause: BusyPause;
  /** The one that is asked comes first. */
  readonly #waiting: Waiting[];
  #ticker: NodeJS.Timeout | null;
  #closed: boolean;

  /** Begins to connect; throws ClientError `invalid_argument` for options that make no sense. */
  constructor(options: OperationClientOptions) {
    checkObject(options, CLIENT);
    const { machine = null, ...others } = options;
    if (machine !== null && !isMachineName(machine)) {
      throw invalidArgument('machine is a name: 1 to 64 characters of a-z 0-9 . _ -');
    }
    const settings = reading(() => settingsOf(others));
    this.#timeouts = settings.timeouts;
    this.#cluster = settings.cluster;
    this.#prng = new Prng(BigInt(`0x${randomBytes(8).toString('hex')}`));
    this.#bySlot = new Map();
    this.#description = null;
    this.#session = null;
    this.#busyPause = new BusyPause(this.#prng);
    this.#waiting = [];
    this.#ticker = null;
    this.#closed = false;
    this.#connections = settings.endpoints.map((endpoint) => {
      return new Connection({
        endpoint,
        cluster: () => this.#cluster,
        machine,
        release: releaseOf(VERSION),
        checksum: sha256,
        prng: this.#prng,
        now: () => performance.now(),
        events: {
          onConnected: (connection, hello) => this.#onConnected(connection, hello),
          onMessage: (connection, message) => {
            if (isRefusalTwice(connection, message, this.#bySlot)) return;
            this.#drive((session, out) => session.onMessage(message, out));
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
      const timer = setTimeout(() => this.#giveUp(waiting, timeout), timeout);
      const waiting: Waiting = { resolve, reject, operation, body: bytes, timer, refusedFor: null };
      this.#waiting.push(waiting);
      this.#ticker ??= setInterval(() => this.#onTick(), TICK_MILLIS);
      this.#next();
    });
  }

  /** Ends what waits as `closed`, and every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) {
      clearTimeout(waiting.timer);
      const message = 'the client was closed; the request may have happened';
      waiting.reject(new ClientError({ code: 'closed', message, definite: false }));
    }
    this.#stopTicking();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #onConnected(connection: Connection, hello: HeaderOf<'hello'>): void {
    const { cluster, replicaCount, replica } = hello;
    this.#description ??= { cluster, replicaCount, config: sizesOf(hello) };
    this.#bySlot.set(replica, connection);
    this.#drive((session, out) => session.onConnect(replica, out));
    this.#next();
  }

  #onDown(connection: Connection): void {
    const { slot } = connection;
    if (slot === null || this.#bySlot.get(slot) !== connection) return;
    this.#bySlot.delete(slot);
    this.#drive((session, out) => session.onDisconnect(slot, out));
  }

  #onTick(): void {
    this.#drive((session, out) => session.onTick(out));
    this.#next();
  }

  /** Registers, or asks what waits first, if nothing is under way. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#description === null || this.#bySlot.size === 0) return;
    if (this.#session === null) {
      const { cluster, replicaCount } = this.#description;
      this.#session = new ClientSession({
        cluster,
        client: ClientId(BigInt(`0x${randomBytes(16).toString('hex')}`) | 1n),
        replicaCount,
        checksum: sha256,
        prng: this.#prng,
        release: releaseOf(VERSION),
      });
      this.#drive((session, out) => session.register(out));
    } else if (this.#session.state === 'ready' && !this.#busyPause.isOn(performance.now())) {
      this.#begin(first);
    }
  }

  /** Sends what waits first; what can't be sent is rejected, and the next one's turn comes. */
  #begin(first: Waiting): void {
    const { operation, body } = first;
    const problem = this.#problemOf(first);
    if (problem !== null) {
      this.#waiting.shift();
      clearTimeout(first.timer);
      if (this.#waiting.length === 0) this.#stopTicking();
      first.reject(problem);
      this.#next();
      return;
    }
    this.#drive((session, out) => {
      if (OF_CORE.includes(operation)) session.administer(operation, body, out);
      else session.submit(operation, body, out);
    });
  }

  /** Requests are taken before the cluster's sizes are known. */
  #problemOf({ body }: Waiting): ClientError | null {
    assert(this.#description !== null, 'a session has a cluster');
    const most = bodySizeMax(this.#description.config.messageSizeMax);
    return body.length > most ? tooLargeError(body.length, most) : null;
  }

  /** Nobody knows what became of a request that is given up: its session ends with it. */
  #giveUp(waiting: Waiting, timeout: number): void {
    const first = this.#waiting[0] === waiting;
    const at = this.#waiting.indexOf(waiting);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    const asked = first && this.#session?.state === 'busy';
    if (asked) this.#session = null;
    const [connection] = this.#connections;
    const unreachable = this.#bySlot.size === 0;
    const why = unreachable ? ` (${connection?.reason ?? ''})` : '';
    const refusedFor = asked ? null : waiting.refusedFor;
    const code =
      unreachable && !asked ? outlookOf(this.#connections).code : (refusedFor ?? 'timeout');
    const outcome = asked ? 'it may have happened' : 'the request was not executed';
    const what =
      code === 'timeout' || refusedFor === null
        ? `no answer within ${timeout} ms${why}`
        : REFUSED[refusedFor];
    const message = `${what}; ${outcome}`;
    waiting.reject(new ClientError({ code, message, definite: !asked }));
    if (this.#waiting.length === 0) this.#stopTicking();
  }

  #stopTicking(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#ticker = null;
  }

  /** Lets the session act, and does what it asks for. */
  #drive(act: (session: ClientSession, out: ClientEffect[]) => void): void {
    const session = this.#session;
    if (session === null) return;
    const out: ClientEffect[] = [];
    act(session, out);
    // Grows while it is walked: a send that finds no connection may lead to another.
    for (const effect of out) {
      if (effect.kind !== 'send') {
        this.#settle(effect);
        continue;
      }
      const { replica, message } = effect;
      const result = this.#bySlot.get(replica)?.send(message) ?? 'unsent';
      if (result === 'held') session.onHeld(message);
      else if (result === 'unsent') session.onUnsent(replica, message, out);
    }
  }

  /** Nothing has happened, so it is asked again, until its time is up. */
  #onTold(refusedFor: DefiniteRefusal): void {
    const [first] = this.#waiting;
    if (first !== undefined) first.refusedFor = refusedFor;
    this.#busyPause.onBusy(performance.now());
  }

  #settle(effect: Exclude<ClientEffect, { readonly kind: 'send' }>): void {
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
    clearTimeout(waiting.timer);
    if (this.#waiting.length === 0) this.#stopTicking();
    if (effect.kind === 'reply') {
      this.#busyPause.onAnswer();
      const { header, body } = effect.message;
      waiting.resolve({ body: body.slice(), op: header.op, view: header.view });
    } else {
      waiting.reject(endedError(effect));
    }
    assert(this.#waiting.length === 0 || this.#ticker !== null, 'what waits has a clock');
    this.#next();
  }
}

function checkOperation(operation: number): void {
  const ofMachine =
    Number.isSafeInteger(operation) && operation >= OPERATION_USER_MIN && operation <= 0xffff;
  if (ofMachine || OF_CORE.includes(operation)) return;
  const rule = `operations of a state machine are ${OPERATION_USER_MIN} to ${0xffff}`;
  throw invalidArgument(`operation ${shown(operation)} does not exist; ${rule}`);
}

/** Bytes of our own: the request waits, and may be sent again. */
function bodyOf(body: Uint8Array): Uint8Array {
  if (body instanceof Uint8Array) return new Uint8Array(body);
  throw invalidArgument(`a body is a Uint8Array, not ${shown(body)}`);
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
  return new ClientError({
    code: 'refused',
    message: "the cluster's state machine does not take this operation with this body",
    definite,
    remedy:
      'Correct the operation or its body to what `validate` of the state machine takes, with a ' +
      '`replyLimit` that fits into a reply (docs/state-machine.md); check that the replicas run ' +
      'the state machine that this program asks.',
  });
}
