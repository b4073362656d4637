import { assert, present } from '@kimberlite/store';
import {
  type AnyMessage,
  type ClientId,
  decodeMessage,
  isCommand,
  machineIdentityOf,
  mutualIntroductions,
  type Prng,
  type Recovered,
  type ReplicaSnapshot,
  recoveredFile,
  SCRUB_DEFAULT,
  TICK_MICROS,
  TIMEOUTS_DEFAULT,
  type TraceEvent,
  type View,
} from '@kimberlite/vsr';
import { Exposure } from '../byzantine/exposure.ts';
import { MessageMutator } from '../byzantine/mutator.ts';
import { workloadWithLies } from '../byzantine/stray-state.ts';
import { checkScrubShare } from '../checkers/bounds.ts';
import { Checkers } from '../checkers/checkers.ts';
import { checkHonestPeers } from '../checkers/honest-peers.ts';
import { SimulatedClient } from '../client/simulated-client.ts';
import { FaultGate } from '../faults/fault-gate.ts';
import { Network, type Packet } from '../network/network.ts';
import { emptyTotals, type Totals } from '../run/totals.ts';
import { EventQueue } from '../std/event-queue.ts';
import { TraceHash } from '../std/trace-hash.ts';
import { FaultAtlas } from '../storage/fault-atlas.ts';
import { SimulatedStorage } from '../storage/storage.ts';
import { clientObserver } from './client-observer.ts';
import { SimulatedClock } from './clock.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { HeardWords } from './heard-words.ts';
import { HINTS_OFF, Hints } from './hints.ts';
import { ReadWitness } from './read-witness.ts';
import { countRefusedFile } from './refused-files.ts';
import type { FileBeginning } from './replica-maker.ts';
import { ReplicaProcess, WORK_MEAN_MICROS } from './replica-process.ts';
import { Teller } from './teller.ts';
import { TraceListeners } from './trace-listeners.ts';
import { TraceTally } from './trace-tally.ts';
import { trueTimeOf } from './true-time.ts';

/**
 * A whole cluster in one object: replicas with the production core, their disks and clocks, the
 * network, the clients, time, and the checkers that watch them. Everything random is drawn from
 * one generator, forked once for each part, so that a draw added to one part moves no other.
 */
export class Cluster {
  readonly options: ClusterOptions;
  readonly queue: EventQueue;
  readonly network: Network;
  /** Numbers the faults, and holds back those that the run goes without. */
  readonly faults: FaultGate;
  readonly storages: readonly SimulatedStorage[];
  readonly clocks: readonly SimulatedClock[];
  readonly replicas: readonly ReplicaProcess[];
  readonly clients: readonly SimulatedClient[];
  readonly checkers: Checkers;
  /** Tells the observer what happens. */
  readonly teller: Teller;
  readonly totals: Totals;
  /** What the lies of this run came to; null without a liar. */
  readonly exposure: Exposure | null;
  readonly traceListeners: TraceListeners;
  /** Changes what a liar says; null without one. */
  readonly mutator: MessageMutator | null;
  /** Messages are mutated, as they are in the safety phase. */
  private lying: boolean;
  private readonly hash: TraceHash;
  private readonly tally: TraceTally;
  private readonly readWitness: ReadWitness;
  private readonly prng: Prng;
  private readonly hostPrng: Prng;
  private readonly clusterId: bigint;
  /** For each replica, the node behind each client that has spoken to this life of it. */
  private readonly connections: Map<ClientId, number>[];
  /** Replicas whose disk was lost and formatted anew. */
  readonly lostDisks: Set<number>;
  /** Replicas whose file is an older copy of itself, from before some of what it promised. */
  readonly oldFiles: Set<number>;
  /** Hears what replicas tell each other, for a fault that needs it; null costs nothing. */
  heardWords: HeardWords | null;
  /** Replicas that have ended themselves: their peers know better. */
  readonly gaveUp: Set<number>;
  private readonly startedNow: Set<number>;
  /** Slots whose replica has taken part at least once, with the file that it has now. */
  private readonly everStarted: Set<number>;
  readonly hints: Hints;

  constructor(options: ClusterOptions, prng: Prng) {
    const { replicaCount, clientCount } = options;
    assert(replicaCount >= 1 && replicaCount <= 6, 'one to six replicas');
    this.options = options;
    this.prng = prng;
    this.queue = new EventQueue();
    const { observer, removed, calmFrom } = options;
    this.teller = new Teller({ observer, queue: this.queue, replicas: () => this.replicas });
    this.faults = new FaultGate(this.queue, { removed, closedFrom: calmFrom });
    if (observer !== null) this.faults.onFault = (fault) => this.teller.fault(fault);
    this.totals = emptyTotals();
    this.totals.runs = 1;
    this.traceListeners = new TraceListeners();
    this.hash = new TraceHash();
    this.readWitness = new ReadWitness(this.totals);
    this.clusterId = prng.u128() | 1n;
    this.hostPrng = prng.fork();
    this.lostDisks = new Set();
    this.oldFiles = new Set();
    this.heardWords = null;
    this.gaveUp = new Set();
    this.startedNow = new Set();
    this.everStarted = new Set();
    this.network = new Network({
      queue: this.queue,
      prng: prng.fork(),
      options: options.network,
      nodeCount: replicaCount + clientCount,
      faults: this.faults,
      receive: (packet) => this.receive(packet),
    });
    const atlas = new FaultAtlas(prng.fork(), {
      replicaCount,
      config: options.config,
      ...options.atlas,
    });
    const slots = Array.from({ length: replicaCount }, (_, slot) => slot);
    const incarnations = slots.map(() => prng.u128() | 1n);
    this.storages = slots.map((slot) => this.createStorage(slot, atlas, incarnations));
    this.clocks = slots.map((slot) => {
      const clock = options.clocks[slot];
      assert(clock !== undefined, 'a clock for each replica');
      return new SimulatedClock(this.queue, prng.fork(), clock);
    });
    this.tally = new TraceTally(this, options);
    this.connections = slots.map(() => new Map());
    this.replicas = slots.map((slot) => this.createProcess(slot));
    this.checkers = new Checkers({
      config: options.config,
      disks: this.storages.map(({ evidence }) => evidence),
      workload: options.workload,
      checkRefusals: !options.network.replayRequests,
      honest: options.byzantine === null,
      onStaleAnswer: (slot) => this.exposure?.onStaleAnswer(slot) === true,
      ...trueTimeOf(this.queue, this.clocks, this.replicas),
    });
    this.hints = new Hints({
      queue: this.queue,
      prng: prng.fork(),
      options: options.hints ?? HINTS_OFF,
      replicas: this.replicas,
      faults: this.faults,
    });
    this.clients = Array.from({ length: clientCount }, (_, index) => this.createClient(index));
    const { byzantine } = options;
    this.lying = byzantine !== null;
    this.exposure = byzantine === null ? null : new Exposure(byzantine, options);
    this.mutator =
      byzantine === null
        ? null
        : new MessageMutator({ ...options, byzantine, prng: prng.fork(), faults: this.faults });
  }

  /** From now on everybody speaks the truth. */
  endLies(): void {
    this.lying = false;
  }

  /** Lets checkers look, unless a lie that VSR cannot tell has made them meaningless. */
  judge(look: () => void): void {
    if (this.exposure === null) look();
    else this.exposure.judge(this.queue.now, look);
  }

  /** Tells everything that has happened so far in 16 digits. */
  traceHash(): string {
    return this.hash.digest();
  }

  startAll(): void {
    for (const replica of this.replicas) if (!replica.running) this.start(replica.slot);
  }

  /** Whether the newest file of the slot is in its place, and is not refused. */
  hasNewestFile(slot: number): boolean {
    return !this.lostDisks.has(slot) && !this.oldFiles.has(slot) && !this.gaveUp.has(slot);
  }

  /** Whether the replica has ended itself for good: it is not started again. */
  hasGivenUp(slot: number): boolean {
    return this.gaveUp.has(slot);
  }

  start(slot: number): void {
    assert(!this.gaveUp.has(slot), 'its file is no good');
    this.teller.process(slot, 'start');
    this.connections[slot]?.clear();
    this.judge(() => this.checkers.onStarting(slot));
    this.replica(slot).start();
  }

  /** Replicas that have met every other one, and taken part since. */
  get partaking(): number {
    return this.everStarted.size;
  }

  /** The replica's disk is lost, and a new one formatted in its place. */
  loseDisk(slot: number): void {
    this.log(() => `lose the disk of replica ${slot}`);
    if (this.replica(slot).running) this.crash(slot);
    this.totals.disksLost += 1;
    this.lostDisks.add(slot);
    this.checkers.onDiskLost(slot);
    const incarnation = this.prng.u128() | 1n;
    this.formatDisk(slot, this.storage(slot), { incarnation });
  }

  /** The replica gets a new disk, with a file that the cluster has taken in place of the lost. */
  recoverDisk(
    slot: number,
    file: { readonly incarnation: bigint; readonly recovered: Recovered; readonly view: View },
  ): void {
    this.log(() => `recover replica ${slot}`);
    if (this.replica(slot).running) this.crash(slot);
    this.totals.disksRecovered += 1;
    this.lostDisks.delete(slot);
    this.gaveUp.delete(slot);
    this.oldFiles.delete(slot);
    // The new file has met nobody, and takes part when enough others say that they know it.
    this.everStarted.delete(slot);
    this.heardWords?.onFileReplaced(slot, file.incarnation);
    const { incarnation, recovered } = file;
    const made = recoveredFile({ slot, ...file });
    const { since } = recovered;
    this.checkers.onDiskRecovered(slot, { incarnation, since, view: made.view });
    this.formatDisk(slot, this.storage(slot), made);
    this.start(slot);
  }

  private onFatal(slot: number, reason: string): void {
    this.teller.stopped(slot, reason);
    if (this.exposure?.onFatal(slot, reason, this.queue.now) === true) {
      if (this.exposure.options.expects === 'liar_stops') this.giveUp(slot);
      return;
    }
    assert(countRefusedFile(this, slot, reason), `replica gave up: ${reason}`);
    this.giveUp(slot);
  }

  /** Its process ends, and is not started again. */
  private giveUp(slot: number): void {
    this.gaveUp.add(slot);
    this.queue.after(0, () => this.replica(slot).running && this.crash(slot));
  }

  /** Its power goes now. */
  crash(slot: number): void {
    this.countCrash(slot);
    this.replica(slot).crash();
    this.onStopped(slot);
  }

  replica(slot: number): ReplicaProcess {
    const replica = this.replicas[slot];
    assert(replica !== undefined, 'the replica exists');
    return replica;
  }

  /** The replica during whose doing the run ended with an error; null for none. */
  interrupted(): number | null {
    return this.replicas.find((replica) => replica.interrupted)?.slot ?? null;
  }

  storage(slot: number): SimulatedStorage {
    const storage = this.storages[slot];
    assert(storage !== undefined, 'the replica exists');
    return storage;
  }

  /** States of the replicas that run, in the order of slots. */
  snapshots(): ReplicaSnapshot[] {
    return this.replicas.flatMap((replica) => replica.snapshot() ?? []);
  }

  /** One simulated event. */
  step(): void {
    const moved = this.queue.step();
    assert(moved, 'something always happens: replicas and clients tick');
  }

  /** Runs for a simulated time, and whatever happens at its very end. */
  runFor(micros: number): void {
    let ended = false;
    this.queue.after(micros, () => {
      ended = true;
      this.queue.idle();
    });
    while (!ended) this.step();
  }

  runTick(): void {
    this.runFor(TICK_MICROS);
    this.totals.ticks += 1;
    for (const client of this.clients) client.tick();
    const states = this.snapshots();
    this.tally.onTick(states);
    for (const state of states) {
      this.judge(() => this.checkers.onSnapshot(state));
      checkScrubShare(state, this.options.scrub ?? SCRUB_DEFAULT, this.totals.ticks);
    }
    if (this.queue.processed > this.options.eventsMax) throw new Error('events without end');
  }

  /** Once a tick while faults are on: hints that are wrong. */
  drawHints(): void {
    this.totals.falseHints += this.hints.tick();
  }

  /** Draws the jumps of all clocks, once a tick while faults are on. */
  tickClocks(): void {
    this.clocks.forEach((clock, slot) => clock.tick(this.faults, slot));
  }

  /** Tells the observer something about the run itself. */
  log(line: () => string): void {
    this.teller.note(line);
  }

  private createStorage(
    slot: number,
    atlas: FaultAtlas,
    incarnations: readonly bigint[],
  ): SimulatedStorage {
    const { config, checksum } = this.options;
    const storage = new SimulatedStorage({
      queue: this.queue,
      prng: this.prng.fork(),
      options: this.options.storage,
      config,
      checksum,
      slot,
      atlas,
      faults: this.faults,
      onWriteFailed: () => this.crash(slot),
    });
    this.formatDisk(slot, storage, {
      incarnation: present(incarnations[slot], 'one for each'),
      ...(this.options.introduced
        ? { introductions: mutualIntroductions(slot, incarnations) }
        : {}),
    });
    return storage;
  }

  private formatDisk(slot: number, storage: SimulatedStorage, file: FileBeginning): void {
    const { config, checksum, maker, replicaCount, workload } = this.options;
    const machine = machineIdentityOf(workload.stateMachine(), checksum);
    const cluster = this.clusterId;
    storage.format(
      maker.format({ config, machine, checksum, cluster, slot, replicaCount, ...file }),
    );
  }

  private createProcess(slot: number): ReplicaProcess {
    const { config, checksum, maker, replicaCount } = this.options;
    const clock = this.clocks[slot];
    assert(clock !== undefined, 'clocks are made before processes');
    return new ReplicaProcess({
      slot,
      queue: this.queue,
      prng: this.prng.fork(),
      storage: this.storage(slot),
      clock,
      workMeanMicros: this.options.workMeanMicros ?? WORK_MEAN_MICROS,
      createHost: (ports) =>
        maker.create({
          ports,
          config,
          checksum,
          workload: workloadWithLies(this.options, slot),
          cluster: this.clusterId,
          slot,
          replicaCount,
          timeouts: this.options.timeouts ?? TIMEOUTS_DEFAULT,
          prng: this.hostPrng.fork(),
          scrub: this.options.scrub ?? SCRUB_DEFAULT,
          onFatal: (reason) => this.onFatal(slot, reason),
        }),
      sendToReplica: (to, message) => this.sendFrom(slot, to, message),
      sendToClient: (client, message) => {
        const node = this.connections[slot]?.get(client);
        if (node !== undefined) this.sendFrom(slot, node, message);
      },
      onTrace: (event) => this.onTrace(slot, event),
      onStepped: () => this.onStepped(slot),
      onCrashing: () => this.countCrash(slot),
      onCrashed: () => this.onStopped(slot),
    });
  }

  private createClient(index: number): SimulatedClient {
    const node = this.options.replicaCount + index;
    return new SimulatedClient({
      node,
      cluster: this.clusterId,
      replicaCount: this.options.replicaCount,
      checksum: this.options.checksum,
      prng: this.prng.fork(),
      workload: this.options.workload,
      silent: this.options.removed.clients.includes(index),
      observer: clientObserver(this),
      send: (replica, message) => this.network.send(node, replica, message),
    });
  }

  private sendFrom(slot: number, to: number, message: AnyMessage): void {
    this.judge(() => this.checkers.onSend(slot, message));
    this.tally.onSend({ slot, to }, message);
    if (this.mutator === null || !this.lying) {
      this.network.send(slot, to, message);
      return;
    }
    for (const packet of this.mutator.packets(slot, to, message)) this.network.sendPacket(packet);
  }

  private receive(packet: Packet): void {
    const { from, to, bytes, lie } = packet;
    this.hash.number(this.queue.now);
    this.hash.number((from << 8) | to);
    this.hash.bytes(bytes, Math.min(8, bytes.length));
    const message = decodeMessage(bytes, this.options.checksum);
    this.teller.arrived(packet, message);
    if (typeof message === 'string') {
      this.totals.decodeFaults += 1;
      if (lie !== null) this.exposure?.heard.onUndecodable();
      return;
    }
    if (isCommand(message, 'prepare')) {
      this.checkers.history.observePrepare(message.header.checksum, message.header.parent);
    }
    if (to >= this.options.replicaCount) {
      this.clients[to - this.options.replicaCount]?.receive(message);
      return;
    }
    const replica = this.replica(to);
    if (!replica.running) return;
    if (from >= this.options.replicaCount) {
      if (isCommand(message, 'request') || isCommand(message, 'query')) {
        this.connections[to]?.set(message.header.client, from);
      }
      if (isCommand(message, 'query')) this.readWitness.onQuery(replica, this.replicas);
    }
    this.tally.repairs.onReceive(to, message);
    this.judge(() => this.checkers.onReceive(to, message));
    this.heardWords?.onReceive(to, message);
    const heard = this.exposure?.heard ?? null;
    replica.deliver(message, heard && ((take) => heard.hear({ from, to, lie }, take)));
    this.heardWords?.onTaken();
    this.checkers.onTaken();
  }

  private onTrace(slot: number, event: TraceEvent): void {
    this.hash.number(slot);
    this.hash.fields(event);
    this.teller.trace(slot, event);
    if (event.kind === 'started') {
      this.startedNow.add(slot);
      // A lost disk that is back for a while says nothing of the slot's own file.
      if (!this.lostDisks.has(slot)) this.everStarted.add(slot);
    }
    this.tally.onTrace(slot, event);
    this.readWitness.onTrace(slot, event);
    if (this.exposure === null) checkHonestPeers(slot, event, this.oldFiles);
    else this.exposure.onTrace(slot, event, this.queue.now);
    this.judge(() => this.checkers.onTrace(slot, event));
    this.traceListeners.tell(slot, event);
  }

  private onStepped(slot: number): void {
    if (!this.startedNow.delete(slot)) return;
    const state = this.replica(slot).snapshot();
    if (state !== null) this.judge(() => this.checkers.onStarted(slot, state));
  }

  private countCrash(slot: number): void {
    this.teller.process(slot, 'crash');
    this.tally.onCrash(this.replica(slot).snapshot());
    if (this.storage(slot).writesInFlight > 0) this.totals.crashesWithWritesInFlight += 1;
  }

  private onStopped(slot: number): void {
    this.startedNow.delete(slot);
    this.heardWords?.onStopped(slot);
    this.judge(() => this.checkers.onStopped(slot));
    this.totals.refusedHints += this.hints.onDied(slot);
  }
}
