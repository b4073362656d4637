import { type Op, opNext, type View } from '../std/numbers.ts';
import { TICK_MICROS } from '../std/tick.ts';
import { heardCount } from './heard.ts';
import { isDenied, unmetPeers } from './introduce.ts';
import { pauseMicros } from './pacing.ts';
import { isForRoom } from './query-blocks.ts';
import type { Replica } from './replica.ts';
import { isPrimary } from './role.ts';
import { quorumRoundTrip } from './round-trip.ts';
import { scrubProgress } from './scrub.ts';
import type { Status } from './status.ts';
import type { TimerName } from './timeout-table.ts';

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
  readonly timeouts: Readonly<Record<TimerName, number>>;
  /** Ops above the checkpoint whose prepares are not on this disk. */
  readonly journalDirty: number;
  /** Of those, the ones whose slot is unreadable. */
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

/** The numbers that others may look at. */
export function snapshotOf(r: Replica): ReplicaSnapshot {
  const needed = r.status === 'recovering' ? { missing: 0, faulty: 0 } : countNeeded(r);
  return {
    slot: r.slot,
    // Denied, it waits for what all others say of its file, as when it was new.
    status: isDenied(r) && r.status !== 'recovering' ? 'introducing' : r.status,
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
    commitStalled: r.primary.stalled,
    commitPauseMillis: pauseMicros(r) / 1000,
    repairSlots: r.budget.availableSlots(),
    repairsInFlight: r.budget.inFlightCount(),
    roundTripMillis: (quorumRoundTrip(r) * TICK_MICROS) / 1000,
    timeouts: r.timers.fired(),
    journalDirty: needed.missing,
    journalFaulty: needed.faulty,
    blocksMissing: r.missingBlocks.size + r.repairingBlocks.size,
    scrubTours: r.scrub.tours,
    scrubProgress: r.opened ? scrubProgress(r) : 0,
    scrubBytes: r.scrub.bytes,
    scrubFindings: r.scrub.findings,
  };
}

/** Ops that a restart would replay and that are not (or not readably) on this disk. */
export function countNeeded(r: Replica): { readonly missing: number; readonly faulty: number } {
  let missing = 0;
  let faulty = 0;
  for (let op = opNext(r.checkpoint.op); op <= r.op; op = opNext(op)) {
    if (r.journal.isDurable(op)) continue;
    missing += 1;
    if (r.journal.isFaulty(op)) faulty += 1;
  }
  return { missing, faulty };
}
