import { connect, type Socket } from 'node:net';
import { assert } from '@kimberlite/store';
import {
  type AnyMessage,
  isCommand,
  type Message,
  NO_REPLICA,
  type Prng,
  quorumsOf,
  REJECTION_REASONS,
  type RejectionReason,
  reasonName,
  snake,
} from '@kimberlite/vsr';
import { systemCode } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import { type Address, formatAddress } from './address.ts';
import { backoffMillis } from './backoff.ts';
import { Connection, type NetworkObserver } from './connection.ts';
import { makeHello, rejectionText, replicaHelloFault, type SelfIdentity } from './greeting.ts';
import type { SendLimits, TurnBatch } from './send-queue.ts';

/** Bound of what waits for one peer that doesn't keep up; beyond it messages are dropped. */
export const PEER_SEND_LIMITS: SendLimits = { bytesMax: 16 * 1024 * 1024, messagesMax: 4096 };
/** Incoming connections on the peer port, greeted or not. */
const INCOMING_MAX = 64;
/** A dial that neither succeeds nor fails, in milliseconds. */
const DIAL_MILLIS = 2000;
/** A connection that lived so long, in milliseconds, was a good one. */
const LIFE_GOOD_MILLIS = 1000;
/** A connected peer that says nothing for this long, in milliseconds; it pings several a second. */
const SILENCE_MILLIS = 3000;

export interface PeerLinksOptions {
  readonly self: SelfIdentity;
  /** Asked at every dial; null while the address is not known. */
  readonly addressOf: (slot: number) => Address | null;
  readonly turn: TurnBatch;
  readonly prng: Prng;
  readonly observer: NetworkObserver;
  readonly logger: Logger;
  readonly deliver: (message: AnyMessage) => void;
  /** Incarnation of the data file that is known to be the peer's; zero while none is. */
  readonly knownIncarnation: (slot: number) => bigint;
  /**
   * A peer that was reached has lost its connection, and refuses a new one: its process has most
   * likely died.
   */
  readonly onRefused: (slot: number) => void;
  /**
   * So many peers have other sizes than this replica that it can be in no quorum: its own file is
   * the odd one, or the cluster can do nothing anyway.
   */
  readonly onOddSizes: (peers: readonly number[]) => void;
}

/** For status pages. */
export interface PeerStatus {
  readonly slot: number;
  readonly address: string | null;
  /** We reach it. */
  readonly outgoing: boolean;
  /** It reaches us. */
  readonly incoming: boolean;
  /** Why it is not reached, or null. */
  readonly problem: string | null;
}

interface Stranger {
  readonly incarnation: bigint;
  readonly connection: Connection;
}

interface Peer {
  readonly slot: number;
  outgoing: Connection | null;
  incoming: Connection | null;
  /** A process with another data file, which must be told that it is not the peer. */
  stranger: Stranger | null;
  /** Reached since the last refusal, so that the next one is news. */
  reached: boolean;
  /** It refused, and that is still to be told. */
  refusal: boolean;
  /** When it was last reached, in milliseconds of this process. */
  reachedAt: number;
  /** Dials in a row that failed. */
  attempt: number;
  /** Something arrived since the last look at it. */
  heard: boolean;
  /** Milliseconds since something arrived, as of the last look. */
  silentMillis: number;
  timer: NodeJS.Timeout | null;
  problem: string | null;
  /** It says that its data file has other sizes, or is of another number of replicas. */
  otherSizes: boolean;
  /** Why its last greeting was refused, so that it is said once; null after one that was not. */
  refusedFor: RejectionReason | null;
}

/** Whether the message is what the core has to say to the process behind the other file. */
function isAnswerTo(stranger: Stranger, message: AnyMessage): boolean {
  return isCommand(message, 'pong') && message.header.pingIncarnation === stranger.incarnation;
}

/**
 * Whether a peer may send this: it speaks in its own name, but hands on requests of clients, and
 * prepares of whichever primary made them. One that lies is one liar, and not two who agree.
 */
function isOf(slot: number, { header }: AnyMessage): boolean {
  const { replica, command } = header;
  return replica === slot || replica === NO_REPLICA || command === 'prepare';
}

/**
 * Connections between replicas. Each replica dials every other one and sends on the connection
 * that it dialled; what others send arrives on those that they dialled. So each direction fails
 * and recovers by itself, a replica finds out at once that a peer's process is gone (the dial is
 * refused), and a fault in one direction is never repaired by luck of who dialled whom.
 */
export class PeerLinks {
  readonly #options: PeerLinksOptions;
  readonly #peers: Map<number, Peer>;
  readonly #incoming: Set<Connection>;
  #stopped: boolean;

  constructor(options: PeerLinksOptions) {
    this.#options = options;
    this.#peers = new Map();
    this.#incoming = new Set();
    this.#stopped = false;
    for (let slot = 0; slot < options.self.replicaCount; slot += 1) {
      if (slot === options.self.slot) continue;
      this.#peers.set(slot, {
        slot,
        outgoing: null,
        incoming: null,
        stranger: null,
        reached: false,
        refusal: false,
        reachedAt: 0,
        attempt: 0,
        heard: false,
        silentMillis: 0,
        timer: null,
        problem: null,
        otherSizes: false,
        refusedFor: null,
      });
    }
  }

  /** Begins to dial. Connections of others are taken before that too. */
  start(): void {
    assert(!this.#stopped, 'not started again');
    for (const peer of this.#peers.values()) this.#dial(peer);
  }

  /** Closes everything and dials no more. */
  stop(): void {
    this.#stopped = true;
    for (const peer of this.#peers.values()) {
      if (peer.timer !== null) clearTimeout(peer.timer);
      peer.outgoing?.close();
    }
    for (const connection of this.#incoming) connection.close();
  }

  /** Drops the message where the peer is not reached. */
  send(slot: number, message: AnyMessage): void {
    const peer = this.#peers.get(slot) ?? null;
    const stranger = peer?.stranger ?? null;
    if (stranger !== null && isAnswerTo(stranger, message)) {
      // Once told, it is gone; if it has become the peer meanwhile, its next dial shows it.
      stranger.connection.send(message);
      stranger.connection.close();
      return;
    }
    const connection = peer?.outgoing ?? null;
    if (connection?.isGreeted() === true) connection.send(message);
    else this.#options.observer.onDropped('peer_unreachable');
  }

  /**
   * To be called every `elapsed` milliseconds. Behind a link that swallows everything, TCP waits
   * longer and longer between its tries and would stay mute long after the link is well again; a
   * new dial finds out at once.
   */
  checkSilence(elapsed: number): void {
    for (const peer of this.#peers.values()) {
      peer.silentMillis = peer.heard ? 0 : peer.silentMillis + elapsed;
      peer.heard = false;
      if (peer.silentMillis < SILENCE_MILLIS) continue;
      peer.silentMillis = 0;
      peer.incoming?.destroy();
      if (peer.outgoing?.isGreeted() === true) peer.outgoing.destroy();
    }
  }

  status(): PeerStatus[] {
    return [...this.#peers.values()].map((peer) => {
      const address = this.#options.addressOf(peer.slot);
      return {
        slot: peer.slot,
        address: address === null ? null : formatAddress(address),
        outgoing: peer.outgoing?.isGreeted() ?? false,
        incoming: peer.incoming?.isGreeted() ?? false,
        problem: peer.problem,
      };
    });
  }

  /** Takes a connection from the peer port. */
  accept(socket: Socket): void {
    if (this.#stopped || this.#incoming.size >= INCOMING_MAX) {
      socket.destroy();
      return;
    }
    let peer: Peer | null = null;
    const connection = this.#connection(socket, {
      onHello: (hello): RejectionReason | null => {
        const reason = replicaHelloFault(this.#options.self, hello, null);
        const from = this.#peers.get(hello.header.replica) ?? null;
        if (reason !== null) {
          // It dials again and again: once for each reason is enough for the log.
          if (from === null || from.refusedFor !== reason) {
            this.#options.logger.warn('peer', 'refused a connection', {
              peer: hello.header.replica,
              remote: connection.remote(),
              reason: rejectionText(reason),
            });
          }
          if (from !== null) from.refusedFor = reason;
          return reason;
        }
        peer = from;
        if (peer !== null) peer.refusedFor = null;
        if (peer !== null) this.#onIncoming(peer, connection, hello.header.incarnation);
        return null;
      },
      onMessage: (message): void => {
        if (peer !== null && !isOf(peer.slot, message)) {
          this.#options.observer.onDropped('other_author');
          return;
        }
        if (peer !== null && peer.incoming === connection) peer.heard = true;
        this.#options.deliver(message);
      },
      onClose: (): void => {
        this.#incoming.delete(connection);
        if (peer === null) return;
        if (peer.stranger?.connection === connection) peer.stranger = null;
        if (peer.incoming !== connection) return;
        peer.incoming = null;
        this.#tellRefusal(peer);
      },
    });
    this.#incoming.add(connection);
  }

  #onIncoming(peer: Peer, connection: Connection, incarnation: bigint): void {
    const known = this.#options.knownIncarnation(peer.slot);
    if (known !== 0n && known !== incarnation) {
      // It must not push aside the connection of the true one.
      this.#options.logger.warn('peer', 'another data file than the known one', {
        peer: peer.slot,
        remote: connection.remote(),
      });
      peer.stranger?.connection.destroy();
      peer.stranger = { incarnation, connection };
      connection.send(makeHello(this.#options.self));
      return;
    }
    // A second connection means that the first one's process is gone or has given it up.
    peer.incoming?.destroy();
    peer.refusal = false; // It lives.
    peer.incoming = connection;
    connection.send(makeHello(this.#options.self));
    // It is up: no reason to wait for the next dial.
    if (peer.timer === null) return;
    clearTimeout(peer.timer);
    peer.attempt = 0;
    this.#dial(peer);
  }

  #dial(peer: Peer): void {
    peer.timer = null;
    if (this.#stopped) return;
    const address = this.#options.addressOf(peer.slot);
    if (address === null) {
      this.#dialLater(peer, 'its address is not known yet');
      return;
    }
    const socket = connect({ host: address.host, port: address.port });
    socket.setTimeout(DIAL_MILLIS, () => socket.destroy());
    socket.once('connect', () => socket.setTimeout(0));
    let failure = 'the connection was closed';
    socket.once('error', (error) => {
      failure = systemCode(error);
    });
    const connection = this.#connection(socket, {
      onHello: (hello): RejectionReason | null => {
        const reason = replicaHelloFault(this.#options.self, hello, peer.slot);
        if (reason === null) this.#onReached(peer);
        else failure = rejectionText(reason);
        return reason;
      },
      onMessage: (message): void => {
        if (isCommand(message, 'rejection')) {
          const reason = reasonName(REJECTION_REASONS, message.header.reason) ?? 'badMessage';
          this.#options.observer.onRejection('received', reason);
          failure = `it refused this replica: ${snake(reason)}`;
          connection.destroy();
          this.#onRejected(peer, message, reason);
        } else if (isOf(peer.slot, message)) this.#options.deliver(message);
        else this.#options.observer.onDropped('other_author');
      },
      onClose: (): void => {
        peer.outgoing = null;
        this.#onLost(peer, failure);
      },
    });
    peer.outgoing = connection;
    connection.send(makeHello(this.#options.self));
  }

  /**
   * As with a denied file, one peer's word is not enough: it may be the odd one itself. A replica
   * that could still be in a quorum goes on.
   */
  #onRejected(peer: Peer, message: Message<'rejection'>, reason: RejectionReason): void {
    if (this.#stopped) return;
    const { self, onOddSizes } = this.#options;
    const { cluster, replica } = message.header;
    if (cluster !== self.cluster || replica !== peer.slot) return;
    peer.otherSizes = reason === 'wrongSizes';
    const odd = [...this.#peers.values()].filter(({ otherSizes }) => otherSizes);
    const { replication } = quorumsOf(self.replicaCount);
    if (odd.length < 2 || self.replicaCount - odd.length >= replication) return;
    onOddSizes(odd.map(({ slot }) => slot));
  }

  #onReached(peer: Peer): void {
    peer.otherSizes = false;
    peer.attempt = 0;
    peer.reached = true;
    peer.reachedAt = performance.now();
    peer.problem = null;
    this.#options.logger.info('peer', 'connected to a peer', { peer: peer.slot });
  }

  #onLost(peer: Peer, failure: string): void {
    if (this.#stopped) return;
    if (failure === 'ECONNREFUSED' && peer.reached) {
      peer.reached = false;
      peer.refusal = true;
      this.#tellRefusal(peer);
    }
    this.#dialLater(peer, failure);
  }

  /**
   * Tells that a peer's process is gone, when everything that it had sent has been read: what is
   * heard of it after the word would take it back.
   */
  #tellRefusal(peer: Peer): void {
    if (this.#stopped || !peer.refusal || peer.incoming !== null) return;
    peer.refusal = false;
    this.#options.onRefused(peer.slot);
  }

  #dialLater(peer: Peer, problem: string): void {
    if (this.#stopped) return;
    if (peer.problem !== problem) {
      this.#options.logger.warn('peer', 'cannot reach a peer', { peer: peer.slot, err: problem });
    }
    peer.problem = problem;
    const pause = this.#pauseBeforeDial(peer);
    peer.attempt += 1;
    peer.timer = setTimeout(() => this.#dial(peer), pause);
  }

  /**
   * What was a good connection for a while and broke is dialled again at once: whether the peer's
   * process is gone decides how long others wait for it.
   */
  #pauseBeforeDial(peer: Peer): number {
    const broke = peer.attempt === 0 && peer.reached;
    const livedWell = broke && performance.now() - peer.reachedAt >= LIFE_GOOD_MILLIS;
    return livedWell ? 1 : backoffMillis(peer.attempt, this.#options.prng);
  }

  #connection(
    socket: Socket,
    handlers: {
      readonly onHello: (hello: Message<'hello'>) => RejectionReason | null;
      readonly onMessage: (message: AnyMessage) => void;
      readonly onClose: () => void;
    },
  ): Connection {
    const { self, turn, observer } = this.#options;
    return new Connection({
      socket,
      self,
      limits: PEER_SEND_LIMITS,
      turn,
      observer,
      ...handlers,
    });
  }
}
