import { Op, opNext, View } from '../std/numbers.ts';
import { TICK_MICROS } from '../std/tick.ts';
import { heardCount } from './liveness/heard.ts';
import { pauseMicros } from './liveness/pacing.ts';
import { quorumRoundTrip } from './liveness/round-trip.ts';
import { isDenied, statusTold } from './members/denial.ts';
import { unmetPeers } from './members/introduce.ts';
import { isForRoom } from './reads/query-blocks.ts';
import { scrubProgress } from './repair/scrub.ts';
import type { Replica } from './replica.ts';
import { isPrimary } from './role.ts';
import type { Status } from './status.ts';
import type { TimeoutName } from './timeout-table.ts';
import { noneFired } from './timers.ts';

/** A snapshot of one replica for status pages, the simulator's trace lines and checkers. */
export interface ReplicaSnapshot {
  readonly slot: number;
  readonly status: Status;
  readonly isPrimary: boolean;
  readonly view: View;
  readonly logView: View;
  readonly op: Op;
  readonly commitMin: Op;
  readonly commitMax: Op;
  readonly checkpointOp: Op;
  readonly syncing: boolean;
  /** Peers that are not known to have noted this replica's file yet. */
  readonly unmet: readonly number[];
  /** Peers that deny this replica's file: it takes part in nothing. */
  readonly deniedBy: readonly number[];
  readonly clockSynchronized: boolean;
  readonly pipelineLength: number;
  readonly queueLength: number;
  /** Reads without a place in the log that have no answer yet. */
  readonly queries: number;
  /** Of those, the ones that wait for blocks. */
  readonly queriesForBlocks: number;
  /** Those that wait until others hold fewer blocks. */
  readonly queriesForRoom: number;
  /** Bytes of the blocks that requests and reads hold or wait for. */
  readonly claimedBytes: number;
  /** Of those, what counts for the limit: all but what the few hold that may go beyond it. */
  readonly limitedBytes: number;
  readonly limitedBytesMax: number;
  /** Bytes of the blocks in memory. */
  readonly cachedBytes: number;
  readonly sessions: number;
  /** Its disk does nothing, with something asked of it. */
  readonly diskHangs: boolean;
  /** Enough others were heard within two heartbeats for the cluster to go on. */
  readonly quorumSeen: boolean;
  /** Voters heard within two heartbeats, including this replica. */
  readonly votersHeard: number;
  /** Primary: commits stand still, and new requests are turned away. */
  readonly commitStalled: boolean;
  /** Primary: the pause between prepares for a voter that can't keep up, in milliseconds. */
  readonly commitPauseMillis: number;
  /** Repair requests that may still be sent to peers. */
  readonly repairSlots: number;
  /** Repair requests that wait for an answer. */
  readonly repairsInFlight: number;
  /** Round trip to a quorum, smoothed, in milliseconds. */
  readonly roundTripMillis: number;
  /** How often each timeout ended; the same object at each call. */
  readonly timeouts: Readonly<Record<TimeoutName, number>>;
  /** Ops above the checkpoint whose prepares are not on this disk. */
  readonly journalDirty: number;
  /** Every op above the checkpoint, up to this one, is on this disk. */
  readonly journalDurableOp: Op;
  /** Of the dirty ones, those whose slot is unreadable. */
  readonly journalFaulty: number;
  /** Blocks of the checkpoint that are not (or not readably) on this disk, as far as is known. */
  readonly blocksMissing: number;
  /** Whole tours of the scrubber since the start. */
  readonly scrubTours: number;
  /** Part of its present tour that is done, 0 to 1. */
  readonly scrubProgress: number;
  /** Bytes that it has read since the start. */
  readonly scrubBytes: number;
  /** What it found to be bad since the start. */
  readonly scrubFindings: number;
}

/**
 * The snapshot of a replica in slot 0 that has read nothing yet, with the usual cache: where tests
 * of others begin, so that a new number is put in here alone.
 */
export const SNAPSHOT_AT_START: ReplicaSnapshot = {
  slot: 0,
  status: 'recovering',
  isPrimary: false,
  view: View(0),
  logView: View(0),
  op: Op(0),
  commitMin: Op(0),
  commitMax: Op(0),
  checkpointOp: Op(0),
  syncing: false,
  unmet: [],
  deniedBy: [],
  clockSynchronized: true,
  pipelineLength: 0,
  queueLength: 0,
  queries: 0,
  queriesForBlocks: 0,
  queriesForRoom: 0,
  claimedBytes: 0,
  limitedBytes: 0,
  limitedBytesMax: 64 * 1024 * 1024,
  cachedBytes: 0,
  sessions: 0,
  diskHangs: false,
  quorumSeen: false,
  votersHeard: 0,
  commitStalled: false,
  commitPauseMillis: 0,
  repairSlots: 0,
  repairsInFlight: 0,
  roundTripMillis: 0,
  timeouts: noneFired(),
  journalDirty: 0,
  journalDurableOp: Op(0),
  journalFaulty: 0,
  blocksMissing: 0,
  scrubTours: 0,
  scrubProgress: 0,
  scrubBytes: 0,
  scrubFindings: 0,
};

/** The numbers that others may look at. */
export function snapshotOf(r: Replica): ReplicaSnapshot {
  const needed = r.status === 'recovering' ? NOTHING_KNOWN : countNeeded(r);
  return {
    slot: r.slot,
    status: statusTold(r),
    isPrimary: isPrimary(r) && !isDenied(r),
    view: r.view,
    logView: r.logView,
    op: r.op,
    commitMin: r.commitMin,
    commitMax: r.commitMax,
    checkpointOp: r.checkpoint.op,
    syncing: r.syncTarget !== null,
    unmet: r.opened ? unmetPeers(r) : [],
    deniedBy: [...r.denials.keys()],
    clockSynchronized: r.clock.synchronized,
    pipelineLength: r.primary.pipeline.length,
    queueLength: r.primary.queue.length,
    queries: r.reads.count,
    queriesForBlocks: r.reads.waiting.filter(({ hold }) => hold !== null).length,
    queriesForRoom: r.reads.waiting.filter(isForRoom).length,
    claimedBytes: r.forest.claimedSize,
    limitedBytes: r.forest.limitedSize,
    limitedBytesMax: r.forest.limitedSizeMax,
    cachedBytes: r.forest.cachedSize,
    sessions: r.sessions.count,
    diskHangs: r.disk.hangs !== null,
    quorumSeen: r.quorumSeen,
    votersHeard: heardCount(r),
    commitStalled: r.primary.commitStalled,
    commitPauseMillis: pauseMicros(r) / 1000,
    repairSlots: r.budget.availableSlots(),
    repairsInFlight: r.budget.inFlightCount(),
    roundTripMillis: (quorumRoundTrip(r) * TICK_MICROS) / 1000,
    timeouts: r.timers.fired(),
    journalDirty: needed.missing,
    journalDurableOp: needed.durableOp,
    journalFaulty: needed.faulty,
    blocksMissing: r.missingBlocks.size + r.repairingBlocks.size,
    scrubTours: r.scrub.tours,
    scrubProgress: r.opened ? scrubProgress(r) : 0,
    scrubBytes: r.scrub.bytes,
    scrubFindings: r.scrub.findings,
  };
}

const NOTHING_KNOWN = { missing: 0, durableOp: Op(0), faulty: 0 };

/** Ops that a restart would replay and that are not (or not readably) on this disk. */
export function countNeeded(r: Replica): {
  readonly missing: number;
  /** All up to this one are. */
  readonly durableOp: Op;
  readonly faulty: number;
} {
  let missing = 0;
  let durableOp = r.checkpoint.op;
  let faulty = 0;
  for (let op = opNext(r.checkpoint.op); op <= r.op; op = opNext(op)) {
    // What is not chained yet may be of a log that was given up.
    const isOfLog = op <= r.commitMin || op >= r.chainOp;
    if (isOfLog && r.journal.isDurable(op)) {
      if (missing === 0) durableOp = op;
      continue;
    }
    missing += 1;
    if (r.journal.isFaulty(op)) faulty += 1;
  }
  return { missing, durableOp, faulty };
}
