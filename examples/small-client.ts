/**
 * The least that drives a client session over sockets, for a state machine of one's own: one
 * request at a time, sent again until it is answered. It neither makes a broken connection again
 * nor gives up.
 */
import { connect, type Socket } from 'node:net';
import { randomU128, sha256 } from '@kimberlite/server';
import {
  type ClientEffect,
  ClientId,
  ClientSession,
  clientHello,
  FrameDecoder,
  Prng,
} from '@kimberlite/vsr';

const MESSAGE_SIZE_MAX = 1024 * 1024;
const RELEASE = 0x000100; // 0.1.0
const TICK_MILLIS = 10;

interface Waiting {
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** One session with a cluster on this machine, by the client ports of its replicas. */
export class SmallClient {
  readonly #session: ClientSession;
  readonly #sockets: readonly Socket[];
  readonly #ticker: NodeJS.Timeout;
  #waiting: Waiting | null;

  constructor(options: { readonly cluster: bigint; readonly ports: readonly number[] }) {
    const { cluster, ports } = options;
    this.#session = new ClientSession({
      cluster,
      client: ClientId(randomU128()),
      replicaCount: ports.length,
      checksum: sha256,
      prng: new Prng(randomU128()),
      release: RELEASE,
    });
    this.#waiting = null;
    this.#sockets = ports.map((port, slot) => this.#dial(port, slot, cluster));
    this.#ticker = setInterval(() => this.#drive((out) => this.#session.onTick(out)), TICK_MILLIS);
  }

  /** The reply's body; rejects when the request was refused or the session ended. */
  async request(operation: number, body: Uint8Array): Promise<Uint8Array> {
    if (this.#session.state === 'idle') await this.#ask((out) => this.#session.register(out));
    return this.#ask((out) => this.#session.submit(operation, body, out));
  }

  close(): void {
    clearInterval(this.#ticker);
    for (const socket of this.#sockets) socket.destroy();
  }

  #ask(begin: (out: ClientEffect[]) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#drive(begin);
    });
  }

  #dial(port: number, slot: number, cluster: bigint): Socket {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const decoder = new FrameDecoder({ messageSizeMax: MESSAGE_SIZE_MAX, checksum: sha256 });
    socket.once('connect', () => {
      socket.write(clientHello({ cluster, release: RELEASE, checksum: sha256 }).bytes);
      this.#drive((out) => this.#session.onConnect(slot, out));
    });
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let next = decoder.next(); next !== null; next = decoder.next()) {
        if (typeof next === 'string') throw new Error(`garbled bytes (${next})`);
        const message = next;
        this.#drive((out) => this.#session.onMessage(message, out));
      }
    });
    socket.on('error', () => {}); // The session asks the other replicas.
    return socket;
  }

  /** Lets the session act, and does what it asks for. */
  #drive(act: (out: ClientEffect[]) => void): void {
    const out: ClientEffect[] = [];
    act(out);
    for (const effect of out) {
      if (effect.kind === 'send') this.#send(effect.replica, effect.message.bytes);
      else this.#settle(effect);
    }
  }

  /** Nothing before the greeting; the session sends again what could not go. */
  #send(slot: number, bytes: Uint8Array): void {
    const socket = this.#sockets[slot];
    if (socket?.readyState === 'open') socket.write(bytes);
  }

  #settle(effect: Exclude<ClientEffect, { readonly kind: 'send' }>): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    switch (effect.kind) {
      case 'registered':
        return waiting?.resolve(new Uint8Array(0));
      case 'reply':
        return waiting?.resolve(effect.message.body);
      case 'refused':
      case 'evicted':
        return waiting?.reject(new Error(`${effect.kind}: ${effect.reason}`));
    }
  }
}
