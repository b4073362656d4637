import type { Prng, TraceEvent } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import type { ProcessFaultOptions } from './options.ts';

/** Draws crashes, restarts and pauses, once a tick while faults are on. */
export class ProcessFaults {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  /** Of what replicas do, which is not the same in a replay without some faults. */
  private readonly eventPrng: Prng;
  private readonly options: ProcessFaultOptions;
  /** By slot: ticks since it went up or down. */
  private readonly stable: number[];
  private readonly wasRunning: boolean[];
  private readonly stopListening: (() => void) | null;

  constructor(cluster: Cluster, prng: Prng, options: ProcessFaultOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.eventPrng = prng.fork();
    this.options = options;
    this.stable = cluster.replicas.map(() => 0);
    this.wasRunning = cluster.replicas.map(() => true);
    const hears = options.crashAt.events.length > 0;
    this.stopListening = hears
      ? cluster.traceListeners.listen((slot, event) => this.onTrace(slot, event.kind))
      : null;
  }

  tick(): void {
    const { replicas } = this.cluster;
    for (const { slot } of replicas) this.age(slot);
    if (this.prng.chance(this.options.crashAllProbability)) {
      if (this.cluster.faults.allow('power_cut', -1)) this.crashAll();
    }
    for (const { slot } of replicas) this.tickReplica(slot);
  }

  private age(slot: number): void {
    const { running } = this.cluster.replica(slot);
    const same = running === this.wasRunning[slot];
    this.stable[slot] = same ? (this.stable[slot] ?? 0) + 1 : 0;
    this.wasRunning[slot] = running;
  }

  private tickReplica(slot: number): void {
    const { options, prng, cluster } = this;
    const replica = cluster.replica(slot);
    const settled = (this.stable[slot] ?? 0) >= options.stableTicksMin;
    const writing = cluster.storage(slot).writesInFlight > 0;
    // All is drawn whatever the replica does now, so that a fault held back moves no later one.
    const crash = prng.chance(options.crashProbability);
    const crashWriting = prng.chance(options.crashWhileWritingProbability);
    const delay = prng.between(1, options.crashDelayEventsMax);
    const restart = prng.chance(options.restartProbability);
    const pause = prng.chance(options.pauseProbability);
    const unpause = prng.chance(options.unpauseProbability);
    const { running } = replica;
    const strikes = crash && this.allow('crash', slot, running && settled);
    const strikesWriting = crashWriting && this.allow('crash', slot, running && settled && writing);
    const pauses = pause && this.allow('pause', slot, running && !replica.paused);
    if (!running) {
      if (settled && restart) this.restart(slot);
    } else if (strikes || strikesWriting) {
      replica.armCrash(delay);
    } else if (pauses) {
      cluster.totals.pauses += 1;
      replica.pause();
      cluster.teller.process(slot, 'pause');
    } else if (replica.paused && unpause) {
      cluster.teller.process(slot, 'unpause');
      replica.unpause();
    }
  }

  /** Whether what was drawn happens; it takes its number where it can't, too. */
  private allow(kind: 'crash' | 'pause', slot: number, can: boolean): boolean {
    if (can) return this.cluster.faults.allow(kind, slot);
    this.cluster.faults.skip(kind);
    return false;
  }

  /** Faults are over: what replicas do is no reason to crash any more. */
  end(): void {
    this.stopListening?.();
  }

  private onTrace(slot: number, kind: TraceEvent['kind']): void {
    const { options, eventPrng: prng, cluster } = this;
    if (!options.crashAt.events.includes(kind)) return;
    if (!prng.chance(options.crashAt.probability)) return;
    const delay = prng.between(1, options.crashDelayEventsMax);
    if (!cluster.faults.allow('crash_at_event', slot)) return;
    cluster.totals.crashesAtEvents += 1;
    cluster.replica(slot).armCrash(delay);
  }

  private restart(slot: number): void {
    if (this.cluster.hasGivenUp(slot)) return;
    this.cluster.totals.restarts += 1;
    this.cluster.start(slot);
  }

  /** A power cut: everything that was not durable is at stake on all disks at once. */
  private crashAll(): void {
    const { cluster } = this;
    cluster.totals.crashesOfAll += 1;
    for (const replica of cluster.replicas) if (replica.running) cluster.crash(replica.slot);
  }
}
