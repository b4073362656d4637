import { createConnection, type Socket } from 'node:net';
import {
  type AnyMessage,
  type ChecksumFunction,
  clientHello,
  FrameDecoder,
  type FrameFault,
  type HeaderOf,
  isCommand,
  machineNameHash,
  type Prng,
  REJECTION_REASONS,
  type RejectionReason,
  reasonName,
  SECTOR_SIZE,
  snake,
  VOTERS_MAX,
} from '@kimberlite/vsr';
import { text } from './bytes.ts';
import type { Endpoint } from './options.ts';

/** Milliseconds from the first SYN to the replica's hello, at most. */
const GREETING_TIMEOUT_MILLIS = 2_000;
/** A connection that is silent for so long, in milliseconds, while a request waits is made anew. */
export const SILENCE_MILLIS = 3_000;
const RECONNECT_MILLIS_MIN = 50;
const RECONNECT_MILLIS_MAX = 1_000;
/** Bytes that may wait in a socket; above, messages are dropped and asked again later. */
const SEND_BUFFER_MAX: number = 8 * 1024 * 1024;
/** No cluster's messages are larger; the cluster's own limit comes with its hello. */
const MESSAGE_SIZE_LIMIT: number = 1024 * 1024;
/** What a slow link takes in a millisecond: 1 Mbit/s. Silence is borne for longer by that. */
const SLOW_LINK_BYTES_A_MILLI = 125;
const HTTP_PORT = 'this is an HTTP port; give the client port of a replica';

/**
 * `connecting`: TCP or greeting under way. `connected`: greeted. `disconnected`: waits to try
 * again. `rejected`: the replica refused this client, or what listens is not one; tried again, more
 * slowly.
 */
export type ConnectionState = 'connecting' | 'connected' | 'disconnected' | 'rejected' | 'closed';

/**
 * What became of a message. `held`: the same one is still being written out here, so a second copy
 * would only stand behind it. `unsent`: there is no connection, or no room in it.
 */
export type SendResult = 'sent' | 'held' | 'unsent';

/** A message of which the system has not taken every byte yet. */
interface Writing {
  readonly message: AnyMessage;
  /** Bytes of the socket up to its end. */
  readonly end: number;
}

/** What happened to a connection; nothing of it is called after `close`. */
export interface ConnectionEvents {
  onConnected(connection: Connection, hello: HeaderOf<'hello'>): void;
  onMessage(connection: Connection, message: AnyMessage): void;
  /** A replica says which cluster it belongs to, and the client named none. */
  onCluster(cluster: bigint): void;
  /** After every failed attempt and every loss; `wasConnected` tells which. */
  onDown(connection: Connection, wasConnected: boolean): void;
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  /** The cluster that is asked for; null for any. May become known later. */
  readonly cluster: () => bigint | null;
  /** Name of the state machine that is asked for; null for any. */
  readonly machine: string | null;
  readonly release: number;
  readonly checksum: ChecksumFunction;
  readonly prng: Prng;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly events: ConnectionEvents;
}

/** One TCP connection to one replica that comes back by itself until it is closed. */
export class Connection {
  readonly endpoint: Endpoint;
  private readonly options: ConnectionOptions;
  private stateNow: ConnectionState;
  private socket: Socket | null;
  private decoder: FrameDecoder | null;
  private timer: NodeJS.Timeout | null;
  private pauseMillis: number;
  private slotNow: number | null;
  private reasonNow: string;
  private rejectionNow: RejectionReason | null;
  private failedAtNow: number;
  private unansweredSince: number | null;
  /** Bytes sent since then. */
  private unansweredBytes: number;
  /** Bytes handed to the socket in its life. */
  private handedBytes: number;
  /** Oldest first; looked at when something is sent. */
  private writing: Writing[];
  /** What answers before any greeting speaks HTTP. */
  private speaksHttp: boolean;

  constructor(options: ConnectionOptions) {
    this.endpoint = options.endpoint;
    this.options = options;
    this.stateNow = 'disconnected';
    this.socket = null;
    this.decoder = null;
    this.timer = null;
    this.pauseMillis = RECONNECT_MILLIS_MIN;
    this.slotNow = null;
    this.reasonNow = 'not tried yet';
    this.rejectionNow = null;
    this.failedAtNow = Number.NEGATIVE_INFINITY;
    this.unansweredSince = null;
    this.unansweredBytes = 0;
    this.handedBytes = 0;
    this.writing = [];
    this.speaksHttp = false;
  }

  get state(): ConnectionState {
    return this.stateNow;
  }

  /** Member slot of the replica, as its last hello said. */
  get slot(): number | null {
    return this.slotNow;
  }

  /** Why it is not connected, for people; empty while it is. */
  get reason(): string {
    return this.reasonNow;
  }

  /** Why the replica refuses this client; null when it does not. */
  get rejection(): RejectionReason | null {
    return this.rejectionNow;
  }

  /** When it last failed, in the client's milliseconds; -Infinity for never. */
  get failedAt(): number {
    return this.failedAtNow;
  }

  /** Begins to connect. */
  open(): void {
    if (this.stateNow === 'closed' || this.socket !== null) return;
    this.stopTimer();
    // A rejected one is shown as such until another greeting has succeeded.
    if (this.stateNow !== 'rejected') this.stateNow = 'connecting';
    const { host, port } = this.endpoint;
    const socket = createConnection({ host, port, noDelay: true, keepAlive: true });
    this.socket = socket;
    this.handedBytes = 0;
    this.writing = [];
    this.speaksHttp = false;
    this.decoder = new FrameDecoder({
      messageSizeMax: MESSAGE_SIZE_LIMIT,
      checksum: this.options.checksum,
    });
    let sentCluster = 0n;
    socket.on('connect', () => {
      sentCluster = this.options.cluster() ?? 0n;
      const { release, machine, checksum } = this.options;
      const { bytes } = clientHello({ cluster: sentCluster, release, machine, checksum });
      this.handedBytes += bytes.length;
      socket.write(bytes);
    });
    socket.on('data', (chunk) => this.onData(socket, chunk, sentCluster));
    socket.on('error', (error) => this.onEnd(socket, describe(error)));
    socket.on('close', () => this.onEnd(socket, 'the replica closed the connection'));
    this.timer = setTimeout(() => {
      this.fail(socket, 'no greeting in time', null);
    }, GREETING_TIMEOUT_MILLIS);
  }

  /** Sends, unless it cannot be sent now, or is on its way already; the sessions ask again. */
  send(message: AnyMessage): SendResult {
    const socket = this.socket;
    if (this.stateNow !== 'connected' || socket === null || !socket.writable) return 'unsent';
    const written = this.handedBytes - socket.writableLength;
    this.writing = this.writing.filter(({ end }) => end > written);
    if (this.writing.some((writing) => writing.message === message)) return 'held';
    if (socket.writableLength > SEND_BUFFER_MAX) return 'unsent';
    this.unansweredSince ??= this.options.now();
    this.unansweredBytes += message.bytes.length;
    this.handedBytes += message.bytes.length;
    socket.write(message.bytes);
    if (socket.writableLength > 0) this.writing.push({ message, end: this.handedBytes });
    return 'sent';
  }

  /**
   * Breaks a connection that has said nothing for SILENCE_MILLIS since it was sent something. What
   * was sent may take a while to get there: up to a large message's time on a slow link is added.
   */
  breakIfSilent(): void {
    const { socket, unansweredSince } = this;
    if (socket === null || this.stateNow !== 'connected' || unansweredSince === null) return;
    const bytes = Math.min(this.unansweredBytes, MESSAGE_SIZE_LIMIT);
    const patience = SILENCE_MILLIS + bytes / SLOW_LINK_BYTES_A_MILLI;
    if (this.options.now() - unansweredSince < patience) return;
    this.fail(socket, 'the replica stopped answering', null);
  }

  /** Ends it for good; resolves when the socket is gone. Idempotent. */
  async close(): Promise<void> {
    const socket = this.socket;
    this.stopTimer();
    this.stateNow = 'closed';
    this.reasonNow = 'the client was closed';
    this.socket = null;
    if (socket === null || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.destroy();
    });
  }

  private onData(socket: Socket, chunk: Uint8Array, sentCluster: bigint): void {
    const decoder = this.decoder;
    if (socket !== this.socket || decoder === null) return;
    if (this.stateNow !== 'connected') this.speaksHttp ||= beginsHttp(chunk);
    decoder.push(chunk);
    this.unansweredSince = null;
    this.unansweredBytes = 0;
    while (socket === this.socket) {
      const result = decoder.next();
      if (result === null) return;
      if (typeof result === 'string') this.onFault(socket, result);
      else if (isCommand(result, 'rejection')) this.onRejection(socket, result.header, sentCluster);
      else if (isCommand(result, 'hello')) this.onHello(socket, result.header);
      else if (this.stateNow === 'connected') this.options.events.onMessage(this, result);
    }
  }

  /** An HTTP server answers a greeting with a refusal that is too short to be a message. */
  private onEnd(socket: Socket, reason: string): void {
    if (this.speaksHttp) this.fail(socket, HTTP_PORT, 'badMessage');
    else this.fail(socket, reason, null);
  }

  private onFault(socket: Socket, fault: FrameFault): void {
    if (fault === 'version')
      this.fail(socket, 'it speaks another protocol version', 'wrongVersion');
    else if (this.stateNow === 'connected') this.fail(socket, `garbled bytes (${fault})`, null);
    else {
      const reason = this.speaksHttp ? HTTP_PORT : 'it does not answer like a replica';
      this.fail(socket, reason, 'badMessage');
    }
  }

  private onRejection(socket: Socket, header: HeaderOf<'rejection'>, sentCluster: bigint): void {
    const reason = reasonName(REJECTION_REASONS, header.reason) ?? 'badMessage';
    if (reason === 'wrongCluster' && sentCluster === 0n && header.cluster !== 0n) {
      // No cluster was named, and the replica has told its own: greet again with that.
      this.options.events.onCluster(header.cluster);
      if (this.options.cluster() === header.cluster) {
        this.socket = null;
        socket.destroy();
        this.open();
        return;
      }
    }
    if (reason === 'wrongMember') {
      // Only peers are told so: the client port takes every client.
      this.fail(socket, 'this is the peer port of a replica; give its client port', reason);
      return;
    }
    if (reason === 'wrongMachine') {
      this.fail(socket, this.otherMachine(), reason);
      return;
    }
    const detail =
      reason === 'wrongCluster'
        ? `it belongs to cluster ${header.cluster}`
        : `reason: ${snake(reason)}`;
    this.fail(socket, `the replica refused the greeting; ${detail}`, reason);
  }

  private onHello(socket: Socket, header: HeaderOf<'hello'>): void {
    if (this.stateNow === 'connected') return;
    const { replica, replicaCount, messageSizeMax } = header;
    if (replica >= replicaCount || replicaCount > VOTERS_MAX || messageSizeMax < SECTOR_SIZE) {
      this.fail(socket, 'its greeting makes no sense', 'badMessage');
      return;
    }
    const { machine, checksum } = this.options;
    if (machine !== null && header.machineName !== machineNameHash(machine, checksum)) {
      // Before anything is asked: a request that is valid there too would do something else.
      this.fail(socket, this.otherMachine(), 'wrongMachine');
      return;
    }
    const wanted = this.options.cluster();
    if (wanted !== null && wanted !== header.cluster) {
      this.fail(socket, `it belongs to cluster ${header.cluster}`, 'wrongCluster');
      return;
    }
    if (wanted === null) this.options.events.onCluster(header.cluster);
    this.stopTimer();
    this.stateNow = 'connected';
    this.slotNow = header.replica;
    this.reasonNow = '';
    this.rejectionNow = null;
    this.pauseMillis = RECONNECT_MILLIS_MIN;
    this.unansweredSince = null;
    this.unansweredBytes = 0;
    this.options.events.onConnected(this, header);
  }

  private otherMachine(): string {
    return `it runs another state machine than ${this.options.machine ?? 'the one asked for'}`;
  }

  private fail(socket: Socket, reason: string, rejection: RejectionReason | null): void {
    if (socket !== this.socket) return; // An older socket, or closed.
    const wasConnected = this.stateNow === 'connected';
    this.stopTimer();
    this.socket = null;
    this.decoder = null;
    socket.destroy();
    this.reasonNow = reason;
    this.rejectionNow = rejection;
    this.failedAtNow = this.options.now();
    this.unansweredSince = null;
    this.unansweredBytes = 0;
    this.stateNow = rejection === null ? 'disconnected' : 'rejected';
    const pause = rejection === null ? this.pauseMillis : RECONNECT_MILLIS_MAX;
    this.pauseMillis = Math.min(this.pauseMillis * 2, RECONNECT_MILLIS_MAX);
    const jittered = this.options.prng.between(Math.ceil(pause * 0.75), Math.ceil(pause * 1.25));
    this.timer = setTimeout(() => this.open(), jittered);
    // A client without calls does not keep its process alive by trying.
    this.timer.unref();
    this.options.events.onDown(this, wasConnected);
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

function beginsHttp(chunk: Uint8Array): boolean {
  return text(chunk.subarray(0, 5)) === 'HTTP/';
}

function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there (connection refused)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name cannot be resolved (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the connection broke (${code})`;
    default:
      return code === '' ? error.message : code;
  }
}
