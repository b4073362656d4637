import type { Socket } from 'node:net';
import {
  type AnyMessage,
  type ClientId,
  isCommand,
  type Message,
  REFUSAL_REASONS,
  reasonName,
} from '@kimberlite/vsr';
import type { Logger } from '../observe/logger.ts';
import { Connection, type NetworkObserver } from './connection.ts';
import { clientHelloFault, makeHello, rejectionText, type SelfIdentity } from './greeting.ts';
import type { SendLimits, TurnBatch } from './send-queue.ts';

/** Bound of the replies that wait for one client connection. */
export const CLIENT_SEND_LIMITS: SendLimits = { bytesMax: 4 * 1024 * 1024, messagesMax: 1024 };
/** Client ids that are remembered for one connection; a client has a few lanes and its queries. */
const IDS_PER_CONNECTION_MAX = 64;

export interface ClientListenerOptions {
  readonly self: SelfIdentity;
  /** Connections at once; more are closed on arrival. */
  readonly connectionsMax: number;
  readonly turn: TurnBatch;
  readonly observer: NetworkObserver;
  readonly logger: Logger;
  readonly deliver: (message: AnyMessage) => void;
}

interface ClientConnection {
  readonly connection: Connection;
  /** Oldest first. */
  readonly ids: Set<ClientId>;
}

/**
 * Connections of clients: their requests and queries go to the replica, replies go back to every
 * connection on which the client has spoken.
 */
export class ClientListener {
  readonly #options: ClientListenerOptions;
  readonly #connections: Set<ClientConnection>;
  readonly #routes: Map<ClientId, Set<ClientConnection>>;

  constructor(options: ClientListenerOptions) {
    this.#options = options;
    this.#connections = new Set();
    this.#routes = new Map();
  }

  count(): number {
    return this.#connections.size;
  }

  accept(socket: Socket): void {
    const { self, observer, logger } = this.#options;
    if (this.#connections.size >= this.#options.connectionsMax) {
      observer.onDropped('too_many_clients');
      socket.destroy();
      return;
    }
    const connection = new Connection({
      socket,
      self,
      limits: CLIENT_SEND_LIMITS,
      turn: this.#options.turn,
      observer,
      onHello: (hello: Message<'hello'>) => {
        const reason = clientHelloFault(self, hello);
        if (reason === null) connection.send(makeHello(self));
        else {
          const fields = { remote: connection.remote(), reason: rejectionText(reason) };
          logger.debug('client', 'refused a connection', fields);
        }
        return reason;
      },
      onMessage: (message) => this.#onMessage(client, message),
      onClose: () => this.#onClose(client),
    });
    const client: ClientConnection = { connection, ids: new Set() };
    this.#connections.add(client);
  }

  /** Dropped where the client has no connection. */
  send(id: ClientId, message: AnyMessage): void {
    if (isCommand(message, 'refusal')) {
      const reason = reasonName(REFUSAL_REASONS, message.header.reason);
      if (reason !== null) this.#options.observer.onRefusal(reason);
    }
    const clients = this.#routes.get(id);
    if (clients === undefined) {
      this.#options.observer.onDropped('client_unreachable');
      return;
    }
    for (const { connection } of clients) connection.send(message);
  }

  stop(): void {
    for (const { connection } of this.#connections) connection.close();
  }

  #onMessage(client: ClientConnection, message: AnyMessage): void {
    if (isCommand(message, 'request') || isCommand(message, 'query')) {
      this.#remember(client, message.header.client);
      this.#options.deliver(message);
      return;
    }
    // A client that is shutting down may say so; anything else it has no business saying.
    if (isCommand(message, 'rejection')) client.connection.destroy();
    else client.connection.reject('badMessage');
  }

  #remember(client: ClientConnection, id: ClientId): void {
    if (client.ids.has(id)) return;
    if (client.ids.size >= IDS_PER_CONNECTION_MAX) {
      const [oldest] = client.ids;
      if (oldest !== undefined) this.#forget(client, oldest);
    }
    client.ids.add(id);
    const route = this.#routes.get(id);
    if (route === undefined) this.#routes.set(id, new Set([client]));
    else route.add(client);
  }

  #forget(client: ClientConnection, id: ClientId): void {
    client.ids.delete(id);
    const route = this.#routes.get(id);
    if (route === undefined) return;
    route.delete(client);
    if (route.size === 0) this.#routes.delete(id);
  }

  #onClose(client: ClientConnection): void {
    this.#connections.delete(client);
    for (const id of [...client.ids]) this.#forget(client, id);
  }
}
