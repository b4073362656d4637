import { connect, type Socket } from 'node:net';
import { assert, present } from '@kimberlite/store';
import {
  type ClientEffect,
  ClientId,
  ClientSession,
  FrameDecoder,
  Prng,
  type RefusalReason,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import type { Address } from '../network/address.ts';
import { randomU128 } from '../storage/data-file-format.ts';
import { clientHello } from './network-fixture.ts';

const MESSAGE_SIZE_MAX = 1024 * 1024;
const RECONNECT_MILLIS = 20;

/** One session over sockets, one request at a time: the least that a test needs of a client. */
export class TestClient {
  readonly #session: ClientSession;
  readonly #addressOf: (slot: number) => Address | null;
  readonly #cluster: bigint;
  readonly #sockets: (Socket | null)[];
  readonly #ticker: NodeJS.Timeout;
  #settle: { resolve(body: Uint8Array): void; reject(reason: Error): void } | null;
  #closed: boolean;

  constructor(options: {
    readonly cluster: bigint;
    readonly replicaCount: number;
    /** Asked at each dial; null while the replica is down. */
    readonly addressOf: (slot: number) => Address | null;
  }) {
    const { cluster, replicaCount } = options;
    this.#cluster = cluster;
    this.#addressOf = options.addressOf;
    this.#session = new ClientSession({
      cluster,
      client: ClientId(randomU128()),
      replicaCount,
      checksum: sha256,
      prng: new Prng(randomU128()),
      release: 1,
    });
    this.#sockets = Array.from({ length: replicaCount }, () => null);
    this.#settle = null;
    this.#closed = false;
    for (let slot = 0; slot < replicaCount; slot += 1) this.#dial(slot);
    this.#ticker = setInterval(() => this.#run((out) => this.#session.onTick(out)), 10);
  }

  async register(): Promise<void> {
    await this.#ask((out) => this.#session.register(out));
  }

  /** The reply's body; rejects when the session ended or the request was refused. */
  request(operation: number, body: Uint8Array): Promise<Uint8Array> {
    return this.#ask((out) => this.#session.submit(operation, body, out));
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#ticker);
    for (const socket of this.#sockets) socket?.destroy();
  }

  #ask(begin: (out: ClientEffect[]) => void): Promise<Uint8Array> {
    assert(this.#settle === null, 'one at a time');
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#run(begin);
    });
  }

  #run(act: (out: ClientEffect[]) => void): void {
    const out: ClientEffect[] = [];
    act(out);
    for (const effect of out) this.#perform(effect);
  }

  #perform(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#sockets[effect.replica]?.write(effect.message.bytes);
        return;
      case 'registered':
        this.#finish().resolve(new Uint8Array(0));
        return;
      case 'reply':
        this.#finish().resolve(effect.message.body);
        return;
      case 'evicted':
        this.#finish().reject(new Error(`evicted: ${effect.reason}`));
        return;
      case 'refused':
        this.#finish().reject(new Error(refusalText(effect.reason, effect.definite)));
        return;
      case 'no_quorum':
      case 'busy':
        return; // It goes on asking.
    }
  }

  #finish(): { resolve(body: Uint8Array): void; reject(reason: Error): void } {
    const settle = present(this.#settle);
    this.#settle = null;
    return settle;
  }

  #dial(slot: number): void {
    if (this.#closed) return;
    const address = this.#addressOf(slot);
    if (address === null) {
      setTimeout(() => this.#dial(slot), RECONNECT_MILLIS);
      return;
    }
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const decoder = new FrameDecoder({ messageSizeMax: MESSAGE_SIZE_MAX, checksum: sha256 });
    socket.once('connect', () => {
      socket.write(clientHello(this.#cluster).bytes);
      this.#sockets[slot] = socket;
      this.#run((out) => this.#session.onConnect(slot, out));
    });
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let next = decoder.next(); next !== null; next = decoder.next()) {
        assert(typeof next !== 'string', 'replicas send whole messages');
        const message = next;
        this.#run((out) => this.#session.onMessage(message, out));
      }
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets[slot] = null;
      if (this.#closed) return;
      this.#run((out) => this.#session.onDisconnect(slot, out));
      setTimeout(() => this.#dial(slot), RECONNECT_MILLIS);
    });
  }
}

function refusalText(reason: RefusalReason, definite: boolean): string {
  return `refused: ${reason}, ${definite ? 'definite' : 'indefinite'}`;
}
