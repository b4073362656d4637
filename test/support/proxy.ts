import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What happens to the bytes of those who dial:
 * - `pass`: nothing.
 * - `delay`: each chunk arrives so many milliseconds later, in order.
 * - `drop`: nothing of it arrives, and nobody is told. The way back is open. A connection that has
 *   lost bytes is reset when the mode ends, for nothing can be made of the rest.
 * - `cut`: connections are reset, and so are new ones.
 */
export type ProxyMode =
  | { readonly kind: 'pass' | 'drop' | 'cut' }
  | { readonly kind: 'delay'; readonly millis: number };

/** Bytes that wait in one direction, above which the sender is not read any more. */
const WAITING_MAX = 1024 * 1024;

/**
 * A TCP proxy for one direction between two processes: it listens on a port of its own for as long
 * as it lives, whatever becomes of the process behind it.
 */
export class Proxy {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<Pair>;
  #target: number | null;
  #mode: ProxyMode;
  #lostBytes: number;

  private constructor(server: Server, port: number) {
    this.port = port;
    this.#server = server;
    this.#pairs = new Set();
    this.#target = null;
    this.#mode = { kind: 'pass' };
    this.#lostBytes = 0;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static open(): Promise<Proxy> {
    const server = createServer();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const address = server.address();
        if (address === null || typeof address !== 'object') throw new Error('bound to a port');
        resolve(new Proxy(server, address.port));
      });
    });
  }

  /** Where to: a port of this machine; null while nobody is there. */
  aim(target: number | null): void {
    this.#target = target;
  }

  set(mode: ProxyMode): void {
    this.#mode = mode;
    for (const pair of this.#pairs) {
      if (mode.kind === 'cut' || (mode.kind !== 'drop' && pair.hasLost())) pair.reset();
    }
  }

  /** Bytes that it has dropped in its life. */
  lostBytes(): number {
    return this.#lostBytes;
  }

  close(): Promise<void> {
    for (const pair of this.#pairs) pair.reset();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(source: Socket): void {
    if (this.#target === null || this.#mode.kind === 'cut') {
      source.on('error', () => {});
      source.resetAndDestroy();
      return;
    }
    const sink = connect({ host: '127.0.0.1', port: this.#target });
    const pair = new Pair(source, sink, {
      mode: () => this.#mode,
      onLost: (bytes) => {
        this.#lostBytes += bytes;
      },
    });
    this.#pairs.add(pair);
    void pair.ended.then(() => this.#pairs.delete(pair));
  }
}

interface PairOptions {
  readonly mode: () => ProxyMode;
  readonly onLost: (bytes: number) => void;
}

/** A connection through the proxy. */
class Pair {
  /** Both sockets are closed. */
  readonly ended: Promise<void>;
  readonly #sockets: readonly [Socket, Socket];
  #lost: boolean;

  constructor(source: Socket, sink: Socket, options: PairOptions) {
    this.#sockets = [source, sink];
    this.#lost = false;
    source.setNoDelay(true);
    sink.setNoDelay(true);
    pump(source, sink, (bytes) => {
      const mode = options.mode();
      if (mode.kind === 'delay') return mode.millis;
      if (mode.kind !== 'drop') return 0;
      this.#lost = true;
      options.onLost(bytes);
      return null;
    });
    pump(sink, source, () => 0);
    this.ended = Promise.all(
      [source, sink].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    ).then(() => {});
  }

  hasLost(): boolean {
    return this.#lost;
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

/** Carries bytes over, each chunk after `delayOf(size)` milliseconds; null loses it. */
function pump(from: Socket, to: Socket, delayOf: (bytes: number) => number | null): void {
  /** Bytes that are on their way here. */
  let waiting = 0;
  /** What is to be done when, in order, whatever becomes of the delay meanwhile. */
  const queue: { readonly at: number; readonly act: () => void }[] = [];
  const work = (): void => {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const left = first.at - performance.now();
      if (left > 0) {
        setTimeout(work, left);
        return;
      }
      queue.shift();
      first.act();
    }
  };
  const later = (delay: number, act: () => void): void => {
    const at = Math.max(queue.at(-1)?.at ?? 0, performance.now() + delay);
    queue.push({ at, act });
    // Otherwise a timer runs for the first of them.
    if (queue.length === 1) work();
  };
  const balance = (): void => {
    if (waiting + to.writableLength > WAITING_MAX) from.pause();
    else from.resume();
  };
  from.on('data', (chunk: Uint8Array) => {
    const delay = delayOf(chunk.length);
    if (delay === null) return;
    waiting += chunk.length;
    later(delay, () => {
      waiting -= chunk.length;
      if (!to.destroyed) to.write(chunk);
      balance();
    });
    balance();
  });
  to.on('drain', balance);
  from.on('end', () => later(0, () => to.end()));
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => later(0, () => to.destroySoon()));
}
