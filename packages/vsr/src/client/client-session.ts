import { assert, type ChecksumFunction, unreachable } from '@kimberlite/store';
import { OPERATION_REGISTER, OPERATION_USER_MIN, OPERATIONS_OF_CORE } from '../message/batch.ts';
import {
  EVICTION_REASONS,
  type EvictionReason,
  NO_REPLICA,
  REFUSAL_REASONS,
  type RefusalReason,
  reasonName,
} from '../message/layout.ts';
import { type AnyMessage, encodeMessage, isCommand, type Message } from '../message/message.ts';
import { type ClientId, View } from '../std/numbers.ts';
import type { ClientEffect } from './client-effect.ts';
import { PrimaryGuess } from './primary-guess.ts';
import { type RetryOptions, RetryPause } from './retry-pause.ts';

/**
 * `idle`: not registered. `registering`: the register is under way. `ready`: a request may be
 * submitted. `busy`: one is in flight. `evicted`: over for good; make a new session.
 */
export type ClientSessionState = 'idle' | 'registering' | 'ready' | 'busy' | 'evicted';

/** Requests of one session, at most; the number is 32 bits on the wire. */
const REQUEST_MAX = 0xffffffff;

/** Ticks before the next round when every replica has said that it does not lead. */
const NOBODY_LEADS_TICKS = 4;

/** What a session is made with. */
export interface ClientSessionOptions extends RetryOptions {
  readonly cluster: bigint;
  /** Random, 128 bits, used by this session alone and never again. */
  readonly client: ClientId;
  /** Voters that can be spoken to: slots 0 to replicaCount - 1. */
  readonly replicaCount: number;
  readonly checksum: ChecksumFunction;
  /** The author's release: major << 16 | minor << 8 | patch. */
  readonly release: number;
}

/** The request that is being asked for, and what became of its copies. */
interface InFlight {
  readonly message: Message<'request'>;
  /**
   * Copies handed to the transport that no replica has refused: each may be in a log, or may yet
   * come to be. While there is one, no refusal is definite.
   */
  unrefused: number;
  /** Who said that it is full, since the last timeout: asked again alone. Null for nobody. */
  full: number | null;
  /** Slot that the newest copy went to. */
  target: number;
  /** Copies since the last timeout that were refused and moved to the next replica at once. */
  hops: number;
  /** Current pause between retransmissions, before jitter. */
  pauseTicks: number;
  /** Ticks since it was submitted. */
  ageTicks: number;
  /** Ticks until the next retransmission; never zero while in flight. */
  ticksLeft: number;
}

/**
 * One client session, sans-IO: registers, sends one request at a time, sends the identical bytes
 * again until it is answered, and says what became of it. At most one execution of each request is
 * the replicas' promise; this class keeps the client's half of it:
 *
 * - Request numbers grow by one, and a number is used for other bytes only when no copy of the
 *   first ones can be in a log: after a definite refusal.
 * - `refused` is reported for `invalid`, which every replica refuses alike, and for `busy` and
 *   `noQuorum` when as many refusals as copies have come: then nothing has happened or will, and
 *   the caller may submit again or give up. Until then an earlier copy may still execute, so the
 *   session goes on asking and the caller's deadline ends it, as indefinite. `notPrimary` is never
 *   reported, but counts: another replica is asked.
 * - Counting is enough because a replica that refuses a copy keeps none of it, and no copy is
 *   refused twice: it is put into the queue, answered, passed on, dropped or refused, and from the
 *   queue it goes into a prepare, or is dropped, or is refused. A backup that passes it on keeps
 *   and answers nothing, so the one copy stays one, whoever refuses it in the end. A copy that was
 *   lost, with its connection or its replica, or is answered with silence, is never refused; so
 *   from then on the request is indefinite until it is answered.
 * - It relies on a transport that duplicates neither requests nor refusals (TCP). A request that
 *   came twice might be refused once and executed once; a refusal that came twice would stand for
 *   a copy that is still on its way.
 *
 * Whoever drives it says what the transport did not take: `onUnsent` when there is no connection,
 * `onHeld` while an earlier copy to the same replica is still being written out.
 *
 * The register goes to every replica, so that the primary of this view or of the next knows the
 * connection on which this client is answered.
 */
export class ClientSession {
  private readonly cluster: bigint;
  private readonly client: ClientId;
  private readonly replicaCount: number;
  private readonly checksum: ChecksumFunction;
  private readonly release: number;
  private readonly retry: RetryPause;
  private stateNow: ClientSessionState;
  private sessionNumber: number;
  /** Number of the next request; the register is 0. */
  private requestNext: number;
  private readonly guess: PrimaryGuess;
  /** Slot that is tried next where the primary is unknown, or besides it. */
  private cursor: number;
  /**
   * Smoothed time to an answer, in eighths of a tick: a slow cluster is not asked twice at once.
   */
  private latencyEighths: number;
  /** Not null exactly when registering or busy. */
  private inFlight: InFlight | null;

  constructor(options: ClientSessionOptions) {
    this.cluster = options.cluster;
    this.client = options.client;
    this.replicaCount = options.replicaCount;
    this.checksum = options.checksum;
    this.release = options.release;
    this.retry = new RetryPause(options);
    this.stateNow = 'idle';
    this.sessionNumber = 0;
    this.requestNext = 0;
    this.guess = new PrimaryGuess(options.replicaCount);
    this.cursor = options.prng.below(options.replicaCount);
    this.latencyEighths = 0;
    this.inFlight = null;
    assert(this.client !== 0n, 'client id is not zero');
  }

  /** What may be asked of it now. */
  get state(): ClientSessionState {
    return this.stateNow;
  }

  /** Newest view that a reply named; 0 before the first. */
  get view(): View {
    return this.guess.view;
  }

  /** Session number given by the cluster; 0 before the register was answered. */
  get session(): number {
    return this.sessionNumber;
  }

  /** Opens the session. Only in state `idle`. */
  register(out: ClientEffect[]): void {
    assert(this.stateNow === 'idle', 'a session registers once');
    this.stateNow = 'registering';
    this.begin(OPERATION_REGISTER, new Uint8Array(0), out);
  }

  /**
   * Sends a request of the core, one of OPERATIONS_OF_CORE. Only in state `ready`. Copies `body`.
   */
  administer(operation: number, body: Uint8Array, out: ClientEffect[]): void {
    assert(this.stateNow === 'ready', 'one request at a time');
    assert(OPERATIONS_OF_CORE.includes(operation), 'of the core');
    this.stateNow = 'busy';
    this.begin(operation, body, out);
  }

  /** Sends one request of the state machine. Only in state `ready`. Copies `body`. */
  submit(operation: number, body: Uint8Array, out: ClientEffect[]): void {
    assert(this.stateNow === 'ready', 'one request at a time');
    assert(operation >= OPERATION_USER_MIN, 'the core keeps its operations to itself');
    this.stateNow = 'busy';
    this.begin(operation, body, out);
  }

  /** Takes any decoded message; what is not an answer to this session is ignored. */
  onMessage(message: AnyMessage, out: ClientEffect[]): void {
    if (message.header.cluster !== this.cluster) return;
    if (isCommand(message, 'reply')) this.onReply(message, out);
    else if (isCommand(message, 'eviction')) this.onEviction(message, out);
    else if (isCommand(message, 'refusal')) this.onRefusal(message, out);
    else if (isCommand(message, 'commit')) this.onPrimary(message, out);
  }

  /** Once every 10 ms. */
  onTick(out: ClientEffect[]): void {
    const inFlight = this.inFlight;
    if (inFlight === null) return;
    assert(inFlight.ticksLeft > 0, 'a request in flight has a running timer');
    inFlight.ageTicks += 1;
    inFlight.ticksLeft -= 1;
    if (inFlight.ticksLeft === 0) this.onRetryTimeout(inFlight, out);
  }

  /** The transport reached a replica: one that has not seen the register yet gets it at once. */
  onConnect(replica: number, out: ClientEffect[]): void {
    const inFlight = this.inFlight;
    if (inFlight === null || this.stateNow !== 'registering') return;
    this.sendTo(replica, inFlight, out);
  }

  /**
   * The transport knows that what went to this replica may be lost (its connection broke): asks
   * again at once, elsewhere first.
   */
  onDisconnect(replica: number, out: ClientEffect[]): void {
    const inFlight = this.inFlight;
    this.guess.forget(replica);
    if (inFlight === null || this.replicaCount === 1) return;
    if (inFlight.target !== replica) return; // The copy that counts is elsewhere.
    if (inFlight.hops >= this.replicaCount - 1) return;
    inFlight.hops += 1;
    this.sendTo(this.nextBesides(replica), inFlight, out);
  }

  /** The transport has no connection to this replica: the copy has not left, and never will. */
  onUnsent(replica: number, message: AnyMessage, out: ClientEffect[]): void {
    const inFlight = this.inFlight;
    if (inFlight === null || inFlight.message !== message) return;
    takeBack(inFlight);
    // A register has gone to all the others already, and goes to this one when it connects.
    if (this.stateNow === 'busy') this.onDisconnect(replica, out);
  }

  /**
   * The transport still writes out an earlier copy to this replica, and did not take this one: a
   * second would only stand behind the first, and take its time on a link that is slow already.
   */
  onHeld(message: AnyMessage): void {
    const inFlight = this.inFlight;
    if (inFlight !== null && inFlight.message === message) takeBack(inFlight);
  }

  private begin(operation: number, body: Uint8Array, out: ClientEffect[]): void {
    assert(this.inFlight === null, 'nothing else is in flight');
    const message = encodeMessage(
      'request',
      {
        cluster: this.cluster,
        replica: NO_REPLICA,
        // Retransmissions are the same bytes in whatever view they arrive, so they name none.
        view: View(0),
        release: this.release,
        incarnation: 0n,
        client: this.client,
        session: this.sessionNumber,
        request: this.requestNext,
        operation,
      },
      body,
      this.checksum,
    );
    const pauseTicks = this.firstPause(message.bytes.length);
    const ticksLeft = this.retry.jittered(pauseTicks);
    const inFlight: InFlight = {
      message,
      unrefused: 0,
      full: null,
      target: 0,
      hops: 0,
      pauseTicks,
      ageTicks: 0,
      ticksLeft,
    };
    this.inFlight = inFlight;
    if (operation === OPERATION_REGISTER) this.sendToAll(inFlight, out);
    else this.sendTo(this.guess.slot ?? this.nextBesides(null), inFlight, out);
  }

  private onReply(message: Message<'reply'>, out: ClientEffect[]): void {
    const { header } = message;
    const inFlight = this.inFlight;
    if (inFlight === null || header.client !== this.client) return;
    // The checksum names the session, the number and the bytes: a reply to it is final, in
    // whatever view it was sent.
    if (header.requestChecksum !== inFlight.message.header.checksum) return;
    this.guess.learn(header.view);
    this.latencyEighths += inFlight.ageTicks - Math.floor(this.latencyEighths / 8);
    this.inFlight = null;
    this.requestNext += 1;
    if (this.stateNow === 'registering') {
      assert(this.requestNext === 1, 'the register is request 0');
      this.sessionNumber = header.session;
      this.stateNow = 'ready';
      out.push({ kind: 'registered', session: header.session });
      return;
    }
    assert(this.stateNow === 'busy', 'a request in flight is a register or a user request');
    this.stateNow = 'ready';
    out.push({ kind: 'reply', message });
    if (this.requestNext > REQUEST_MAX) this.endEvicted('requestCollision', out);
  }

  /**
   * A new primary says that it leads: what is in flight is sent to it at once, for the one that was
   * asked may hang. Identical bytes, as in every retransmission. Who does not lead the view that it
   * names is not listened to.
   */
  private onPrimary({ header }: Message<'commit'>, out: ClientEffect[]): void {
    const inFlight = this.inFlight;
    if (!this.guess.isNews(header)) return;
    this.guess.learn(header.view);
    if (inFlight === null || this.guess.slot === null) return;
    this.sendTo(this.guess.slot, inFlight, out);
  }

  private onEviction(message: Message<'eviction'>, out: ClientEffect[]): void {
    const { header } = message;
    if (header.client !== this.client || this.stateNow === 'evicted') return;
    if (this.stateNow === 'idle' || header.session !== this.sessionNumber) return;
    // A deposed primary may not have heard of this session yet; who speaks in the view of our
    // register or a later one has it in its log.
    if (header.view < this.guess.view) return;
    const reason: EvictionReason = reasonName(EVICTION_REASONS, header.reason) ?? 'noSession';
    this.endEvicted(reason, out);
  }

  /** Also ends a session whose numbers are used up: the next would collide with its first. */
  private endEvicted(reason: EvictionReason, out: ClientEffect[]): void {
    this.inFlight = null;
    this.stateNow = 'evicted';
    out.push({ kind: 'evicted', reason });
  }

  private onRefusal(message: Message<'refusal'>, out: ClientEffect[]): void {
    const { header } = message;
    const inFlight = this.inFlight;
    if (inFlight === null || header.client !== this.client) return;
    if (header.requestChecksum !== inFlight.message.header.checksum) return;
    const reason = reasonName(REFUSAL_REASONS, header.reason);
    if (reason === null) return;
    inFlight.unrefused = Math.max(0, inFlight.unrefused - 1);
    const definite = inFlight.unrefused === 0;
    const user = this.stateNow === 'busy';
    switch (reason) {
      case 'invalid':
        if (user) this.endRefused(reason, definite, out);
        return;
      case 'noQuorum':
        this.guess.slot = null;
        if (user && definite) {
          this.endRefused(reason, definite, out);
        } else {
          out.push({ kind: 'no_quorum' });
          this.hop(inFlight, header.replica, out);
        }
        return;
      case 'notPrimary':
        this.guess.forget(header.replica);
        this.hop(inFlight, header.replica, out);
        return;
      case 'busy':
        if (user && definite) {
          this.endRefused(reason, definite, out);
        } else {
          out.push({ kind: 'busy' });
          inFlight.full = header.replica;
        }
        return;
      case 'tooStale': // Said of queries alone.
        return;
      default:
        unreachable(reason);
    }
  }

  /** The number stays unused: no copy of this request is or will be in a log. */
  private endRefused(reason: RefusalReason, definite: boolean, out: ClientEffect[]): void {
    assert(definite || reason === 'invalid', 'a copy that nobody has refused may execute');
    this.inFlight = null;
    this.stateNow = 'ready';
    out.push({ kind: 'refused', reason, definite });
  }

  /** To the next replica at once, but once round at most: then the timer paces it. */
  private hop(inFlight: InFlight, refuser: number, out: ClientEffect[]): void {
    if (this.stateNow === 'registering') return; // Every replica has a copy already.
    const size = inFlight.message.bytes.length;
    if (inFlight.hops >= this.replicaCount - 1 || this.retry.isLarge(size)) {
      // None of them leads: the next view is being made, and will be there soon. What is large does
      // not go round: in a view change, all sessions at once would send it to all replicas.
      const ticks = this.retry.first(size, 0) - this.retry.ticksMin + NOBODY_LEADS_TICKS;
      inFlight.ticksLeft = Math.min(inFlight.ticksLeft, this.retry.jittered(ticks));
      return;
    }
    inFlight.hops += 1;
    this.sendTo(this.nextBesides(refuser), inFlight, out);
  }

  private onRetryTimeout(inFlight: InFlight, out: ClientEffect[]): void {
    const { full } = inFlight;
    inFlight.hops = 0;
    inFlight.full = null;
    inFlight.pauseTicks = this.retry.longer(inFlight.pauseTicks, inFlight.message.bytes.length);
    inFlight.ticksLeft = this.retry.jittered(inFlight.pauseTicks);
    if (full !== null && full < this.replicaCount) {
      // It lives, and leads: others would pass more copies on to where there are too many already.
      this.sendTo(full, inFlight, out);
      return;
    }
    if (this.stateNow === 'registering') {
      this.sendToAll(inFlight, out);
      return;
    }
    if (this.retry.isLarge(inFlight.message.bytes.length)) {
      // Each in its turn, also the one that is believed to lead: it may be gone, or deaf.
      this.sendTo(this.nextBesides(inFlight.target), inFlight, out);
      return;
    }
    const primary = this.guess.slot;
    if (primary !== null) this.sendTo(primary, inFlight, out);
    // The believed primary may be gone or deaf; another forwards to the one it knows.
    if (primary === null || this.replicaCount > 1) {
      this.sendTo(this.nextBesides(primary), inFlight, out);
    }
  }

  private sendToAll(inFlight: InFlight, out: ClientEffect[]): void {
    for (let slot = 0; slot < this.replicaCount; slot += 1) this.sendTo(slot, inFlight, out);
  }

  private sendTo(replica: number, inFlight: InFlight, out: ClientEffect[]): void {
    assert(replica >= 0 && replica < this.replicaCount, 'the replica exists');
    inFlight.unrefused += 1;
    inFlight.target = replica;
    out.push({ kind: 'send', replica, message: inFlight.message });
  }

  /** The next slot in turn, skipping one unless there is no other. */
  private nextBesides(skipped: number | null): number {
    for (let turn = 0; turn < 2; turn += 1) {
      this.cursor = (this.cursor + 1) % this.replicaCount;
      if (this.cursor !== skipped) break;
    }
    return this.cursor;
  }

  /** Twice the usual time to an answer, within the bounds for a message of this size. */
  private firstPause(size: number): number {
    return this.retry.first(size, Math.ceil(this.latencyEighths / 4));
  }
}

/** A copy that was counted has not been handed over. */
function takeBack(inFlight: InFlight): void {
  assert(inFlight.unrefused > 0, 'what was not taken was counted');
  inFlight.unrefused -= 1;
}
