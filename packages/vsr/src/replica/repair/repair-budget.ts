import { assert } from '@kimberlite/store';
import type { Prng } from '../../std/prng.ts';

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
/** Things remembered that a peer did not answer. */
const UNANSWERED_MAX = 1024;
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
  /** Of blocks, which lie anywhere: all addresses. The request is done when each has come. */
  readonly addresses?: readonly number[];
}

export interface ExpiredRepair {
  readonly replica: number;
  readonly key: string;
  /** It asked for much at once. */
  readonly large: boolean;
  readonly opStart: number;
  readonly opEnd: number;
}

interface InFlight {
  readonly request: RepairRequest;
  /** Addresses that have not come yet. */
  readonly awaited: Set<number>;
  readonly sentAt: number;
}

/** What a peer's answers to requests of one size have taught. */
interface Experience {
  /** Smoothed time to an answer, in ticks. */
  latency: number;
  /** Smoothed distance of the samples from it, in ticks. */
  deviation: number;
  /** Answers so far. */
  answers: number;
  /** Requests that expired since the last answer. */
  expiredInRow: number;
}

interface Peer {
  readonly slot: number;
  /** Of any size: by it the fastest peer is chosen. */
  readonly all: Experience;
  readonly small: Experience;
  readonly large: Experience;
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
 * sooner than the configured expiry, which stays the most. Much at once (blocks, many prepares) has
 * an expiry and a measure of its own: on a slow link it takes longer than a header, and given up as
 * soon it would be asked for, and sent, again and again.
 */
export class RepairBudget {
  private readonly peers: Peer[];
  /** By key: peers that let a request for blocks expire, until one answers it or all have. */
  private readonly unanswered: Map<string, Set<number>>;
  private readonly expiryTicks: number;
  private readonly largeExpiryTicks: number;

  constructor(options: {
    readonly self: number;
    readonly replicaCount: number;
    readonly expiryTicks: number;
    /** Of requests for much at once. */
    readonly largeExpiryTicks: number;
  }) {
    assert(options.expiryTicks >= 1, 'a request has time to be answered');
    assert(options.largeExpiryTicks >= options.expiryTicks, 'much takes no less time');
    this.peers = [];
    this.unanswered = new Map();
    this.expiryTicks = options.expiryTicks;
    this.largeExpiryTicks = options.largeExpiryTicks;
    for (let slot = 0; slot < options.replicaCount; slot += 1) {
      if (slot === options.self) continue;
      this.peers.push({
        slot,
        all: inexperienced(),
        small: inexperienced(),
        large: inexperienced(),
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
    return this.selectFrom(this.peers, prng, priority);
  }

  private selectFrom(peers: readonly Peer[], prng: Prng, priority: RepairPriority): number | null {
    const available = peers.filter((peer) => this.hasRoom(peer, priority));
    if (available.length === 0) return null;
    if (prng.chance(EXPERIMENT_CHANCE)) return prng.pick(available).slot;
    const fastest = Math.min(...available.map((peer) => peer.all.latency));
    // Equal ones are drawn: always the first would be always the same peer, perhaps the broken one.
    return prng.pick(available.filter((peer) => peer.all.latency === fastest)).slot;
  }

  /**
   * The same for a thing that not every peer may have: who let this key expire is passed over until
   * all have. Without that two things, each with the peer that the other is asked of, may keep
   * each other from it for ever: whose request expires finds only the same peer free again.
   */
  selectReplicaFor(key: string, prng: Prng, priority: RepairPriority = 'urgent'): number | null {
    const silent = this.unanswered.get(key);
    const others = this.peers.filter(({ slot }) => silent?.has(slot) !== true);
    return this.selectFrom(others, prng, priority);
  }

  private noteUnanswered(key: string, replica: number): void {
    if (this.unanswered.size >= UNANSWERED_MAX) this.unanswered.clear();
    const silent = this.unanswered.get(key) ?? new Set();
    silent.add(replica);
    if (silent.size < this.peers.length) this.unanswered.set(key, silent);
    else this.unanswered.delete(key);
  }

  /** Whether this one peer may be asked for something urgent. */
  hasRoomAt(replica: number): boolean {
    const peer = this.peer(replica);
    return peer !== null && this.room(peer) > 0;
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

  /** Whether someone has been asked for the block at this address and may still send it. */
  isBlockAwaited(address: number): boolean {
    for (const { inFlight } of this.peers) {
      for (const { awaited } of inFlight.values()) if (awaited.has(address)) return true;
    }
    return false;
  }

  recordRepairSent(replica: number, request: RepairRequest, tick: number): void {
    const peer = this.peer(replica);
    assert(peer !== null && this.room(peer) > 0, 'the peer was selected');
    assert(request.opStart < request.opEnd, 'something is asked for');
    assert(peer.inFlight.size < MAX_INFLIGHT_PER_REPLICA, 'never above the limit');
    const awaited = new Set(request.addresses);
    peer.inFlight.set(request.key, { request, awaited, sentAt: tick });
  }

  /** A block came, from whomever: with the last of a request the request is done. */
  recordBlockCame(address: number, tick: number): void {
    for (const { inFlight } of this.peers) {
      for (const [key, { awaited }] of inFlight) {
        if (awaited.delete(address) && awaited.size === 0) this.recordRepairCompleted(key, tick);
      }
    }
  }

  /** An answer came, from whomever: the request is done everywhere. */
  recordRepairCompleted(key: string, tick: number): void {
    this.unanswered.delete(key);
    for (const peer of this.peers) {
      const asked = peer.inFlight.get(key);
      if (asked === undefined) continue;
      peer.inFlight.delete(key);
      peer.answersInRow += 1;
      if (peer.answersInRow >= ANSWERS_TO_RECOVER) peer.places = MAX_INFLIGHT_PER_REPLICA;
      const latency = Math.max(0, tick - asked.sentAt);
      for (const experience of [peer.all, experienceOf(peer, asked.request)]) {
        experience.answers += 1;
        experience.expiredInRow = 0;
        learn(experience, latency);
      }
    }
  }

  /** The peer did not answer: its place is free, and it counts as slower and lossy. */
  recordRepairExpired(replica: number, key: string): void {
    const peer = this.peer(replica);
    const asked = peer?.inFlight.get(key);
    if (peer === null || asked === undefined) return;
    peer.inFlight.delete(key);
    if (asked.request.what === 'blocks') this.noteUnanswered(key, replica);
    peer.answersInRow = 0;
    peer.places = 1;
    for (const experience of [peer.all, experienceOf(peer, asked.request)]) {
      experience.expiredInRow += 1;
      learn(experience, 2 * experience.latency);
    }
  }

  /**
   * Ticks after which this peer's silence to such a request is taken for a loss; never above what
   * is configured.
   */
  expiryOf(replica: number, request: Pick<RepairRequest, 'what' | 'opStart' | 'opEnd'>): number {
    const most = isLarge(request) ? this.largeExpiryTicks : this.expiryTicks;
    const peer = this.peer(replica);
    if (peer === null) return most;
    const own = experienceOf(peer, request);
    const least = Math.ceil(this.expiryTicks * EXPIRY_FLOOR);
    if (own.answers >= ANSWERS_TO_TRUST) return clamp(expectedOf(own), least, most);
    const known = peer.all.answers >= ANSWERS_TO_TRUST;
    const first = known ? clamp(expectedOf(peer.all), least, this.expiryTicks) : this.expiryTicks;
    if (most === this.expiryTicks) return first;
    // A loss and a slow link look alike. From the second in a row on, waiting twice as long each
    // time finds a slow link out after a few; from the first answer on it is known.
    const seen = own.answers === 0 ? 0 : expectedOf(own);
    return clamp(Math.max(seen, first * 2 ** Math.max(0, own.expiredInRow - 1)), least, most);
  }

  /** Gives up requests that are too old; each costs its peer a sample of twice its latency. */
  expireStaleRequests(tick: number): ExpiredRepair[] {
    const expired: ExpiredRepair[] = [];
    for (const peer of this.peers) {
      for (const [key, { request, sentAt }] of [...peer.inFlight]) {
        const expiry = this.expiryOf(peer.slot, request);
        if (tick - sentAt < expiry) continue;
        const { opStart, opEnd } = request;
        expired.push({ replica: peer.slot, key, large: isLarge(request), opStart, opEnd });
        this.recordRepairExpired(peer.slot, key);
      }
    }
    return expired;
  }

  /** Smoothed latency of a peer in ticks, always positive. */
  latency(replica: number): number {
    return this.peer(replica)?.all.latency ?? EWMA_START;
  }

  /** Forgets what is in flight, as when the view ends; what was learnt of the peers stays. */
  clear(): void {
    for (const peer of this.peers) peer.inFlight.clear();
    this.unanswered.clear();
  }
}

/** Blocks of a checkpoint, and prepares of which a request names several. */
function isLarge({
  what,
  opStart,
  opEnd,
}: Pick<RepairRequest, 'what' | 'opStart' | 'opEnd'>): boolean {
  return what === 'blocks' || (what === 'prepares' && opEnd - opStart > 1);
}

function experienceOf(
  peer: Peer,
  request: Pick<RepairRequest, 'what' | 'opStart' | 'opEnd'>,
): Experience {
  return isLarge(request) ? peer.large : peer.small;
}

function inexperienced(): Experience {
  return { latency: EWMA_START, deviation: 0, answers: 0, expiredInRow: 0 };
}

function learn(experience: Experience, sample: number): void {
  const off = Math.abs(sample - experience.latency);
  experience.deviation = experience.deviation * (1 - EWMA_ALPHA) + off * EWMA_ALPHA;
  const next = experience.latency * (1 - EWMA_ALPHA) + sample * EWMA_ALPHA;
  experience.latency = Math.min(EWMA_MAX, Math.max(0.1, next));
}

/** Ticks within which nearly all answers come. */
function expectedOf({ latency, deviation }: Experience): number {
  return Math.ceil(2 * latency + 4 * deviation);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
