import {
  type AnyMessage,
  type ReplicaSnapshot,
  SCRUB_DEFAULT,
  type TraceEvent,
} from '@kimberlite/vsr';
import { OPERATION_UNKNOWN } from '../byzantine/mutation.ts';
import type { NodeHealths } from '../network/node-health.ts';
import type { Totals } from '../run/totals.ts';
import { clocksDisagree, isOutvoted, type SimulatedClock } from './clock.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { RepairWitness } from './repair-witness.ts';
import { ScrubWitness } from './scrub-witness.ts';

/** Commands with which a view commits. */
const LATE: ReadonlySet<string> = new Set(['commit', 'prepare_ok']);

/** What it counts into, and what it looks at besides the words of replicas. */
export interface TallyContext {
  readonly totals: Totals;
  readonly network: { readonly health: NodeHealths };
  readonly clocks: readonly SimulatedClock[];
}

/** Counts what replicas tell of themselves. */
export class TraceTally {
  private readonly totals: Totals;
  readonly repairs: RepairWitness;
  private readonly scrubbers: ScrubWitness;
  private readonly clocks: readonly SimulatedClock[];
  /** Replicas that are in the midst of a view change. */
  private readonly changing: Set<number>;
  /** By slot: votes that its process has forgotten so far. */
  private readonly windowsExpired: Map<number, number>;
  private readonly walSlots: number;
  private readonly viewsTried: Set<number>;
  private readonly viewsLed: Set<number>;
  /** By slot: new files learned of since the last op that it executed. */
  private readonly filesLearned: Map<number, number>;
  /** Replicas whose clock is agreed upon. */
  private readonly agreed: Set<number>;
  /** Replicas that have begun to fetch a checkpoint and have not ended. */
  private readonly syncing: Set<number>;

  constructor(
    { totals, network, clocks }: TallyContext,
    cluster: Pick<ClusterOptions, 'config' | 'replicaCount' | 'scrub'>,
  ) {
    this.totals = totals;
    this.repairs = new RepairWitness(totals, cluster.replicaCount, network.health);
    this.scrubbers = new ScrubWitness(totals, cluster.scrub ?? SCRUB_DEFAULT);
    this.clocks = clocks;
    this.changing = new Set();
    this.windowsExpired = new Map();
    this.walSlots = cluster.config.walSlots;
    this.viewsTried = new Set();
    this.viewsLed = new Set();
    this.filesLearned = new Map();
    this.agreed = new Set();
    this.syncing = new Set();
  }

  /** Once a tick, with the states of all replicas that run. */
  onTick(states: readonly ReplicaSnapshot[]): void {
    let changingTo: number | null = null;
    let overlap = false;
    for (const state of states) {
      this.repairs.onSnapshot(state);
      this.scrubbers.onSnapshot(state);
      this.onWindows(state.slot, state.timeouts.startViewChangeWindow);
      if (state.status !== 'view_change') continue;
      if (changingTo !== null && changingTo !== state.view) overlap = true;
      changingTo = state.view;
    }
    if (overlap) this.totals.viewChangesOverlapping += 1;
  }

  /** A process is about to end by a crash; `state` is null where it does not run. */
  onCrash(state: ReplicaSnapshot | null): void {
    this.totals.crashes += 1;
    if (state?.status === 'recovering_head') this.totals.crashesInDoubt += 1;
  }

  /** The count of a process begins anew when it starts. */
  private onWindows(slot: number, expired: number): void {
    const known = this.windowsExpired.get(slot) ?? 0;
    if (expired === known) return;
    this.totals.voteWindowsExpired += expired > known ? expired - known : expired;
    this.windowsExpired.set(slot, expired);
  }

  /** In a view change a replica asks everyone, and chooses nobody. */
  onSend(sent: { readonly slot: number; readonly to: number }, message: AnyMessage): void {
    if (!this.changing.has(sent.slot)) this.repairs.onSend(sent, message);
  }

  onTrace(slot: number, event: TraceEvent): void {
    const { totals } = this;
    switch (event.kind) {
      case 'status':
        if (event.to === 'view_change') this.tried(event.view);
        if (event.to === 'view_change') this.changing.add(slot);
        else this.changing.delete(slot);
        return;
      case 'primary':
        this.tried(event.view);
        if (this.viewsLed.has(event.view) || event.view === 0) return;
        this.viewsLed.add(event.view);
        totals.viewChangesCompleted += 1;
        totals.viewChangesAbandoned -= 1;
        return;
      case 'started':
        totals.recoveringHeads += event.status === 'recovering_head' ? 1 : 0;
        this.agreed.delete(slot);
        if (event.status !== 'view_change') this.changing.delete(slot);
        return;
      case 'truncated':
        totals.opsTruncated += event.from - event.op;
        return;
      case 'checkpoint_durable':
        totals.checkpoints += 1;
        return;
      case 'wal_wrapped':
        if (event.op % this.walSlots === 0) totals.walWraps += 1;
        return;
      case 'sync_started':
        totals.syncsStarted += 1;
        if (this.syncing.has(slot)) totals.syncsOvertaken += 1;
        this.syncing.add(slot);
        return;
      case 'recovered':
        this.filesLearned.set(slot, (this.filesLearned.get(slot) ?? 0) + 1);
        return;
      case 'committed':
        // What came before was learned by executing, or at a start.
        this.filesLearned.delete(slot);
        return;
      case 'sync_finished':
        totals.syncsFinished += 1;
        this.syncing.delete(slot);
        // Told at the end of the transfer, right after the files that came with it.
        totals.filesFromCheckpoints += this.filesLearned.get(slot) ?? 0;
        return;
      case 'abdicated':
        totals.abdications += 1;
        totals.abdicationsClockLost += event.reason === 'clock_lost' ? 1 : 0;
        totals.abdicationsRepairStuck += event.reason === 'repair_stuck' ? 1 : 0;
        return;
      case 'commits_slowed':
        totals.commitsSlowed += 1;
        return;
      case 'commit_stalled':
        totals.commitStalls += 1;
        return;
      case 'quorum':
        totals.quorumLosses += event.seen ? 0 : 1;
        return;
      case 'repaired':
        if (event.what === 'header') totals.headersRepaired += 1;
        else if (event.what === 'prepare') totals.preparesRepaired += 1;
        else if (event.what === 'block') totals.blocksRepaired += 1;
        return;
      case 'corrupt':
        if (event.found === 'start') totals.rotAtStart += 1;
        if (event.found !== 'scrub') return;
        if (event.what === 'prepare') totals.scrubbedPrepares += 1;
        else if (event.what === 'header') totals.scrubbedHeaders += 1;
        else if (event.what === 'block') totals.scrubbedBlocks += 1;
        else totals.scrubbedSuperblocks += 1;
        return;
      case 'scrub_tour':
        totals.scrubTours += 1;
        return;
      case 'execution_waits':
        totals.executionWaits += 1;
        return;
      case 'executed':
        if (event.outcome === 'duplicate') totals.duplicateRequests += 1;
        if (event.operation === OPERATION_UNKNOWN) totals.unknownOperations += 1;
        return;
      case 'dropped':
        if (event.reason !== 'stale_view' || !this.changing.has(slot)) return;
        if (LATE.has(event.command)) totals.lateCommits += 1;
        return;
      case 'clock':
        this.onClock(slot, event.synchronized);
        return;
      case 'prepared':
        if (this.agreed.has(slot) && this.isOutvoted(slot)) totals.outvotedStamps += 1;
        return;
      default:
        return;
    }
  }

  private onClock(slot: number, synchronized: boolean): void {
    const { totals } = this;
    if (synchronized) this.agreed.add(slot);
    else this.agreed.delete(slot);
    if (synchronized) totals.clockAgreements += 1;
    else totals.clockLosses += 1;
    if (!synchronized && clocksDisagree(this.clocks)) totals.clockLossesByOffset += 1;
  }

  private isOutvoted(slot: number): boolean {
    const clock = this.clocks[slot];
    return clock !== undefined && isOutvoted(clock, this.clocks);
  }

  private tried(view: number): void {
    if (view === 0 || this.viewsTried.has(view)) return;
    this.viewsTried.add(view);
    this.totals.viewChangesAbandoned += 1;
  }
}
