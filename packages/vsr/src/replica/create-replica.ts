import { assert, type ChecksumFunction, FOREST_ROOT_SIZE, Forest } from '@kimberlite/store';
import { ClusterClock } from '../clock/cluster-clock.ts';
import { assertConfig, type ClusterConfig } from '../config.ts';
import type { Journal } from '../journal/journal.ts';
import { machineIdentityOf } from '../machine-identity.ts';
import { quorumsOf, SLOT_COUNT } from '../membership.ts';
import type { StateMachine } from '../state-machine.ts';
import { StateMachineError, stateMachineFault } from '../state-machine-error.ts';
import { Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import type { Prng } from '../std/prng.ts';
import type { CheckpointRecord } from '../superblock/superblock.ts';
import type { SuperblockWriter } from '../superblock/superblock-writer.ts';
import { CORE_TABLES } from './execution/core-tables.ts';
import { openMachine, watchedTable } from './execution/machine-calls.ts';
import { Sessions, sessionTables } from './execution/sessions.ts';
import { firstCheckpointLag } from './liveness/checkpoint-lag.ts';
import { firstDiskPace } from './liveness/disk-pace.ts';
import { firstPacingState } from './liveness/pacing.ts';
import { noPromise } from './members/promise.ts';
import { ReplacedFiles, TABLE_REPLACED_FILES } from './members/replaced-files.ts';
import { firstPrimaryState } from './primary-state.ts';
import { firstReadState } from './reads/read-state.ts';
import { RepairBudget } from './repair/repair-budget.ts';
import { createScrubState, SCRUB_DEFAULT, type ScrubOptions } from './repair/scrub.ts';
import type { Replica } from './replica.ts';
import { TIMEOUTS_DEFAULT, type TimeoutTable } from './timeout-table.ts';
import { Timers } from './timers.ts';
import { firstViewChangeState } from './view-change/view-change-state.ts';

export interface ReplicaOptions {
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly cluster: bigint;
  /** Member slot, 0–15; the data file must say the same. */
  readonly slot: number;
  /** major << 16 | minor << 8 | patch. */
  readonly release: number;
  readonly stateMachine: StateMachine;
  readonly prng: Prng;
  readonly timeouts?: TimeoutTable;
  /** Bytes of blocks kept in memory; this replica's own matter. */
  readonly blockCacheSize?: number;
  /** How the scrubber is paced; once in 24 hours by default. */
  readonly scrub?: ScrubOptions;
}

/** Bytes of blocks that a replica keeps in memory unless it is told otherwise. */
export const BLOCK_CACHE_SIZE_DEFAULT: number = 128 * 1024 * 1024;

/** What is not there before the superblock is open. */
function unopened<T>(): T {
  return null as T; // SAFETY: `opened` and status `recovering` keep every reader away until set.
}

const NO_CHECKPOINT: CheckpointRecord = {
  op: Op(0),
  prepareChecksum: ZERO_CHECKSUM,
  timestampNext: 0,
  parentId: ZERO_CHECKSUM,
  forestRoot: new Uint8Array(FOREST_ROOT_SIZE),
};

/** A replica before its start-up. */
export function createReplica(options: ReplicaOptions): Replica {
  const { config, checksum, stateMachine, prng, slot } = options;
  assertConfig(config);
  assert(slot >= 0 && slot < SLOT_COUNT, 'slot in range');
  const fault = stateMachineFault(stateMachine);
  if (fault !== null) throw new StateMachineError(`the state machine ${fault}`);
  const { stateBytesMax, historyRevisions } = config;
  openMachine(stateMachine, { stateBytesMax, historyRevisions });
  const forest = new Forest({
    checksum,
    blockSize: config.blockSize,
    cacheSize: options.blockCacheSize ?? BLOCK_CACHE_SIZE_DEFAULT,
    tables: [...CORE_TABLES, ...stateMachine.tables.map(watchedTable)],
  });
  return {
    config,
    checksum,
    cluster: options.cluster,
    slot,
    release: options.release,
    stateMachine,
    machine: machineIdentityOf(stateMachine, checksum),
    prng,
    timers: new Timers(options.timeouts ?? TIMEOUTS_DEFAULT, prng.fork()),
    forest,
    sessions: new Sessions(sessionTables(forest), config.sessionsMax),
    replacedFiles: new ReplacedFiles(forest.table(TABLE_REPLACED_FILES)),
    budget: new RepairBudget({
      self: slot,
      replicaCount: 1,
      expiryTicks: 1,
      largeExpiryTicks: 1,
    }),
    replicaCount: 1,
    voters: 0,
    quorums: quorumsOf(1),
    incarnation: 0n,
    introductions: { files: [], knownBy: 0 },
    greeted: 0,
    promises: Array.from({ length: SLOT_COUNT }, noPromise),
    filesTold: new Map(),
    denials: new Map(),
    life: prng.u32(),
    atStart: noPromise(),
    headCertain: false,
    opened: false,
    superblock: unopened<SuperblockWriter>(),
    journal: unopened<Journal>(),
    clock: new ClusterClock(1),
    startup: null,
    tick: 0,
    monotonic: 0,
    wall: 0,
    lastTickAt: Number.POSITIVE_INFINITY,
    catchingUp: false,
    disk: firstDiskPace(),
    heardAt: Array.from({ length: SLOT_COUNT }, () => Number.NEGATIVE_INFINITY),
    pingedAt: Array.from({ length: SLOT_COUNT }, () => Number.NEGATIVE_INFINITY),
    quorumSeen: false,
    quorumLostSince: null,
    peersGone: 0,
    roundTrips: new Map(),
    checkpointsPassed: [],
    checkpointAskedAt: -1,
    checkpointsTold: Array.from({ length: SLOT_COUNT }, () => []),
    conflictsTraced: [],
    clockAgreed: 0,
    aside: 0,
    clockLostSince: null,
    status: 'recovering',
    view: View(0),
    logView: View(0),
    op: Op(0),
    commitMin: Op(0),
    commitMax: Op(0),
    commitChecksum: ZERO_CHECKSUM,
    chainOp: Op(0),
    primary: firstPrimaryState(),
    pacing: firstPacingState(),
    reads: firstReadState(),
    viewChange: firstViewChangeState(),
    buffer: new Map(),
    bodiesAskedAt: new Map(),
    nextAskedTo: Op(0),
    heartbeatStamp: 0,
    primaryCommit: Op(0),
    primaryOp: Op(0),
    forwarded: new Set(),
    commitReading: null,
    commitReadingSince: 0,
    commitBacklog: false,
    executing: null,
    repliesWaiting: new Map(),
    loading: forest.hold({ privileged: true }),
    pipelineReading: new Set(),
    serving: 0,
    servingNext: [],
    checkpoint: NO_CHECKPOINT,
    checkpointId: ZERO_CHECKSUM,
    checkpointPrevious: NO_CHECKPOINT,
    checkpointing: null,
    checkpointLag: firstCheckpointLag(),
    blockWrites: 0,
    restored: false,
    restorePending: false,
    syncTarget: null,
    pendingSync: null,
    blockReads: 0,
    missingBlocks: new Map(),
    repairingBlocks: new Set(),
    blocksUnwritten: [],
    stuckSince: null,
    stuckAt: Op(0),
    scrub: createScrubState(options.scrub ?? SCRUB_DEFAULT, prng.fork()),
    out: [],
  };
}
