import type { Socket } from 'node:net';
import {
  type AnyMessage,
  type Command,
  FrameDecoder,
  type FrameFault,
  frameSizeMax,
  HEADER_SIZE,
  type Message,
  type RefusalReason,
  type RejectionReason,
} from '@kimberlite/vsr';
import { formatAddress } from './address.ts';
import type { NetworkDropReason } from './drop-reasons.ts';
import { makeRejection, type SelfIdentity } from './greeting.ts';
import { type SendLimits, SendQueue, type TurnBatch } from './send-queue.ts';

/** How long a connection may stay without a greeting, in milliseconds. */
export const HANDSHAKE_MILLIS = 5000;
/** Silence after which the kernel asks whether the other side is still there. */
const KEEPALIVE_MILLIS = 10_000;

/** Counts what happens on connections. */
export interface NetworkObserver {
  onReceived(message: AnyMessage): void;
  onSent(command: Command, bytes: number): void;
  /** A client was told that this replica will not do what it asked. */
  onRefusal(reason: RefusalReason): void;
  onDropped(reason: NetworkDropReason): void;
  onFrameFault(fault: FrameFault): void;
  onRejection(direction: 'sent' | 'received', reason: RejectionReason): void;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly self: SelfIdentity;
  readonly limits: SendLimits;
  readonly turn: TurnBatch;
  readonly observer: NetworkObserver;
  /** The greeting of the other side; the reason to refuse it, or null. */
  readonly onHello: (hello: Message<'hello'>) => RejectionReason | null;
  /** Everything after the greeting. */
  readonly onMessage: (message: AnyMessage) => void;
  /** Once, however it ended. */
  readonly onClose: () => void;
}

/**
 * One socket with its greeting, its messages and its end. Until the other side has greeted, no
 * more than one header of it is accepted, and not for ever. What cannot be understood is answered
 * with the reason, and the connection is closed: it cannot be resynchronised.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #decoder: FrameDecoder;
  readonly #queue: SendQueue;
  readonly #handshake: NodeJS.Timeout;
  #greeted: boolean;
  #closed: boolean;

  constructor(options: ConnectionOptions) {
    const { socket, self, limits, turn } = options;
    this.#options = options;
    this.#decoder = new FrameDecoder({ messageSizeMax: HEADER_SIZE, checksum: self.checksum });
    this.#queue = new SendQueue(socket, limits, turn);
    this.#greeted = false;
    this.#closed = false;
    this.#handshake = setTimeout(() => this.destroy(), HANDSHAKE_MILLIS);
    this.#handshake.unref();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MILLIS);
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    socket.on('drain', () => this.#queue.onDrain());
    // The other side is done; there is nothing to be said to a half-open connection.
    socket.on('end', () => this.destroy());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.#onClosed());
  }

  /** Both have greeted, as far as this side can tell. */
  isGreeted(): boolean {
    return this.#greeted && !this.#closed;
  }

  /** False when the message was dropped. */
  send(message: AnyMessage): boolean {
    const { observer } = this.#options;
    const { command } = message.header;
    if (!this.#queue.push(message.bytes)) {
      observer.onDropped(this.#closed ? 'connection_closed' : 'send_queue_full');
      return false;
    }
    observer.onSent(command, message.bytes.length);
    return true;
  }

  /** Tells the other side why, then closes. */
  reject(reason: RejectionReason): void {
    if (this.#closed) return;
    const rejection = makeRejection(this.#options.self, reason);
    this.#options.observer.onRejection('sent', reason);
    this.#queue.push(rejection.bytes);
    this.close();
  }

  /** Sends what is queued, then closes; at once when the other side does not take it. */
  close(): void {
    if (this.#closed) return;
    this.#queue.flush();
    this.#stop();
    this.#options.socket.destroySoon();
    // A full socket could hold the end back for ever.
    const timer = setTimeout(() => this.#options.socket.destroy(), 1000);
    timer.unref();
  }

  /** Closes without sending anything more. */
  destroy(): void {
    this.#stop();
    this.#options.socket.destroy();
  }

  /** For log lines. */
  remote(): string {
    const { remoteAddress, remotePort } = this.#options.socket;
    return formatAddress({ host: remoteAddress ?? 'unknown', port: remotePort ?? 0 });
  }

  #stop(): void {
    this.#closed = true;
    this.#queue.close();
    clearTimeout(this.#handshake);
  }

  #onClosed(): void {
    this.#stop();
    this.#options.onClose();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#decoder.push(chunk);
    while (!this.#closed) {
      const next = this.#decoder.next();
      if (next === null) return;
      if (typeof next === 'string') {
        this.#options.observer.onFrameFault(next);
        this.reject(next === 'version' ? 'wrongVersion' : 'badMessage');
        return;
      }
      this.#onMessage(next);
    }
  }

  #onMessage(message: AnyMessage): void {
    const { observer, self } = this.#options;
    observer.onReceived(message);
    if (this.#greeted) {
      if (message.header.cluster === self.cluster) this.#options.onMessage(message);
      else this.reject('wrongCluster');
      return;
    }
    if (message.header.command === 'rejection') {
      this.#options.onMessage(message);
      return;
    }
    if (message.header.command !== 'hello') {
      this.reject('badMessage');
      return;
    }
    const hello = message as Message<'hello'>; // SAFETY: the command was compared.
    const reason = this.#options.onHello(hello);
    if (reason !== null) {
      this.reject(reason);
      return;
    }
    this.#greeted = true;
    clearTimeout(this.#handshake);
    this.#decoder.raiseLimit(frameSizeMax(self.config));
  }
}
