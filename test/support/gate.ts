import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP proxy that lets some bytes of an answer pass and then none, until it is opened: a reader
 * who is as slow as a test wants.
 */
export class Gate {
  readonly address: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #held: Set<Socket>;
  #open: boolean;

  private constructor(server: Server, port: number) {
    this.address = `127.0.0.1:${port}`;
    this.#server = server;
    this.#sockets = new Set();
    this.#held = new Set();
    this.#open = false;
  }

  /** Before `target`, a port of this machine; each connection may answer so many bytes at first. */
  static before(target: number, bytesMax: number): Promise<Gate> {
    const server = createServer();
    return new Promise((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const bound = server.address();
        if (bound === null || typeof bound !== 'object') throw new Error('bound to a port');
        const gate = new Gate(server, bound.port);
        server.on('connection', (client) => gate.#accept(client, target, bytesMax));
        resolve(gate);
      });
    });
  }

  /** Connections whose answer waits. */
  get holding(): number {
    return this.#held.size;
  }

  open(): void {
    this.#open = true;
    for (const server of this.#held) server.resume();
    this.#held.clear();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(client: Socket, target: number, bytesMax: number): void {
    const server = connect({ host: '127.0.0.1', port: target });
    let passed = 0;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#held.delete(one);
        other.destroy();
      });
    }
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => {
      passed += chunk.length;
      client.write(chunk);
      if (this.#open || passed <= bytesMax) return;
      server.pause();
      this.#held.add(server);
    });
  }
}
