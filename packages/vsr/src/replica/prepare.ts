import { assert } from '@kimberlite/store';
import { primarySlot } from '../membership.ts';
import { batchEntrySize, readBatch, writeBatch } from '../message/batch.ts';
import { logHeaderOf } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import { type Message, type PrepareMessage, sealMessage } from '../message/message.ts';
import { setAdd, setCount, setHas, setSlots } from '../std/bitset.ts';
import { type Op, opMax, opNext } from '../std/numbers.ts';
import { acknowledge } from './acknowledge.ts';
import { askForView } from './ask-view.ts';
import { isOtherCheckpoint, namesOtherCheckpoint } from './checkpoint-ids.ts';
import { hearsReplicationQuorum } from './heard.ts';
import { heardPrimary } from './heartbeat.ts';
import { confirmByAck } from './read-round.ts';
import { onNextArrived, onRepairPrepare } from './repair.ts';
import { isBeingReplaced, noteReplacement } from './replacement.ts';
import type { PipelineEntry, Replica } from './replica.ts';
import { broadcastMessage, drop, fatal, isBackup, isPrimary, sendMessage, trace } from './send.ts';
import type { DropReason } from './trace.ts';
import { checkpointAllows, checkpointRequired, expectedCheckpointId } from './window.ts';

/**
 * Sum of the reply limits of one op's requests, at most, in bytes: bounds what executing it holds.
 */
const BATCH_REPLIES_MAX = 4 * 1024 * 1024;

/** A prepare is large above this part of the largest message. */
const LARGE_SHARE = 4;

/** Primary: turns waiting requests into ops while the pipeline has room. No artificial delay. */
export function prepareQueued(r: Replica): void {
  const { primary } = r;
  while (
    isPrimary(r) &&
    primary.abdicated === null &&
    primary.queue.length > 0 &&
    hearsReplicationQuorum(r) &&
    primary.pipeline.length < r.config.pipelineMax &&
    r.op - r.commitMin < 4 * r.config.pipelineMax &&
    r.op + 1 <= r.checkpoint.op + r.config.walSlots &&
    checkpointAllows(r, opNext(r.op))
  ) {
    prepareBatch(r, takeBatch(r));
  }
}

/** As many waiting requests as fit in one message and in the bound of their replies. */
function takeBatch(r: Replica): Message<'request'>[] {
  const { primary } = r;
  const batch: Message<'request'>[] = [];
  let size = HEADER_SIZE;
  let replies = 0;
  for (const { message, replyLimit } of primary.queue) {
    size += batchEntrySize(message.body.length);
    replies += replyLimit;
    const fits = size <= r.config.messageSizeMax && replies <= BATCH_REPLIES_MAX;
    if (!fits && batch.length > 0) break;
    assert(size <= r.config.messageSizeMax, 'one request always fits');
    batch.push(message);
  }
  primary.queue.splice(0, batch.length);
  for (const { bytes } of batch) primary.queueBytes -= bytes.length;
  return batch;
}

/** Gives a batch the next op. op = head + 1 always: no gaps, no reordering. */
function prepareBatch(r: Replica, batch: readonly Message<'request'>[]): void {
  const { primary } = r;
  const op = opNext(r.op);
  const head = r.journal.header(r.op);
  assert(head !== null, 'the head is known');
  const size = batch.reduce((sum, { body }) => sum + batchEntrySize(body.length), HEADER_SIZE);
  const bytes = new Uint8Array(size);
  writeBatch(bytes, HEADER_SIZE, batch);
  const checkpointId = expectedCheckpointId(r, op);
  assert(checkpointId !== null, 'a primary knows the checkpoint that its op needs');
  const timestamp = Math.max(primary.timestampNext, r.clock.now(r.monotonic, r.wall));
  primary.timestampNext = timestamp + batch.length;
  const message = sealMessage(
    'prepare',
    {
      cluster: r.cluster,
      replica: r.slot,
      view: r.view,
      release: r.release,
      incarnation: 0n,
      parent: head.header.checksum,
      checkpointId,
      op,
      commit: r.commitMax,
      timestamp,
      count: batch.length,
    },
    bytes,
    r.checksum,
  );
  r.timers.stop('commitMessage'); // This prepare carries the commit number.
  primary.pipeline.push({ message, acks: 0, sentAt: r.tick });
  noteReplacement(r, message);
  if (primary.pipeline.length === 1) primary.lastNewAck = r.tick;
  trace(r, { kind: 'prepared', op, checksum: message.header.checksum, count: batch.length });
  // Peers first: their disks then work at the same time as this one's.
  broadcastMessage(r, message);
  append(r, message);
  r.timers.ensure('prepare');
}

/** Makes the prepare the new head and puts it on its way to disk. */
function append(r: Replica, message: PrepareMessage): void {
  const { header } = message;
  assert(header.op === r.op + 1, 'the log grows by one');
  const occupant = r.journal.occupant(header.op);
  assert(
    occupant === null || occupant.header.op <= r.checkpoint.op || occupant.header.op === header.op,
    'a slot is used again only when its op is under a durable checkpoint',
  );
  if (occupant !== null && occupant.header.op < header.op)
    trace(r, { kind: 'wal_wrapped', op: header.op });
  r.journal.setHeader(logHeaderOf(message));
  r.op = header.op;
  if (r.journal.isDurable(header.op)) {
    // The very same prepare was on disk already, from before a restart or a view change.
    r.journal.cacheBody(message);
    onPrepareDurable(r, header.op);
  } else if (!r.journal.isWriting(header.op, header.checksum)) {
    r.journal.write(message);
  } else {
    r.journal.cacheBody(message);
  }
}

/** A prepare from the primary of its view, or an old one that answers a repair. */
export function onPrepare(r: Replica, message: PrepareMessage): void {
  const { header } = message;
  if (header.view > r.view) {
    // That view has begun without us: its log must be fetched first. To append to the old log would
    // bring back what the new primary dropped (rule no-view-by-prepare).
    askForView(r, header.view);
    return;
  }
  if (header.view < r.view || header.op <= r.op || !isBackup(r)) {
    onRepairPrepare(r, message);
    return;
  }
  if (header.replica !== primarySlot(r.view)) {
    drop(r, message, 'not_from_primary');
    return;
  }
  if (header.commit >= header.op) {
    // A prepare is made before it commits: believed, it would commit itself and what follows.
    drop(r, message, 'invalid_metadata');
    return;
  }
  heardPrimary(r);
  r.primaryOp = opMax(r.primaryOp, header.op);
  onNextArrived(r, header.op);
  if (header.op > r.op + 1) {
    if (header.op <= r.op + 2 * r.config.pipelineMax) r.buffer.set(header.op, message);
    else drop(r, message, 'gap');
    r.timers.ensure('repair');
    return;
  }
  appendNext(r, message);
}

/** Backup: the next prepares of this view, if they came before. */
export function drainBuffer(r: Replica): void {
  for (;;) {
    const next = r.buffer.get(r.op + 1);
    if (next === undefined) return;
    r.buffer.delete(r.op + 1);
    if (next.header.view !== r.view || !appendNext(r, next)) return;
  }
}

/** Appends op = head + 1 whose parent is the head; returns whether it did. */
function appendNext(r: Replica, message: PrepareMessage): boolean {
  const { header } = message;
  const head = r.journal.header(r.op);
  assert(head !== null && header.op === r.op + 1, 'the head is known');
  const refusal = appendGate(r, message);
  if (refusal !== null) {
    drop(r, message, refusal);
    return false;
  }
  if (header.parent !== head.header.checksum) {
    drop(r, message, 'chain_break');
    // The primary of this view follows another op than the one that this replica has executed.
    if (r.op <= r.commitMin) fatal(r, 'diverged');
    return false;
  }
  if (namesOtherCheckpoint(r, header)) {
    // The primary's state after that checkpoint is not ours: one of us two has diverged, and who
    // it is the others know.
    drop(r, message, 'wrong_checkpoint');
    return false;
  }
  r.commitMax = opMax(r.commitMax, header.commit);
  r.primaryCommit = opMax(r.primaryCommit, header.commit);
  append(r, message);
  return true;
}

function appendGate(r: Replica, { header }: PrepareMessage): DropReason | null {
  if (header.op > r.checkpoint.op + r.config.walSlots) return 'window';
  // A disk that cannot keep up must not make memory grow; the op is repaired later.
  if (r.journal.writesPending >= 4 * r.config.pipelineMax) return 'journal_full';
  return null;
}

/** Body and header of `op` are on this disk. */
export function onPrepareDurable(r: Replica, op: Op): void {
  if (isPrimary(r)) {
    const entry = pipelineEntry(r, op);
    // Only now: counted before its own write is durable, a crash could leave one copy too few.
    if (entry !== null) countOwnCopy(r, entry);
  } else {
    acknowledge(r, op);
  }
  if (op + 2 * r.config.pipelineMax < r.op) r.journal.dropBody(op);
}

function pipelineEntry(r: Replica, op: Op): PipelineEntry | null {
  const first = r.primary.pipeline[0];
  if (first === undefined || op < first.message.header.op) return null;
  return r.primary.pipeline[op - first.message.header.op] ?? null;
}

/** Primary: a backup has an op on disk. */
export function onPrepareOk(r: Replica, message: Message<'prepareOk'>): void {
  const { header } = message;
  if (!isPrimary(r) || header.view !== r.view) {
    drop(r, message, 'stale_view');
    return;
  }
  if (header.durable !== 1) return;
  if (isOtherCheckpoint(r, { op: header.checkpointOp, id: header.checkpointId })) {
    drop(r, message, 'wrong_checkpoint');
    return;
  }
  if (header.checkpointOp < (checkpointRequired(r, header.op) ?? 0)) {
    // Nobody acknowledges above the deadline of a checkpoint that it does not have.
    drop(r, message, 'invalid_metadata');
    return;
  }
  confirmByAck(r, { slot: header.replica, op: header.op });
  const entry = pipelineEntry(r, header.op);
  if (entry === null) return; // Committed already.
  if (entry.message.header.checksum !== header.prepareChecksum) {
    drop(r, message, 'wrong_checksum');
    return;
  }
  if (!setHas(entry.acks, header.replica)) r.primary.lastNewAck = r.tick;
  countAck(r, entry, header.replica);
}

/**
 * Primary: one's own copies are votes like any other. They wait for their write, and for the
 * checkpoint that the op needs, which a new primary may still be writing; what rests on another
 * state gets none.
 */
export function countOwnCopies(r: Replica): void {
  if (!isPrimary(r)) return;
  for (const entry of [...r.primary.pipeline]) countOwnCopy(r, entry);
}

function countOwnCopy(r: Replica, entry: PipelineEntry): void {
  const { header } = entry.message;
  if (!r.journal.isDurable(header.op) || !checkpointAllows(r, header.op)) return;
  if (!namesOtherCheckpoint(r, header)) countAck(r, entry, r.slot);
}

/** Counts who has it on disk and commits, in order, what has its quorum. */
function countAck(r: Replica, entry: PipelineEntry, slot: number): void {
  if (isBeingReplaced(r, slot, entry.message.header.op)) return;
  entry.acks = setAdd(entry.acks, slot);
  const { pipeline } = r.primary;
  for (;;) {
    const first = pipeline[0];
    if (first === undefined || setCount(first.acks) < r.quorums.replication) return;
    pipeline.shift();
    assert(first.message.header.op === r.commitMax + 1, 'ops commit in order');
    r.commitMax = first.message.header.op;
    if (r.replicaCount > 1) r.timers.ensure('commitMessage');
    if (pipeline.length === 0) r.timers.stop('prepare');
    else r.timers.start('prepare'); // The oldest waiting prepare is another one now.
  }
}

/** Primary: sends prepares without a quorum again, to those who have not acknowledged. */
export function onPrepareTimeout(r: Replica): void {
  if (!isPrimary(r) || r.primary.pipeline.length === 0) return;
  r.timers.start('prepare');
  const peers = setSlots(r.voters).filter((slot) => slot !== r.slot);
  for (const entry of r.primary.pipeline) {
    const wait = ticksToWait(r, entry);
    if (wait > 0) {
      r.timers.shorten('prepare', wait);
      continue;
    }
    if (isLarge(r, entry)) r.timers.count('prepareLarge');
    entry.sentAt = r.tick;
    for (const slot of peers) if (!setHas(entry.acks, slot)) sendMessage(r, slot, entry.message);
  }
}

/**
 * Ticks until its acknowledgement is overdue. Sent again sooner, a large prepare would only take
 * from a slow link what its first copy needs, again and again.
 */
function ticksToWait(r: Replica, entry: PipelineEntry): number {
  const due = entry.sentAt + r.timers.ticks(isLarge(r, entry) ? 'prepareLarge' : 'prepare');
  // Of small ones the oldest is sent at once: its time is up, or the timer would not have fired.
  const isOldest = entry === r.primary.pipeline[0] && !isLarge(r, entry);
  return isOldest ? 0 : due - r.tick;
}

/** Above 64 KiB, where messages have their usual limit. */
function isLarge(r: Replica, { message }: PipelineEntry): boolean {
  return message.bytes.length > r.config.messageSizeMax / LARGE_SHARE;
}

/**
 * Primary, in a new view: offers what earlier views left uncommitted, and counts its own copies.
 */
export function sendPipeline(r: Replica): void {
  for (const entry of [...r.primary.pipeline]) {
    broadcastMessage(r, entry.message);
  }
  if (r.primary.pipeline.length === 0) return;
  r.timers.start('prepare');
  countOwnCopies(r);
}

/** Primary, in a new view: rebuilds what it knows of requests in flight from its log. */
export function indexInFlight(r: Replica): void {
  r.primary.inFlight.clear();
  for (const { message } of r.primary.pipeline) {
    noteReplacement(r, message);
    for (const entry of readBatch(message.body, message.header.count) ?? []) {
      r.primary.inFlight.set(entry.client, entry.requestChecksum);
    }
  }
}
