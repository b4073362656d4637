import { assert } from '@kimberlite/store';
import type { Prng } from '../std/prng.ts';

/** Repair requests in flight to one peer, at most. */
export const MAX_INFLIGHT_PER_REPLICA = 2;
/** Weight of a new latency sample. */
export const EWMA_ALPHA = 0.2;
/** Share of requests that try a random peer instead of the fastest. */
export const EXPERIMENT_CHANCE = 0.1;
/** Answers in a row after which a peer that had lost one may have all its places again. */
export const ANSWERS_TO_RECOVER = 4;
/** Latency assumed of a peer that was never asked, in ticks. */
const EWMA_START = 1;
/** No peer counts as slower than this, so it can come back; in ticks. */
const EWMA_MAX = 1000;
/** Answers of a peer before its own latency says when a request to it is lost. */
const ANSWERS_TO_TRUST = 8;
/** A request is never given up before this share of the expiry, however fast the peer was. */
const EXPIRY_FLOOR = 0.2;

/**
 * How much a repair matters. `urgent`: commits wait for it. `background`: it makes a copy whole
 * that nobody waits for; it never takes the last place at a peer, so an urgent one finds room.
 */
export type RepairPriority = 'urgent' | 'background';

/** Kinds of things that peers are asked for. */
export type RepairKind = 'headers' | 'prepares' | 'next' | 'blocks';

/** What a peer is asked for. */
export interface RepairRequest {
  readonly what: RepairKind;
  /** Names what is wanted; the same key is the same thing, whoever is asked for it. */
  readonly key: string;
  /** First op wanted, or the address of a block. */
  readonly opStart: number;
  /** One above the last op wanted. */
  readonly opEnd: number;
}

export interface ExpiredRepair {
  readonly replica: number;
  readonly key: string;
  readonly opStart: number;
  readonly opEnd: number;
}

interface InFlight {
  readonly request: RepairRequest;
  readonly sentAt: number;
}

interface Peer {
  readonly slot: number;
  /** Smoothed time to an answer, in ticks. */
  latency: number;
  /** Smoothed distance of the samples from it, in ticks. */
  deviation: number;
  /** Answers so far. */
  answers: number;
  /** Answers since the last request that expired. */
  answersInRow: number;
  /** Places: one after a loss, two again when the peer has answered often enough. */
  places: number;
  readonly inFlight: Map<string, InFlight>;
}

/**
 * Whom to ask for repairs, and how much: two in flight a peer, the fastest peer nine times in ten.
 * Without it several lagging replicas flood the send queues of the healthy ones, which lag in turn.
 *
 * The limits follow the network: a peer that lets a request expire is asked for one thing at a time
 * until it has answered a few in a row, and what a fast peer does not answer is taken for lost
 * sooner than the configured expiry, which stays the most.
 */
export class RepairBudget {
  private readonly peers: Peer[];
  private readonly expiryTicks: number;

  constructor(options: {
    readonly self: number;
    readonly replicaCount: number;
    readonly expiryTicks: number;
  }) {
    assert(options.expiryTicks >= 1, 'a request has time to be answered');
    this.peers = [];
    this.expiryTicks = options.expiryTicks;
    for (let slot = 0; slot < options.replicaCount; slot += 1) {
      if (slot === options.self) continue;
      this.peers.push({
        slot,
        latency: EWMA_START,
        deviation: 0,
        answers: 0,
        answersInRow: 0,
        places: MAX_INFLIGHT_PER_REPLICA,
        inFlight: new Map(),
      });
    }
  }

  private peer(slot: number): Peer | null {
    return this.peers.find((peer) => peer.slot === slot) ?? null;
  }

  private room(peer: Peer): number {
    return Math.max(0, peer.places - peer.inFlight.size);
  }

  /**
   * A background repair leaves a place free: of two one, and of one, after a loss, it takes that
   * only while the peer is asked for nothing else.
   */
  private hasRoom(peer: Peer, priority: RepairPriority): boolean {
    if (priority === 'urgent') return this.room(peer) > 0;
    return peer.inFlight.size === 0;
  }

  /** The peer to ask next, or null when every one is at its limit. */
  selectReplica(prng: Prng, priority: RepairPriority = 'urgent'): number | null {
    const available = this.peers.filter((peer) => this.hasRoom(peer, priority));
    if (available.length === 0) return null;
    if (prng.chance(EXPERIMENT_CHANCE)) return prng.pick(available).slot;
    const fastest = Math.min(...available.map((peer) => peer.latency));
    // Equal ones are drawn: always the first would be always the same peer, perhaps the broken one.
    return prng.pick(available.filter((peer) => peer.latency === fastest)).slot;
  }

  /** Whether this one peer may be asked for something urgent. */
  hasRoomAt(replica: number): boolean {
    const peer = this.peer(replica);
    return peer !== null && this.room(peer) > 0;
  }

  hasAvailableSlots(): boolean {
    return this.peers.some((peer) => this.room(peer) > 0);
  }

  /** Free request slots over all peers. */
  availableSlots(): number {
    return this.peers.reduce((sum, peer) => sum + this.room(peer), 0);
  }

  /** Requests under way, over all peers. */
  inFlightCount(): number {
    return this.peers.reduce((sum, peer) => sum + peer.inFlight.size, 0);
  }

  /** Whether someone has been asked for this and may still answer. */
  isInFlight(key: string): boolean {
    return this.peers.some((peer) => peer.inFlight.has(key));
  }

  /** Whether a request of this kind under way asks for this op. */
  isCovered(what: RepairKind, op: number): boolean {
    for (const { inFlight } of this.peers) {
      for (const { request } of inFlight.values()) {
        if (request.what === what && request.opStart <= op && op < request.opEnd) return true;
      }
    }
    return false;
  }

  recordRepairSent(replica: number, request: RepairRequest, tick: number): void {
    const peer = this.peer(replica);
    assert(peer !== null && this.room(peer) > 0, 'the peer was selected');
    assert(request.opStart < request.opEnd, 'something is asked for');
    assert(peer.inFlight.size < MAX_INFLIGHT_PER_REPLICA, 'never above the limit');
    peer.inFlight.set(request.key, { request, sentAt: tick });
  }

  /** An answer came, from whomever: the request is done everywhere. */
  recordRepairCompleted(key: string, tick: number): void {
    for (const peer of this.peers) {
      const asked = peer.inFlight.get(key);
      if (asked === undefined) continue;
      peer.inFlight.delete(key);
      peer.answers += 1;
      peer.answersInRow += 1;
      if (peer.answersInRow >= ANSWERS_TO_RECOVER) peer.places = MAX_INFLIGHT_PER_REPLICA;
      this.sample(peer, Math.max(0, tick - asked.sentAt));
    }
  }

  /** The peer did not answer: its place is free, and it counts as slower and lossy. */
  recordRepairExpired(replica: number, key: string): void {
    const peer = this.peer(replica);
    if (peer === null || !peer.inFlight.delete(key)) return;
    peer.answersInRow = 0;
    peer.places = 1;
    this.sample(peer, 2 * peer.latency);
  }

  private sample(peer: Peer, latency: number): void {
    const off = Math.abs(latency - peer.latency);
    peer.deviation = peer.deviation * (1 - EWMA_ALPHA) + off * EWMA_ALPHA;
    const next = peer.latency * (1 - EWMA_ALPHA) + latency * EWMA_ALPHA;
    peer.latency = Math.min(EWMA_MAX, Math.max(0.1, next));
  }

  /** Ticks after which this peer's silence is taken for a loss; never above what is configured. */
  expiryOf(replica: number): number {
    const peer = this.peer(replica);
    if (peer === null || peer.answers < ANSWERS_TO_TRUST) return this.expiryTicks;
    const expected = Math.ceil(2 * peer.latency + 4 * peer.deviation);
    const least = Math.ceil(this.expiryTicks * EXPIRY_FLOOR);
    return Math.min(this.expiryTicks, Math.max(least, expected));
  }

  /** Gives up requests that are too old; each costs its peer a sample of twice its latency. */
  expireStaleRequests(tick: number): ExpiredRepair[] {
    const expired: ExpiredRepair[] = [];
    for (const peer of this.peers) {
      const expiry = this.expiryOf(peer.slot);
      for (const [key, { request, sentAt }] of [...peer.inFlight]) {
        if (tick - sentAt < expiry) continue;
        const { opStart, opEnd } = request;
        expired.push({ replica: peer.slot, key, opStart, opEnd });
        this.recordRepairExpired(peer.slot, key);
      }
    }
    return expired;
  }

  /** Smoothed latency of a peer in ticks, always positive. */
  latency(replica: number): number {
    return this.peer(replica)?.latency ?? EWMA_START;
  }

  /** Forgets what is in flight, as when the view ends; what was learnt of the peers stays. */
  clear(): void {
    for (const peer of this.peers) peer.inFlight.clear();
  }
}
