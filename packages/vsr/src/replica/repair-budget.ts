import { assert } from '@kimberlite/store';
import type { Prng } from '../std/prng.ts';

/** Repair requests in flight to one peer, at most. */
export const MAX_INFLIGHT_PER_REPLICA = 2;
/** Weight of a new latency sample. */
export const EWMA_ALPHA = 0.2;
/** Share of requests that try a random peer instead of the fastest. */
export const EXPERIMENT_CHANCE = 0.1;
/** Latency assumed of a peer that was never asked, in ticks. */
const EWMA_START = 1;
/** No peer counts as slower than this, so it can come back; in ticks. */
const EWMA_MAX = 1000;

interface Peer {
  readonly slot: number;
  latency: number;
  /** What was asked (an op, or a block's address) and when. */
  readonly inFlight: Map<string, number>;
}

export interface ExpiredRepair {
  readonly replica: number;
  readonly request: string;
}

/**
 * Whom to ask for repairs, and how much: two in flight a peer, the fastest peer nine times in ten.
 * Without it several lagging replicas flood the send queues of the healthy ones, which lag in turn.
 */
export class RepairBudget {
  private readonly peers: Peer[];
  private readonly expiryTicks: number;

  constructor(options: {
    readonly self: number;
    readonly replicaCount: number;
    readonly expiryTicks: number;
  }) {
    this.peers = [];
    this.expiryTicks = options.expiryTicks;
    for (let slot = 0; slot < options.replicaCount; slot += 1) {
      if (slot === options.self) continue;
      this.peers.push({ slot, latency: EWMA_START, inFlight: new Map() });
    }
  }

  private peer(slot: number): Peer | null {
    return this.peers.find((peer) => peer.slot === slot) ?? null;
  }

  private hasRoom(peer: Peer): boolean {
    return peer.inFlight.size < MAX_INFLIGHT_PER_REPLICA;
  }

  /** The peer to ask next, or null when every one is at its limit. */
  selectReplica(prng: Prng): number | null {
    const available = this.peers.filter((peer) => this.hasRoom(peer));
    if (available.length === 0) return null;
    if (prng.chance(EXPERIMENT_CHANCE)) return prng.pick(available).slot;
    const fastest = Math.min(...available.map((peer) => peer.latency));
    // Equal ones are drawn: always the first would be always the same peer, perhaps the broken one.
    return prng.pick(available.filter((peer) => peer.latency === fastest)).slot;
  }

  hasAvailableSlots(): boolean {
    return this.peers.some((peer) => this.hasRoom(peer));
  }

  /** Free request slots over all peers. */
  availableSlots(): number {
    return this.peers.reduce((sum, peer) => sum + MAX_INFLIGHT_PER_REPLICA - peer.inFlight.size, 0);
  }

  /** Whether someone has been asked for this and may still answer. */
  isInFlight(request: string): boolean {
    return this.peers.some((peer) => peer.inFlight.has(request));
  }

  recordRepairSent(replica: number, request: string, tick: number): void {
    const peer = this.peer(replica);
    assert(peer !== null && this.hasRoom(peer), 'the peer was selected');
    peer.inFlight.set(request, tick);
  }

  /** An answer came, from whomever: the request is done everywhere. */
  recordRepairCompleted(request: string, tick: number): void {
    for (const peer of this.peers) {
      const sent = peer.inFlight.get(request);
      if (sent === undefined) continue;
      peer.inFlight.delete(request);
      this.sample(peer, tick - sent);
    }
  }

  private sample(peer: Peer, latency: number): void {
    const next = peer.latency * (1 - EWMA_ALPHA) + latency * EWMA_ALPHA;
    peer.latency = Math.min(EWMA_MAX, Math.max(0.1, next));
  }

  /** Gives up requests that are too old; each costs its peer a sample of twice its latency. */
  expireStaleRequests(tick: number): ExpiredRepair[] {
    const expired: ExpiredRepair[] = [];
    for (const peer of this.peers) {
      for (const [request, sent] of peer.inFlight) {
        if (tick - sent < this.expiryTicks) continue;
        peer.inFlight.delete(request);
        this.sample(peer, 2 * peer.latency);
        expired.push({ replica: peer.slot, request });
      }
    }
    return expired;
  }

  /** Smoothed latency of a peer in ticks, always positive. */
  latency(replica: number): number {
    return this.peer(replica)?.latency ?? EWMA_START;
  }

  clear(): void {
    for (const peer of this.peers) peer.inFlight.clear();
  }
}
