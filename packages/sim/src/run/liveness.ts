import { assert } from '@kimberlite/store';
import type { Prng } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import { viewChangeQuorum } from '../cluster/quorums.ts';
import { CONGESTION_OFF } from '../network/congestion.ts';
import type { NetworkOptions } from '../network/network.ts';
import type { StorageOptions } from '../storage/storage.ts';
import { unrecoverableReason } from './diagnosis.ts';
import { ALL_ZONES } from './hung-disks.ts';
import { isDeceived, shortfallsOf, shortfallText, takingPart, waitsOf } from './shortfalls.ts';

/** In which state a replica outside the core stays for good. */
type Frozen = 'down' | 'paused' | 'cut' | 'send_only' | 'receive_only' | 'hung_disk' | 'full_disk';

export interface LivenessOptions {
  readonly wholeCluster: boolean;
  /** A healed disk needs at least so many microseconds for a write; 0 for what is usual. */
  readonly healedWriteMicros: number;
  /** A healed link takes at least so many microseconds; 0 for what is usual. */
  readonly healedDelayMicros: number;
  /** Replicas outside the core may be whole but for a disk that takes nothing new any more. */
  readonly hungDisks: boolean;
  /** The same of a disk that has no room for more blocks. */
  readonly fullDisks: boolean;
}

/** How the liveness phase ended. */
export type LivenessOutcome =
  | { readonly kind: 'converged' }
  /** Standing still is right: the reason why nothing better is promised. */
  | { readonly kind: 'unrecoverable'; readonly reason: string }
  | { readonly kind: 'stuck'; readonly reason: string };

/** Requests that each client asks in a healed core before it falls silent. */
const FINAL_REQUESTS = 2;

/**
 * The second phase: a random core that can form a view-change quorum heals and gets no new faults,
 * while the others stay broken the way they are. It must answer, agree and repair itself. A
 * livelock under a *stable* asymmetric failure shows only here: in the first phase the next random
 * event always breaks it.
 */
export class LivenessPhase {
  private readonly cluster: Cluster;
  readonly core: readonly number[];
  /** Replicas outside the core of which only the disk is broken, hanging or full. */
  readonly hung: Set<number>;
  /** How each replica outside the core stays. */
  private readonly frozen: Map<number, Frozen>;

  constructor(cluster: Cluster, prng: Prng, options: LivenessOptions) {
    const { wholeCluster, hungDisks, fullDisks } = options;
    this.cluster = cluster;
    this.hung = new Set();
    this.frozen = new Map();
    const { replicaCount } = cluster.options;
    const slots = prng
      .shuffle(Array.from({ length: replicaCount }, (_, slot) => slot))
      .filter((slot) => !cluster.lostDisks.has(slot) && !cluster.oldFiles.has(slot))
      .filter((slot) => !cluster.hasGivenUp(slot));
    const least = viewChangeQuorum(replicaCount);
    // Who has not met every other one cannot begin: only then does the whole cluster heal.
    const all = wholeCluster || cluster.partaking < replicaCount;
    const size = all ? slots.length : prng.between(least, slots.length);
    this.core = slots.slice(0, size).sort((first, other) => first - other);
    cluster.log(() => `liveness: core ${this.core.join(', ')}`);
    this.heal(options);
    for (const slot of slots.slice(size)) {
      const frozen = prng.pick<Frozen>(['down', 'paused', 'cut', 'send_only', 'receive_only']);
      const hung = hungDisks && prng.chance(0.5) ? 'hung_disk' : frozen;
      this.freeze(slot, fullDisks && prng.chance(0.5) ? 'full_disk' : hung);
    }
  }

  run(ticksMax: number): LivenessOutcome {
    const { cluster } = this;
    const clients = cluster.clients.filter(({ silent }) => !silent);
    const answeredBefore = clients.map((client) => client.answered);
    for (let tick = 0; tick < ticksMax; tick += 1) {
      cluster.runTick();
      if (cluster.exposure?.isDecided(cluster.queue.now) === true) return { kind: 'converged' };
      let waiting = false;
      clients.forEach((client, index) => {
        const answered = client.answered - (answeredBefore[index] ?? 0);
        if (answered < FINAL_REQUESTS && !client.busy) client.ask();
        waiting ||= answered < FINAL_REQUESTS || client.busy;
        // What was asked with faults on is answered, or refused for good, now that they are off.
        waiting ||= client.queriesPending > 0;
      });
      if (!waiting && shortfallsOf(cluster, this).length === 0) {
        if (!isDeceived(cluster)) this.judgeHistory();
        return { kind: 'converged' };
      }
    }
    const reason = isDeceived(cluster) ? null : unrecoverableReason(cluster, this.core);
    if (reason !== null) return { kind: 'unrecoverable', reason };
    const waits = clients.flatMap((client, index) => {
      const answered = client.answered - (answeredBefore[index] ?? 0);
      return client.busy || answered < FINAL_REQUESTS ? [client.index] : [];
    });
    const queries = clients.reduce((sum, client) => sum + client.queriesPending, 0);
    return this.stuck([
      ...(waits.length === 0 ? [] : [`${clientsText(waits, clients)} wait for answers`]),
      ...(queries === 0 ? [] : [`${queries} queries wait for answers`]),
    ]);
  }

  /** It has not converged: for this, and for what it lacks. Tells both of each replica. */
  stuck(reasons: readonly string[]): LivenessOutcome {
    const { cluster, core } = this;
    const shortfalls = shortfallsOf(cluster, this);
    const lacksOf = (about: number | null): string[] =>
      shortfalls.filter(({ slot }) => slot === about).map(({ text }) => text);
    const all = { lacks: lacksOf(null), waits: reasons };
    if (all.lacks.length + all.waits.length > 0) {
      cluster.teller.tell(null, { kind: 'stuck', outside: null, ...all });
    }
    for (const { slot } of cluster.replicas) {
      const outside = core.includes(slot) ? null : this.whyOutside(slot);
      const state = cluster.replica(slot).snapshot();
      const waits = state === null || outside !== null ? [] : waitsOf(state);
      cluster.teller.tell(slot, { kind: 'stuck', outside, lacks: lacksOf(slot), waits });
    }
    const reason = [...reasons, shortfallText(shortfalls)].filter((text) => text !== '');
    return { kind: 'stuck', reason: reason.join('; ') };
  }

  private whyOutside(slot: number): string {
    const { cluster } = this;
    if (cluster.hasGivenUp(slot)) return 'has stopped for good';
    if (cluster.lostDisks.has(slot)) return 'its disk was lost';
    if (cluster.oldFiles.has(slot)) return 'has an older copy of its file';
    return `stays ${this.frozen.get(slot) ?? 'as it is'}`;
  }

  private judgeHistory(): void {
    const { checkers, totals } = this.cluster;
    const judged = checkers.onConverged(takingPart(this.cluster, this.core));
    if (judged !== null) totals.historiesJudged += 1;
    if (judged === 'undecided') totals.historiesUndecided += 1;
  }

  private heal({ healedWriteMicros, healedDelayMicros }: LivenessOptions): void {
    const { cluster } = this;
    const nodes = cluster.options.replicaCount + cluster.options.clientCount;
    for (let from = 0; from < nodes; from += 1) {
      for (let to = 0; to < nodes; to += 1) {
        if (from !== to) cluster.network.setCut(from, to, false);
      }
    }
    cluster.network.unclog();
    cluster.hints.endFalse();
    cluster.network.setOptions(healedNetwork(cluster.options.network, healedDelayMicros));
    const healed = healedStorage(cluster.options.storage);
    const slow = { ...healed, writeMinMicros: healedWriteMicros };
    const storage = healedWriteMicros === 0 ? healed : slow;
    for (const disk of cluster.storages) disk.setOptions(storage);
    for (const slot of this.core) {
      const replica = cluster.replica(slot);
      replica.disarm();
      if (replica.paused) replica.unpause();
      if (replica.running) continue;
      cluster.totals.restarts += 1;
      cluster.start(slot);
    }
  }

  private freeze(slot: number, frozen: Frozen): void {
    const { cluster } = this;
    const replica = cluster.replica(slot);
    this.frozen.set(slot, frozen);
    cluster.log(() => `liveness: replica ${slot} stays ${frozen}`);
    replica.disarm();
    if (frozen === 'hung_disk' || frozen === 'full_disk') {
      this.hung.add(slot);
      if (replica.paused) replica.unpause();
      if (frozen === 'hung_disk') cluster.storage(slot).hang(ALL_ZONES);
      else cluster.storage(slot).room.setLimit(0);
      return;
    }
    if (frozen === 'down') {
      if (replica.running) cluster.crash(slot);
      return;
    }
    if (frozen === 'paused') replica.pause();
    else if (replica.paused) replica.unpause();
    const nodes = cluster.options.replicaCount + cluster.options.clientCount;
    for (let node = 0; node < nodes; node += 1) {
      if (node === slot) continue;
      const client = node >= cluster.options.replicaCount;
      cluster.network.setCut(slot, node, client || frozen !== 'send_only');
      cluster.network.setCut(node, slot, client || frozen !== 'receive_only');
    }
    assert(!this.core.includes(slot), 'the core is not frozen');
  }
}

function clientsText(waits: readonly number[], clients: readonly unknown[]): string {
  if (waits.length === clients.length) return `all ${waits.length} clients`;
  return `clients ${waits.join(', ')}`;
}

/** Packets on their way on a healed link; more where each is long on its way. */
const HEALED_CAPACITY = 200;
const HEALED_CAPACITY_SLOW = 2_000;

/** No faults, and delays with which the timeouts can be kept, unless links stay slow. */
function healedNetwork(options: NetworkOptions, delayMicros: number): NetworkOptions {
  const capacity = delayMicros > 0 ? HEALED_CAPACITY_SLOW : HEALED_CAPACITY;
  return {
    ...options,
    delayMinMicros: Math.max(Math.min(options.delayMinMicros, 10_000), delayMicros),
    delayMeanMicros: Math.min(options.delayMeanMicros, 10_000),
    lossProbability: 0,
    lossByCommand: {},
    replayProbability: 0,
    echoProbability: 0,
    garbleProbability: 0,
    capacity: Math.max(options.capacity, capacity),
    clogProbability: 0,
    congestion: CONGESTION_OFF,
  };
}

function healedStorage(options: StorageOptions): StorageOptions {
  return {
    ...options,
    readMinMicros: Math.min(options.readMinMicros, 5_000),
    readMeanMicros: Math.min(options.readMeanMicros, 5_000),
    writeMinMicros: Math.min(options.writeMinMicros, 5_000),
    writeMeanMicros: Math.min(options.writeMeanMicros, 10_000),
    readFaultProbability: 0,
    writeFaultProbability: 0,
    misdirectProbability: 0,
    latentFaultProbability: 0,
    headFaultProbability: 0,
    writeErrorProbability: 0,
    droppedWriteProbability: 0,
  };
}
