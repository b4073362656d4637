import {
  type AnyMessage,
  type ClientId,
  type ClusterConfig,
  isCommand,
  type Message,
  type ReplicaSnapshot,
  type TraceEvent,
} from '@kimberlite/vsr';
import type { ClientObserver, DefiniteRefusal } from '../client/simulated-client.ts';
import type { TrueTime } from '../cluster/true-time.ts';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import type { Workload, WorkloadRequest } from '../workload/workload.ts';
import { AcknowledgedQuorum } from './acknowledged-quorum.ts';
import { checkBounds } from './bounds.ts';
import { CheckpointQuorum } from './checkpoint-quorum.ts';
import { EarlyFiles } from './early-files.ts';
import { OneHistory } from './history.ts';
import { checkHonestLog } from './honest-peers.ts';
import { NeverBack } from './never-back.ts';
import { OnePrimary } from './one-primary.ts';
import { Promises } from './promises.ts';
import { checkQuorumDurable } from './quorum-durable.ts';
import { Reads } from './reads.ts';
import { type RecoveredFile, RecoveredFiles } from './recovered-files.ts';
import { Replies } from './replies.ts';
import { SecondJudge } from './second-judge.ts';
import { StampsInTime } from './stamps-in-time.ts';
import { StoresEqual } from './stores-equal.ts';
import { ViewsVoted } from './views-voted.ts';
import { check } from './violation.ts';
import { checkpointTables, WholeCheckpoint } from './whole-checkpoint.ts';

export interface CheckersSetup extends TrueTime {
  readonly config: ClusterConfig;
  /** One of each replica, in the order of slots. */
  readonly disks: readonly DiskEvidence[];
  readonly workload: Workload;
  /** Links duplicate nothing that a client sends, so a definite refusal can be believed. */
  readonly checkRefusals: boolean;
  /** No replica lies. */
  readonly honest: boolean;
  /** An answer is less fresh than it owes to be: true when a lie is behind it. */
  readonly onStaleAnswer?: (slot: number) => boolean;
}

/**
 * All checkers of a run behind one face. They see trace events, messages, replies and snapshots as
 * they happen, across the restarts of replicas, and throw a `Violation` at the first wrong one.
 */
export class Checkers implements ClientObserver {
  readonly history: OneHistory;
  readonly replies: Replies;
  private readonly config: ClusterConfig;
  private readonly disks: readonly DiskEvidence[];
  private readonly promises: Promises;
  private readonly stores: StoresEqual;
  private readonly stamps: StampsInTime;
  private readonly primaries: OnePrimary;
  private readonly acknowledged: AcknowledgedQuorum;
  private readonly checkpoints: CheckpointQuorum;
  private readonly whole: WholeCheckpoint;
  private readonly views: ViewsVoted;
  private readonly running: NeverBack;
  private readonly files: RecoveredFiles;
  private readonly early: EarlyFiles;
  private readonly second: SecondJudge | null;
  private readonly reads: Reads;
  private readonly checkRefusals: boolean;
  /** Tells valid requests; null where somebody lies. */
  private readonly honestWorkload: Workload | null;

  constructor(setup: CheckersSetup) {
    this.config = setup.config;
    this.disks = setup.disks;
    this.history = new OneHistory(setup.disks.length);
    this.replies = new Replies(this.history, setup.config, setup.workload.model());
    this.promises = new Promises(setup.disks);
    this.stores = new StoresEqual();
    this.stamps = new StampsInTime(setup);
    this.primaries = new OnePrimary();
    this.acknowledged = new AcknowledgedQuorum(setup.disks);
    this.checkpoints = new CheckpointQuorum(setup.config, setup.disks);
    this.whole = new WholeCheckpoint(setup.disks, checkpointTables(setup.workload));
    this.views = new ViewsVoted(setup.disks.length);
    this.running = new NeverBack();
    this.files = new RecoveredFiles(setup.disks.length);
    this.early = new EarlyFiles(setup.disks);
    const { judge } = setup.workload;
    this.second = judge === undefined ? null : new SecondJudge(judge);
    this.reads = new Reads({
      history: this.history,
      replies: this.replies,
      queries: setup.workload.queries ?? null,
      replicaCount: setup.disks.length,
      now: setup.now,
      trueDuration: setup.trueDuration,
      ...(setup.onStaleAnswer === undefined ? {} : { onStale: setup.onStaleAnswer }),
    });
    this.checkRefusals = setup.checkRefusals;
    this.honestWorkload = setup.honest ? setup.workload : null;
  }

  onTrace(slot: number, event: TraceEvent): void {
    this.files.onTrace(slot, event);
    this.early.onTrace(slot, event);
    switch (event.kind) {
      case 'committed': {
        if (this.disks.length === 1) this.observeOwnPrepare(slot, event.op, event.checksum);
        const entry = this.history.onCommitted(slot, event);
        if (entry === null) return;
        checkQuorumDurable(entry, this.disks);
        this.acknowledged.onHistory(entry);
        this.checkpoints.onHistory(entry);
        this.replies.onHistory(entry);
        this.stamps.onHistory(entry);
        if (this.honestWorkload !== null) checkHonestLog(entry, this.honestWorkload);
        return;
      }
      case 'prepared':
        this.stamps.onPrepared(slot, event.checksum);
        return;
      case 'recovered':
        this.acknowledged.onRecovered(event);
        return;
      case 'executed':
        this.replies.onExecuted(event);
        return;
      case 'session_evicted':
        this.replies.onEvicted(event);
        return;
      case 'queried':
        this.reads.onQueried(slot, event);
        return;
      case 'checkpoint_durable':
        this.stores.onCheckpoint(slot, event.op, event.id);
        this.whole.onCheckpoint(slot, event.op);
        this.checkpoints.onTrace(slot, event);
        return;
      case 'sync_started':
        this.checkpoints.onTrace(slot, event);
        return;
      case 'sync_finished':
        this.history.onSynced(slot, event.op);
        this.whole.onCheckpoint(slot, event.op);
        this.checkpoints.onTrace(slot, event);
        return;
      case 'primary':
        this.primaries.onPrimary(slot, event.view);
        return;
      default:
        this.checkpoints.onTrace(slot, event);
        this.promises.onTrace(slot, event);
        this.views.onTrace(slot, event);
    }
  }

  /** A cluster of one sends no prepares: its parents are read from its disk. */
  private observeOwnPrepare(slot: number, op: number, checksum: bigint): void {
    const parent = this.disks[slot]?.prepareParent(op, checksum) ?? null;
    if (parent !== null) this.history.observePrepare(checksum, parent);
  }

  /** The process of a replica ended, in whatever way. */
  onStopped(slot: number): void {
    this.history.onRestart(slot);
    this.running.onStopped(slot);
    this.files.onStopped(slot);
  }

  /** Promises that the replica has made so far: a number that grows with each. */
  promisesMade(slot: number): number {
    return this.promises.made(slot);
  }

  /** The replica's file is a copy from before some of what it promised; or the newest one again. */
  onOldFile(slot: number, forgotten: boolean): void {
    this.promises.setForgotten(slot, forgotten);
    this.checkpoints.onDiskLost(slot);
  }

  /** From now on an op may name another file in place of the replica's own. */
  onFileGivenUp(slot: number): void {
    this.files.onDiskLost(slot);
    this.early.onDiskLost(slot);
  }

  /** The replica's disk is gone, and what it promised with it. */
  onDiskLost(slot: number): void {
    this.promises.onDiskLost(slot);
    this.checkpoints.onDiskLost(slot);
    this.files.onDiskLost(slot);
    this.early.onDiskLost(slot);
  }

  /** A file has taken the place of the lost one, which begins in this view. */
  onDiskRecovered(slot: number, file: RecoveredFile & { readonly view: number }): void {
    this.promises.onDiskLost(slot);
    this.checkpoints.onDiskLost(slot);
    this.views.onRecovered(file.view);
    this.files.onRecovered(slot, file);
    this.early.onRecovered(slot, file);
  }

  /** The process of a replica is about to begin. */
  onStarting(slot: number): void {
    this.promises.onStarting(slot);
    this.checkpoints.onStarting(slot);
    this.early.onStarting(slot);
  }

  onStarted(slot: number, state: ReplicaSnapshot): void {
    this.promises.onStarted(slot, state);
  }

  onSend(slot: number, message: AnyMessage): void {
    this.promises.onSend(slot, message);
    this.views.onSend(slot, message);
    this.early.onSend(slot, message);
    if (isCommand(message, 'prepare')) this.stamps.onSent(message.header);
  }

  /** A message is about to be taken by a replica that runs. */
  onReceive(slot: number, message: AnyMessage): void {
    this.acknowledged.onReceive(slot, message);
    if (isCommand(message, 'pong')) this.stamps.onPong(slot, message.header);
    this.files.onReceive(slot, message);
  }

  /** The message was taken, or kept for later where the replica pauses. */
  onTaken(): void {
    this.files.onTaken();
  }

  onSnapshot(state: ReplicaSnapshot): void {
    checkBounds(state, { config: this.config, replicaCount: this.disks.length });
    this.running.onSnapshot(state);
  }

  invoked(client: ClientId, request: WorkloadRequest): void {
    this.replies.onInvoked(client);
    this.second?.onInvoked(client, request);
  }

  sending(checksum: bigint): void {
    this.replies.onSending(checksum);
  }

  replied(client: ClientId, request: WorkloadRequest, reply: Message<'reply'>): void {
    this.replies.onReplied(client, request, reply);
    this.second?.onReplied(client, reply.body);
    this.reads.onSeen(client, reply.header.op);
  }

  asked(client: ClientId, checksum: bigint): void {
    this.reads.onAsked(client, checksum);
  }

  answered(client: ClientId, reply: Message<'queryReply'>): void {
    this.reads.onAnswered(client, reply);
  }

  unanswered(): void {}

  refusedDefinitely(
    client: ClientId,
    _request: WorkloadRequest,
    { checksum }: DefiniteRefusal,
  ): void {
    // Where links duplicate requests, even what was refused may happen.
    if (this.checkRefusals) this.second?.onRefusedDefinitely(client);
    else this.second?.onIndefinite(client);
    if (this.checkRefusals) this.replies.onRefusedDefinitely(checksum);
  }

  indefinite(client: ClientId): void {
    this.second?.onIndefinite(client);
  }

  evicted(): void {}

  /**
   * The end of a run in which a core converged: it must hold whatever was answered. Returns what
   * the second judge knows in the end; null where there is none.
   */
  onConverged(states: readonly ReplicaSnapshot[]): 'decided' | 'undecided' | null {
    const decided = this.second?.onEnd();
    for (const state of states) {
      check(
        'acknowledged_writes',
        state.commitMin >= this.replies.answeredOp,
        () => `replica ${state.slot} ends at op ${state.commitMin}, below an answered one`,
      );
    }
    if (decided === undefined) return null;
    return decided ? 'decided' : 'undecided';
  }
}
