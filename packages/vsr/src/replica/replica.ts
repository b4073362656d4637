import type { BlockHold, BlockReference, ChecksumFunction, Forest } from '@kimberlite/store';
import type { ClusterClock } from '../clock/cluster-clock.ts';
import type { ClusterConfig } from '../config.ts';
import type { Journal } from '../journal/journal.ts';
import type { SlotRead } from '../journal/recover.ts';
import type { MachineIdentity } from '../machine-identity.ts';
import type { Quorums } from '../membership.ts';
import type { KnownFile } from '../message/known-files.ts';
import type { Message, PrepareMessage } from '../message/message.ts';
import type { StateMachine } from '../state-machine.ts';
import type { SlotSet } from '../std/bitset.ts';
import type { Checksum, ClientId, Op, View } from '../std/numbers.ts';
import type { Prng } from '../std/prng.ts';
import type { Introductions } from '../superblock/introductions.ts';
import type { CheckpointRecord } from '../superblock/superblock.ts';
import type { SuperblockWriter } from '../superblock/superblock-writer.ts';
import type { ToldCheckpoint } from './checkpoint/checkpoint-ids.ts';
import type { Effect } from './effect.ts';
import type { Execution } from './execution/execute.ts';
import type { Sessions } from './execution/sessions.ts';
import type { CheckpointLag } from './liveness/checkpoint-lag.ts';
import type { DiskPace } from './liveness/disk-pace.ts';
import type { PacingState } from './liveness/pacing.ts';
import type { Denial } from './members/denial.ts';
import type { ReplacedFiles } from './members/replaced-files.ts';
import type { PrimaryState } from './primary-state.ts';
import type { ReadState } from './reads/read-state.ts';
import type { RepairBudget } from './repair/repair-budget.ts';
import type { ScrubState } from './repair/scrub.ts';
import type { Status } from './status.ts';
import type { Timers } from './timers.ts';
import type { ViewChangeState } from './view-change/view-change-state.ts';

/** The most that a peer has promised this replica: each part only grows. */
export interface PeerPromise {
  /** Highest view that it was durably in. */
  view: View;
  /** Highest op that it acknowledged in the last view in which it did. */
  logView: View;
  op: Op;
}

/** A checkpoint that is being written; by checkpoint.ts. */
export interface CheckpointWork {
  readonly record: Omit<CheckpointRecord, 'forestRoot'>;
  /** All blocks are on disk and the superblock was asked for. */
  sealed: boolean;
  /** Slices of its work done in the tick `sliceTick`; see `paceAllows`. */
  slices: number;
  sliceTick: number;
}

/** What start-up has read so far; by startup.ts. */
export interface StartupState {
  redundant: Uint8Array;
  readonly reads: (SlotRead | null)[];
  /** Slots whose reading has begun, and those of them that are not read yet. */
  begun: number;
  pending: number;
  /** Kept for their execution, and how many bytes they are. */
  readonly bodies: PrepareMessage[];
  bodiesSize: number;
}

/**
 * One replica: the whole mutable state of the protocol. Handlers are free functions in the phase
 * modules. Each section names the modules that write its fields, or the fields do, or the types of
 * what they hold; all others only read. Classes look after what is in them. Three modules write in
 * several sections, and are not named there: startup.ts fills in what the disk held, sync.ts puts a
 * peer's checkpoint and what came with it in the place of what is here, and `clearViewState` in
 * status.ts empties what dies with a view.
 */
export interface Replica {
  // ── fixed ─────────────────────────────────────────────────────────────────────────────────────
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly cluster: bigint;
  readonly slot: number;
  readonly release: number;
  readonly stateMachine: StateMachine;
  /** Its identity. */
  readonly machine: MachineIdentity;
  readonly prng: Prng;
  readonly timers: Timers;
  readonly forest: Forest;
  readonly sessions: Sessions;
  readonly replacedFiles: ReplacedFiles;
  budget: RepairBudget;
  // ── known once the superblock is open (introduce.ts, promise.ts, denial.ts, recover-op.ts) ────
  replicaCount: number;
  voters: SlotSet;
  quorums: Quorums;
  incarnation: bigint;
  /** Who lives in which file; durable with the superblock. */
  introductions: Introductions;
  /** Peers that have told this life of the process what this file has promised them. */
  greeted: SlotSet;
  /** By slot: what each peer has promised, while this process runs. */
  readonly promises: PeerPromise[];
  /** By slot: what a peer said last of the files of all slots; by told-files.ts. */
  readonly filesTold: Map<number, readonly KnownFile[]>;
  /** Peers that deny this replica's file, in which of their lives, and to the ping of what time. */
  readonly denials: Map<
    number,
    { readonly reason: Denial; readonly life: number; readonly pingMonotonic: number }
  >;
  /** Random number of this life of the process. */
  readonly life: number;
  /** What the file held when this life of the process began; its head, if that is certain. */
  atStart: Readonly<PeerPromise>;
  /** Whether the log's head was certain then. */
  headCertain: boolean;
  /** Whether the superblock was chosen; before that the fields below it hold nothing. */
  opened: boolean;
  superblock: SuperblockWriter;
  journal: Journal;
  clock: ClusterClock;
  startup: StartupState | null;
  // ── time (step.ts, tick.ts) ───────────────────────────────────────────────────────────────────
  /** Ticks since start. */
  tick: number;
  monotonic: number;
  wall: number;
  /** Monotonic time of the last tick; a large gap is a stall of this process. */
  lastTickAt: number;
  /** Ticks that a stall of this process left out are being made up for, all at once. */
  catchingUp: boolean;
  /** How this replica's own disk does; by disk-pace.ts, disk-hang.ts. */
  readonly disk: DiskPace;
  // ── the others ────────────────────────────────────────────────────────────────────────────────
  // on-message.ts, quorum.ts, heard.ts, peer-gone.ts, round-trip.ts, ping.ts, clock-sync.ts,
  // checkpoint-ids.ts
  /** Tick at which each slot was last heard, in whatever view. */
  readonly heardAt: number[];
  /** Tick at which each slot was last sent a ping. */
  readonly pingedAt: number[];
  quorumSeen: boolean;
  /** Tick since which no quorum is seen; null while one is. */
  quorumLostSince: number | null;
  /** Peers whose processes seem to be gone. */
  peersGone: SlotSet;
  /** Smoothed round trip to each peer, in ticks. */
  readonly roundTrips: Map<number, number>;
  /** This replica's own checkpoints before the newest, oldest first, as far as peers may ask. */
  readonly checkpointsPassed: ToldCheckpoint[];
  /** Op of the checkpoint about which peers were asked, as the primary's was another. */
  checkpointAskedAt: number;
  /** By slot: some of the checkpoints that each peer has told of, the last one first. */
  readonly checkpointsTold: readonly ToldCheckpoint[][];
  /** By slot: the op of the newest checkpoint that was found to differ. */
  readonly conflictsTraced: number[];
  /** Peers that say that enough clocks agree there. */
  clockAgreed: SlotSet;
  /** Peers whose last ping said that they wait, and take part in nothing yet. */
  aside: SlotSet;
  /** Tick since which clocks don't agree here; null while they do. */
  clockLostSince: number | null;
  // ── the protocol's own ────────────────────────────────────────────────────────────────────────
  //   status           status.ts
  //   view, logView    view-change.ts, do-view-change.ts, follow-view.ts, introduce.ts
  //   op, chainOp      append.ts, chain.ts
  //   commitMin        commit.ts, with the checksum
  //   commitMax        append.ts, heartbeat.ts, prepare-ok.ts, do-view-change.ts, follow-view.ts
  //   of a view only   append.ts, heartbeat.ts, request.ts, repair.ts, follow-view.ts
  status: Status;
  /** Never shown to others above `superblock.durable.view`. */
  view: View;
  /** The view whose log this is: logView ≤ view. */
  logView: View;
  /** Head of the log: commitMin ≤ op. */
  op: Op;
  /** Executed here: checkpoint.op ≤ commitMin ≤ commitMax. */
  commitMin: Op;
  /** Known committed anywhere; may lie above op while this replica lags. */
  commitMax: Op;
  /** Checksum of the prepare of commitMin: what op commitMin + 1 must name as parent. */
  commitChecksum: Checksum;
  /** Lowest op from which the headers up to `op` are chained without a gap. */
  chainOp: Op;
  readonly primary: PrimaryState;
  readonly pacing: PacingState;
  readonly viewChange: ViewChangeState;
  readonly reads: ReadState;
  /** Backup: prepares of this view above op + 1. At most 2 × pipelineMax. */
  readonly buffer: Map<number, PrepareMessage>;
  /** Backup: highest op of this view that the primary was asked for. */
  nextAskedTo: Op;
  /** While the view changes: bodies that everyone was asked for, by op, with the tick. */
  readonly bodiesAskedAt: Map<number, number>;
  /** Backup: monotonic stamp of the newest heartbeat, so that a replayed one clears no vote. */
  heartbeatStamp: number;
  /** Backup: commit number and head that the primary of this view last told. */
  primaryCommit: Op;
  primaryOp: Op;
  /** Requests forwarded to the primary since the last heartbeat: none is forwarded twice. */
  readonly forwarded: Set<Checksum>;
  // ── commit, and what is read for others (commit.ts, primary-start.ts, serve.ts) ───────────────
  /** The body that commit waits for from disk. */
  commitReading: Checksum | null;
  commitReadingSince: number;
  /** Committed ops are left for a later step. */
  commitBacklog: boolean;
  /** The op of which some requests are executed and others wait for blocks; also by restore.ts. */
  executing: Execution | null;
  /** Bodies being read for the pipeline of a new primary. */
  readonly pipelineReading: Set<Checksum>;
  /** Bodies and blocks being read for peers. */
  serving: number;
  /** Blocks that peers wait for until others have been read. */
  readonly servingNext: { readonly reference: BlockReference; readonly serveTo: number }[];
  // ── checkpoint and restore ────────────────────────────────────────────────────────────────────
  // checkpoint.ts, restore.ts, block-reads.ts, block-repair.ts; writes that end are counted in
  // step.ts
  /** The durable checkpoint. Its blocks may still be missing: see `restored`. */
  checkpoint: CheckpointRecord;
  checkpointId: Checksum;
  /** The one before; its blocks stand until the next is written. */
  checkpointPrevious: CheckpointRecord;
  checkpointing: CheckpointWork | null;
  /** By checkpoint-lag.ts. */
  readonly checkpointLag: CheckpointLag;
  /** Block writes that have not ended, those in `blocksUnwritten` included. */
  blockWrites: number;
  // What of the checkpoint is here. In each row a peer's newer one may have come, and wait in
  // `pendingSync`.
  //
  //   restored  restorePending  syncTarget
  //   true      false           null        every block of it is here and loaded
  //   false     false           null        this disk's own is being loaded, after a start
  //   false     true            its op      a peer's was taken over; the superblock is to come
  //   false     false           its op      of a peer's, what this disk lacks is being fetched
  restored: boolean;
  restorePending: boolean;
  syncTarget: Op | null;
  /** A start_view whose checkpoint is installed when no block and no superblock is in flight. */
  pendingSync: Message<'startView'> | null;
  /** Clients whose stored reply is being read from disk; also by stored-reply.ts. */
  readonly repliesWaiting: Map<ClientId, BlockHold>;
  /** What loading the core's tables holds. */
  readonly loading: BlockHold;
  /** Blocks being read for whoever wants them. */
  blockReads: number;
  /** Blocks of the tree that this disk lacks, by address. */
  readonly missingBlocks: Map<number, Checksum>;
  /** Addresses of blocks from peers that are being written. */
  readonly repairingBlocks: Set<number>;
  /** Of those, the ones that the disk has not been given yet. */
  readonly blocksUnwritten: { readonly address: number; readonly bytes: Uint8Array }[];
  /**
   * Tick since which commits wait for something that repair must bring, null when they don't, and
   * the op they wait at; by repair.ts and commit.ts as well.
   */
  stuckSince: number | null;
  stuckAt: Op;
  // ── scrubber (scrub.ts) ───────────────────────────────────────────────────────────────────────
  readonly scrub: ScrubState;
  // ── output ────────────────────────────────────────────────────────────────────────────────────
  out: Effect[];
}
