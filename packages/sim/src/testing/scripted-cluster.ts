import { assert, mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  type ClusterConfig,
  CONFIG_SIMULATION,
  type Command,
  decodeMessage,
  Prng,
  type ReplicaSnapshot,
  SCRUB_DEFAULT,
  type ScrubOptions,
  TIMEOUTS_DEFAULT,
  type TimeoutTable,
  type TraceEvent,
} from '@kimberlite/vsr';
import type { ByzantineOptions } from '../byzantine/mutation.ts';
import { CLIENTS_BUSY } from '../client/simulated-client.ts';
import { CLOCK_CALM, type ClockOptions } from '../cluster/clock.ts';
import { Cluster } from '../cluster/cluster.ts';
import type { Observer } from '../cluster/observer.ts';
import type { ReplicaMaker } from '../cluster/replica-maker.ts';
import { traceLine } from '../explain/trace-line.ts';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import { NETWORK_CALM, type NetworkOptions, type Packet } from '../network/network.ts';
import { productionMaker } from '../run/production-maker.ts';
import { STORAGE_CALM, type StorageOptions } from '../storage/storage.ts';
import { counterWorkload, OPERATION_ADD, OPERATION_READ } from '../workload/counter-machine.ts';
import type { Workload } from '../workload/workload.ts';
import type { LogDisk } from './log-faults.ts';
import { ProcessTap } from './process-tap.ts';

/** How a scripted cluster differs from the usual one, in which nothing fails by itself. */
export interface ScriptedOptions {
  readonly replicaCount: number;
  /** Default 1. */
  readonly clientCount?: number;
  /** Default 1. */
  readonly seed?: bigint;
  readonly config?: ClusterConfig;
  readonly workload?: Workload;
  readonly network?: NetworkOptions;
  readonly storage?: StorageOptions;
  readonly timeouts?: TimeoutTable;
  readonly maker?: ReplicaMaker;
  /** Whether all have met before; default true. */
  readonly introduced?: boolean;
  /** How the scrubbers are paced; as in production by default. */
  readonly scrub?: ScrubOptions;
  /** The replica whose state is a wrong one from an op on; nobody's by default. */
  readonly stray?: { readonly slot: number; readonly fromOp: number };
  /** One for each replica; calm ones by default. */
  readonly clocks?: readonly ClockOptions[];
  /** Told a line for everything that happens. */
  readonly log?: (line: string) => void;
  /** Sees everything that happens, as values. */
  readonly observer?: Observer;
}

/** What a rule is about; what is left out matches everything. */
export interface LinkMatch {
  readonly from?: number;
  readonly to?: number;
  readonly command?: Command;
  /** Narrows further, by what the message says. */
  readonly where?: (message: AnyMessage) => boolean;
}

/** Told events of one kind. */
export type EventOf<K extends TraceEvent['kind']> = Extract<TraceEvent, { readonly kind: K }>;

/** A rule in force; `remove` ends it. */
export interface LinkRule {
  readonly remove: () => void;
  /** Packets it has caught so far, oldest first. */
  readonly packets: readonly Packet[];
}

interface Rule {
  readonly match: LinkMatch;
  readonly verdict: 'deliver' | 'drop';
  readonly packets: Packet[];
}

/**
 * A cluster for tests in prose: nothing happens by chance but what the seed draws for delays, and
 * the test says what fails and when. All checkers watch. Replicas are 0 to R - 1; clients are
 * named by their index.
 */
export class ScriptedCluster {
  readonly cluster: Cluster;
  /** What the replicas told, and the switches of their disks. */
  readonly tap: ProcessTap;
  private readonly rules: Rule[];

  constructor(options: ScriptedOptions) {
    const { replicaCount, log } = options;
    this.rules = [];
    this.tap = new ProcessTap();
    this.cluster = new Cluster(
      {
        replicaCount,
        clientCount: options.clientCount ?? 1,
        config: options.config ?? CONFIG_SIMULATION,
        checksum: mix128,
        workload: options.workload ?? counterWorkload,
        maker: this.tap.wrap(options.maker ?? productionMaker),
        network: options.network ?? NETWORK_CALM,
        storage: options.storage ?? STORAGE_CALM,
        timeouts: options.timeouts ?? TIMEOUTS_DEFAULT,
        scrub: options.scrub ?? SCRUB_DEFAULT,
        clocks: options.clocks ?? Array.from({ length: replicaCount }, () => CLOCK_CALM),
        clients: CLIENTS_BUSY,
        introduced: options.introduced ?? true,
        atlas: { wal: false, blocks: false },
        byzantine: strayOptions(options),
        observer: options.observer ?? (log === undefined ? null : (seen) => log(traceLine(seen))),
        removed: NOTHING_REMOVED,
        calmFrom: null,
        eventsMax: Number.MAX_SAFE_INTEGER,
      },
      new Prng(options.seed ?? 1n),
    );
    this.cluster.network.filter = (packet) => this.judge(packet);
    this.cluster.startAll();
  }

  /** Lets the given number of ticks (10 ms) pass. */
  run(ticks: number): void {
    for (let tick = 0; tick < ticks; tick += 1) this.cluster.runTick();
  }

  /** Runs until the condition holds; fails the test after so many ticks. */
  runUntil(condition: () => boolean, ticksMax = 3_000): void {
    for (let tick = 0; tick < ticksMax; tick += 1) {
      if (condition()) return;
      this.cluster.runTick();
    }
    assert(condition(), 'the condition holds in time');
  }

  /** Runs single events until the condition holds: stops in the middle of a tick. */
  stepUntil(condition: () => boolean, eventsMax = 100_000): void {
    for (let events = 0; events < eventsMax && !condition(); events += 1) this.cluster.step();
    assert(condition(), 'the condition holds in time');
  }

  /** State of a replica; fails when it is down. */
  state(slot: number): ReplicaSnapshot {
    const state = this.cluster.replica(slot).snapshot();
    assert(state !== null, 'the replica runs');
    return state;
  }

  /** What a replica told of this kind so far, oldest first; of all replicas when none is named. */
  events<K extends TraceEvent['kind']>(kind: K, slot?: number): EventOf<K>[] {
    const found: EventOf<K>[] = [];
    for (const { slot: author, event } of this.tap.seen) {
      if (slot !== undefined && slot !== author) continue;
      if (event.kind === kind) found.push(event as EventOf<K>); // SAFETY: its kind was compared.
    }
    return found;
  }

  /** The disk of a replica, for the functions of log-faults.ts. */
  disk(slot: number): LogDisk {
    return { storage: this.cluster.storage(slot), config: this.cluster.options.config };
  }

  /** Slot of the normal primary in the highest view, or null. */
  primary(): number | null {
    let found: ReplicaSnapshot | null = null;
    for (const state of this.cluster.snapshots()) {
      if (!state.isPrimary || state.status !== 'normal') continue;
      if (found === null || state.view > found.view) found = state;
    }
    return found === null ? null : found.slot;
  }

  /** The given replicas (default: those that run) are normal, in one view, all ops executed. */
  converged(slots?: readonly number[]): boolean {
    const states = this.cluster
      .snapshots()
      .filter(({ slot }) => slots === undefined || slots.includes(slot));
    const first = states[0];
    if (first === undefined) return false;
    return states.every(
      (state) =>
        state.status === 'normal' &&
        state.view === first.view &&
        state.op === first.op &&
        state.commitMin === state.op &&
        state.journalDirty === 0 &&
        state.journalFaulty === 0 &&
        !state.syncing,
    );
  }

  crash(slot: number): void {
    this.cluster.crash(slot);
  }

  restart(slot: number): void {
    this.cluster.start(slot);
  }

  pause(slot: number): void {
    this.cluster.replica(slot).pause();
  }

  unpause(slot: number): void {
    this.cluster.replica(slot).unpause();
  }

  /** Drops and keeps every packet that matches, from now on. */
  drop(match: LinkMatch): LinkRule {
    return this.rule(match, 'drop');
  }

  /** Keeps a copy of every packet that matches, from now on, and lets it pass. */
  watch(match: LinkMatch): LinkRule {
    return this.rule(match, 'deliver');
  }

  private rule(match: LinkMatch, verdict: Rule['verdict']): LinkRule {
    const rule: Rule = { match, verdict, packets: [] };
    this.rules.push(rule);
    const remove = (): void => {
      const at = this.rules.indexOf(rule);
      if (at >= 0) this.rules.splice(at, 1);
    };
    return { remove, packets: rule.packets };
  }

  /** Cuts both directions between the replica and all other nodes; `heal` ends it. */
  isolate(slot: number): LinkRule[] {
    return [this.drop({ from: slot }), this.drop({ to: slot })];
  }

  /** Nothing that the first ones send reaches the others. One direction only. */
  cut(from: readonly number[], to: readonly number[]): LinkRule[] {
    return from.flatMap((source) => to.map((target) => this.drop({ from: source, to: target })));
  }

  /** Ends all rules. */
  heal(): void {
    this.rules.length = 0;
  }

  /** Sends a caught packet after all; it may be sent again and again. */
  replay(packet: Packet): void {
    const { filter } = this.cluster.network;
    this.cluster.network.filter = null;
    this.cluster.network.sendPacket(packet);
    this.cluster.network.filter = filter;
  }

  /** Registers the client, asks, and waits for the reply's body. */
  request(request: { operation: number; body: Uint8Array }, client = 0): Uint8Array {
    const answer = this.submit(request, client);
    this.runUntil(() => answer.body !== null);
    assert(answer.body !== null, 'waited for it');
    return answer.body;
  }

  /** Asks without waiting for the answer, which will be in `body`. Waits for the session first. */
  submit(
    request: { operation: number; body: Uint8Array },
    client = 0,
  ): { readonly body: Uint8Array | null } {
    const asker = this.cluster.clients[client];
    assert(asker !== undefined, 'the client exists');
    this.runUntil(() => asker.registered && !asker.busy);
    const answer: { body: Uint8Array | null } = { body: null };
    asker.submit(request, (reply) => {
      answer.body = reply;
    });
    return answer;
  }

  /** Counter machine: adds and returns the new value. */
  add(name: number, amount: number, client = 0): number {
    const body = new Uint8Array([name, amount]);
    return counterOf(this.request({ operation: OPERATION_ADD, body }, client));
  }

  /** Counter machine: the value. */
  read(name: number, client = 0): number {
    const body = new Uint8Array([name]);
    return counterOf(this.request({ operation: OPERATION_READ, body }, client));
  }

  private judge(packet: Packet): 'deliver' | 'drop' {
    for (const { match, packets, verdict } of this.rules) {
      if (!matches(match, packet)) continue;
      packets.push(packet);
      if (verdict === 'drop') return 'drop';
    }
    return 'deliver';
  }
}

/** What a packet says. */
export function messageIn(packet: Packet): AnyMessage {
  const message = decodeMessage(packet.bytes, mix128);
  assert(typeof message !== 'string', 'what a node sent can be read');
  return message;
}

function matches(match: LinkMatch, packet: Packet): boolean {
  if (match.from !== undefined && match.from !== packet.from) return false;
  if (match.to !== undefined && match.to !== packet.to) return false;
  if (match.command !== undefined && match.command !== packet.command) return false;
  return match.where === undefined || match.where(messageIn(packet));
}

/** Small counters only: the lowest four bytes of the value. */
function counterOf(body: Uint8Array): number {
  return new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(0, true);
}

function strayOptions({ stray }: ScriptedOptions): ByzantineOptions | null {
  if (stray === undefined) return null;
  const { slot: liar, fromOp: strayOp } = stray;
  return { liar, strayOp, rules: [], expects: 'liar_stops', rejections: [] };
}
