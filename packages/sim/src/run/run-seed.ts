import { type ChecksumFunction, mix128, sha256Checksum } from '@kimberlite/store';
import { Prng, snake } from '@kimberlite/vsr';
import { Bursts } from '../client/bursts.ts';
import type { SimulatedClient } from '../client/simulated-client.ts';
import { Cluster } from '../cluster/cluster.ts';
import { collectTotals } from '../cluster/collect-totals.ts';
import type { Observer } from '../cluster/observer.ts';
import type { ReplicaMaker } from '../cluster/replica-maker.ts';
import { traceLine } from '../explain/trace-line.ts';
import {
  emptyFaultCounts,
  type FaultKind,
  NOTHING_REMOVED,
  type Removed,
} from '../faults/fault-gate.ts';
import { PartitionFaults } from '../network/partitions.ts';
import { counterWorkload } from '../workload/counter-machine.ts';
import { KernelWorkload } from '../workload/kernel-workload.ts';
import { rowWorkload } from '../workload/row-machine.ts';
import type { Workload } from '../workload/workload.ts';
import { describeOptions } from './describe-options.ts';
import { DividedRecovery } from './divided-recovery.ts';
import { FullDisks } from './full-disks.ts';
import { GrayFaults } from './gray-faults.ts';
import { HungDisks } from './hung-disks.ts';
import { outcomeOfLies, outcomeOfStop } from './judge-lies.ts';
import { hasLastCopy } from './last-copies.ts';
import { LateHeaders } from './late-headers.ts';
import { LivenessPhase } from './liveness.ts';
import { LostDisk } from './lost-disk.ts';
import { OldFiles } from './old-files.ts';
import type { SimulationOptions } from './options.ts';
import { NOTHING_THROWN, type Outcome, outcomeOf, type Verdict } from './outcome.ts';
import { ProcessFaults } from './process-faults.ts';
import { productionMaker } from './production-maker.ts';
import { rotLeftByScrubbers } from './scrub-judge.ts';
import { drawSwarm } from './swarm.ts';
import { emptyTotals, type Totals } from './totals.ts';
import { UnawarePrimaries } from './unaware-primaries.ts';

/** Exit codes of `vopr`, by verdict. */
export const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  ok: 0,
  crash: 127,
  liveness: 128,
  correctness: 129,
};

/** What came of a run, and what was seen in it. */
export interface RunResult extends Outcome {
  readonly seed: bigint;
  /** Empty of a run that could not be seen to its end: its replay would not end either. */
  readonly traceHash: string;
  /** What the seed switched on. */
  readonly options: string;
  /** Faults, requests and deliveries that were drawn, by kind. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** Lies told, by the command of the message that was changed. */
  readonly lies: Readonly<Record<string, number>>;
  /** Number of the simulated event with which the run ended, idle ones counted too. */
  readonly event: number;
  /** Simulated microseconds that the run took. */
  readonly micros: number;
  readonly totals: Totals;
}

/** Which run, and how it differs from what its seed draws. */
export interface RunOptions {
  readonly seed: bigint;
  /** Instead of what the seed draws. */
  readonly simulation?: SimulationOptions;
  /** Told a line for everything that happens. */
  readonly log?: (line: string) => void;
  /** Sees everything that happens, as values. */
  readonly observer?: Observer;
  /** Given the cluster before it starts, for who looks deeper. Must not change it. */
  readonly onCluster?: (cluster: Cluster) => void;
  /** What the run goes without; nothing when left out. */
  readonly removed?: Removed;
  /** From this event on there are no new faults. */
  readonly calmFrom?: number;
  /** The run is cut short, as a crash, after so many events. */
  readonly eventsMax?: number;
  /** Instead of the production core. */
  readonly maker?: ReplicaMaker;
  /** Makes what clients ask, of which state machine, instead of what the parameters name. */
  readonly workload?: () => Workload;
  /** Computes SHA-256 where the run uses it; its result must be that of the plain one. */
  readonly sha256?: ChecksumFunction;
}

/** Simulated events after which a run is taken to be in an endless loop. */
const EVENTS_MAX = 50_000_000;

/** Runs one seed to its verdict. Never throws: what goes wrong is the verdict. */
export function runSeed(run: RunOptions): RunResult {
  const root = new Prng(run.seed);
  const swarmPrng = root.fork();
  const faultPrng = root.fork();
  const clusterPrng = root.fork();
  const simulation = run.simulation ?? drawSwarm(swarmPrng);
  const cluster = new Cluster(
    {
      ...simulation,
      checksum: checksumNamed(simulation.checksum, run.sha256),
      workload: run.workload?.() ?? workloadOf(simulation),
      maker: run.maker ?? productionMaker,
      observer: observerOf(run),
      removed: run.removed ?? NOTHING_REMOVED,
      calmFrom: run.calmFrom ?? null,
      eventsMax: run.eventsMax ?? EVENTS_MAX,
    },
    clusterPrng,
  );
  const simulator = new Simulator(cluster, simulation, faultPrng);
  run.onCluster?.(cluster);
  const described = describeOptions(simulation, {
    workload: run.workload === undefined ? null : cluster.options.workload.name,
    removed: run.removed ?? NOTHING_REMOVED,
  });
  cluster.log(() => described);
  const outcome = simulator.run();
  const missing = outcome.verdict === 'ok' ? simulator.missingWitness() : null;
  if (missing !== null) cluster.totals.witnessMissing = 1;
  return {
    seed: run.seed,
    ...outcome,
    message: missing === null ? outcome.message : `${outcome.message}; ${missing}`,
    traceHash: cluster.traceHash(),
    options: described,
    faults: cluster.faults.counts(),
    lies: Object.fromEntries(cluster.mutator?.applied ?? []),
    event: cluster.queue.processed,
    micros: cluster.queue.now,
    totals: simulator.totals(),
  };
}

/** What is known of a run that could not be seen to its end. */
export function nothingHappened(seed: bigint): Omit<RunResult, keyof Outcome> {
  const totals = { ...emptyTotals(), runs: 1 };
  const seen = { traceHash: '', options: '', faults: emptyFaultCounts(), lies: {} };
  return { seed, ...seen, event: 0, micros: 0, totals };
}

function observerOf({ log, observer }: RunOptions): Observer | null {
  if (observer !== undefined) return observer;
  return log === undefined ? null : (seen) => log(traceLine(seen));
}

class Simulator {
  private readonly cluster: Cluster;
  private readonly options: SimulationOptions;
  private readonly partitions: PartitionFaults;
  private readonly processes: ProcessFaults;
  private readonly lostDisk: LostDisk;
  private readonly dividedRecovery: DividedRecovery;
  private readonly oldFiles: OldFiles;
  private readonly prng: Prng;
  private readonly livenessPrng: Prng;
  private readonly gray: GrayFaults;
  private readonly hungDisks: HungDisks;
  private readonly fullDisks: FullDisks;
  private readonly lateHeaders: LateHeaders;
  private readonly unawarePrimaries: UnawarePrimaries;
  private readonly bursts: Bursts;
  private idle: boolean;
  private readonly watchesLastCopies: boolean;

  constructor(cluster: Cluster, options: SimulationOptions, prng: Prng) {
    this.cluster = cluster;
    this.options = options;
    this.partitions = new PartitionFaults({
      network: cluster.network,
      prng: prng.fork(),
      options: options.partitions,
      replicaCount: options.replicaCount,
      nodeCount: options.replicaCount + options.clientCount,
      primary: () => cluster.snapshots().find(({ isPrimary }) => isPrimary)?.slot ?? null,
      faults: cluster.faults,
      onHealed: () => cluster.teller.tell(null, { kind: 'healed' }),
    });
    this.processes = new ProcessFaults(cluster, prng.fork(), options.processes);
    this.livenessPrng = prng.fork();
    this.prng = prng.fork();
    this.lostDisk = new LostDisk(cluster, prng.fork(), options.lostDisk);
    this.gray = new GrayFaults(cluster, prng.fork(), options.gray);
    const { dividedRecovery } = options;
    this.dividedRecovery = new DividedRecovery(cluster, prng.fork(), dividedRecovery);
    this.hungDisks = new HungDisks(cluster, prng.fork(), options.hungDisks);
    this.lateHeaders = new LateHeaders(cluster, prng.fork(), options.lateHeaders);
    const { unawarePrimaries } = options;
    this.unawarePrimaries = new UnawarePrimaries(cluster, prng.fork(), unawarePrimaries);
    this.oldFiles = new OldFiles(cluster, prng.fork(), options.oldFiles);
    this.fullDisks = new FullDisks(cluster, prng.fork(), options.fullDisks);
    this.bursts = new Bursts(options.clients.bursts);
    this.idle = false;
    this.watchesLastCopies = options.witnesses.some(({ counter }) => counter === 'lastCopies');
  }

  run(): Outcome {
    try {
      this.cluster.startAll();
      const enough = this.safetyPhase();
      const excess = this.excess();
      this.gray.healAll();
      this.hungDisks.end();
      this.fullDisks.end();
      this.lateHeaders.end();
      this.unawarePrimaries.end();
      this.processes.end();
      this.lostDisk.end();
      this.dividedRecovery.end();
      this.oldFiles.end();
      this.cluster.endLies();
      // Who might find out that a lie was believed must not be left out.
      const whole = !enough || this.cluster.exposure !== null;
      const liveness = new LivenessPhase(this.cluster, this.livenessPrng, {
        wholeCluster: whole,
        healedWriteMicros: this.options.healedWriteMicros,
        healedDelayMicros: this.options.healedDelayMicros,
        hungDisks: this.options.hungDisks.hungMax > 0,
        fullDisks: this.options.fullDisks.fullMax > 0,
      });
      const outcome = this.judge(liveness);
      return outcome.verdict === 'ok' ? (excess ?? outcome) : outcome;
    } catch (error) {
      return outcomeOf(error);
    }
  }

  totals(): Totals {
    const totals = collectTotals(this.cluster);
    totals.bursts = this.bursts.begun;
    const { counts } = this.partitions;
    totals.partitionsUniformSize = counts.uniform_size;
    totals.partitionsUniformPartition = counts.uniform_partition;
    totals.partitionsIsolateOne = counts.isolate_one;
    totals.partitionsSymmetric = counts.symmetric;
    totals.partitionsOneWay = counts.one_way;
    totals.partitions = counts.symmetric + counts.one_way;
    totals.partitionsIsolatePrimary = counts.isolate_primary;
    totals.partitionsMultiGroup = counts.multi_group;
    totals.partitionsSingleLink = counts.single_link;
    totals.partitionsBridge = counts.bridge;
    totals.partitionsRing = counts.ring;
    const gray = this.gray.counts;
    totals.graySlow = gray.slow;
    totals.graySlowDisk = gray.slow_disk;
    totals.grayIntermittent = gray.intermittent;
    totals.graySendOnly = gray.send_only;
    totals.grayReceiveOnly = gray.receive_only;
    totals.grayFrozen = gray.frozen;
    totals.grayFailures = Object.values(gray).reduce((sum, count) => sum + count, 0);
    return totals;
  }

  /**
   * All faults on, until enough requests were answered and the scenario's witnesses were seen. True
   * when enough were answered, false when the time was up first.
   */
  private safetyPhase(): boolean {
    const { cluster, options } = this;
    let enough = false;
    for (let tick = 0; tick < options.safetyTicksMax; tick += 1) {
      this.drawFaults();
      cluster.runTick();
      this.driveClients();
      if (this.watchesLastCopies && hasLastCopy(cluster)) cluster.totals.lastCopies += 1;
      const answered = cluster.clients.reduce((sum, client) => sum + client.answered, 0);
      enough = answered >= options.requestsTarget;
      if (cluster.exposure?.isDecided(cluster.queue.now) === true) return enough;
      if (enough && this.missingWitness() === null) return true;
    }
    return enough;
  }

  /** What the scenario is about and has not happened yet; null when nothing is missing. */
  missingWitness(): string | null {
    const { witnesses } = this.options;
    if (witnesses.length === 0) return null;
    const totals = this.totals();
    const missing = witnesses.filter(({ counter, least }) => totals[counter] < least);
    if (missing.length === 0) return null;
    const texts = missing.map(
      ({ counter, least }) => `${snake(counter)} ${totals[counter]} of ${least}`,
    );
    return `witness missing: ${texts.join(', ')}`;
  }

  /** What the scenario rules out and has happened all the same; null when nothing has. */
  private excess(): Outcome | null {
    const totals = this.totals();
    const broken = this.options.witnesses.flatMap(({ counter, most }) => {
      if (most === undefined || totals[counter] <= most) return [];
      return [`${snake(counter)} ${totals[counter]} of at most ${most}`];
    });
    if (broken.length === 0) return null;
    const message = `the scenario rules out: ${broken.join(', ')}`;
    return { verdict: 'correctness', checker: null, message, ...NOTHING_THROWN };
  }

  private drawFaults(): void {
    this.partitions.tick();
    this.processes.tick();
    this.lostDisk.tick();
    this.dividedRecovery.tick();
    this.oldFiles.tick();
    this.gray.tick();
    this.hungDisks.tick();
    this.fullDisks.tick();
    this.lateHeaders.tick();
    this.unawarePrimaries.tick();
    this.cluster.network.tick();
    this.cluster.tickClocks();
    for (const storage of this.cluster.storages) storage.tick();
    this.cluster.drawHints();
  }

  private driveClients(): void {
    const { cluster, prng } = this;
    const { clients } = this.options;
    if (prng.chance(this.idle ? clients.idleOffProbability : clients.idleOnProbability)) {
      this.idle = !this.idle;
    }
    const often = this.bursts.next(prng);
    for (const client of cluster.clients) {
      const { index } = client;
      if (prng.chance(clients.crashProbability) && cluster.faults.allow('client_crash', index)) {
        cluster.totals.clientCrashes += 1;
        client.crash();
      }
      this.driveClient(client, Math.min(1, often * clients.requestProbability));
    }
  }

  private driveClient(client: SimulatedClient, requestProbability: number): void {
    const { cluster, prng } = this;
    const { queryProbability } = this.options.clients;
    const { index } = client;
    if (!this.idle && prng.chance(requestProbability)) {
      if (!client.mayAsk) cluster.faults.skip('request');
      else if (cluster.faults.allow('request', index)) client.ask();
    }
    if (queryProbability === 0 || !prng.chance(queryProbability)) return;
    if (client.silent) cluster.faults.skip('query');
    else if (cluster.faults.allow('query', index)) client.askQuery();
  }

  private judge(liveness: LivenessPhase): Outcome {
    const { cluster } = this;
    const { exposure } = cluster;
    if (exposure === null) return this.judgeCore(liveness);
    const early = outcomeOfStop(exposure, cluster.queue.now);
    if (early !== null) return early;
    const core = this.judgeCore(liveness);
    return (
      outcomeOfStop(exposure, cluster.queue.now) ??
      outcomeOfLies(cluster, liveness.core, core.verdict === 'liveness') ??
      core
    );
  }

  private judgeCore(liveness: LivenessPhase): Outcome {
    let outcome = liveness.run(this.options.livenessTicksMax);
    const { scrubJudged, livenessTicksMax } = this.options;
    if (outcome.kind === 'converged' && scrubJudged !== null) {
      const limits = { ...scrubJudged, startTicksMax: livenessTicksMax };
      const rot = rotLeftByScrubbers(this.cluster, liveness.core, limits);
      if (rot !== null) outcome = liveness.stuck([rot]);
    }
    const nothing = { checker: null, ...NOTHING_THROWN };
    switch (outcome.kind) {
      case 'converged':
        return { verdict: 'ok', message: 'converged', ...nothing };
      case 'unrecoverable':
        this.cluster.totals.unrecoverable = 1;
        return { verdict: 'ok', message: `beyond recovery: ${outcome.reason}`, ...nothing };
      case 'stuck':
        return {
          verdict: 'liveness',
          checker: 'liveness',
          message: `the core does not converge: ${outcome.reason}`,
          ...NOTHING_THROWN,
        };
    }
  }
}

/** The checksum function of that name. */
export function checksumNamed(
  name: SimulationOptions['checksum'],
  sha256: ChecksumFunction = sha256Checksum,
): ChecksumFunction {
  return name === 'mix128' ? mix128 : sha256;
}

function workloadOf(options: SimulationOptions): Workload {
  if (options.workload === 'counter') return counterWorkload;
  if (options.workload === 'rows') return rowWorkload;
  return new KernelWorkload(options);
}
