import { assert } from '@kimberlite/store';
import { batchEntrySize, OPERATION_RECOVER, readBatch, writeBatch } from '../../message/batch.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import { type Message, sealMessage } from '../../message/message.ts';
import { setHas, setSlots } from '../../std/bitset.ts';
import { opNext } from '../../std/numbers.ts';
import { checkpointHoldsBack } from '../checkpoint/checkpoint-pace.ts';
import { checkpointAllows, expectedCheckpointId } from '../checkpoint/window.ts';
import { hearsReplicationQuorum } from '../liveness/heard.ts';
import { isPausing } from '../liveness/pacing.ts';
import { noteReplacement } from '../members/replacement.ts';
import type { PipelineEntry } from '../primary-state.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isPrimary } from '../role.ts';
import { broadcastMessage, sendMessage } from '../send.ts';
import { append } from './append.ts';
import { countOwnCopies } from './prepare-ok.ts';

/**
 * Sum of the reply limits of one op's requests, at most, in bytes: bounds what executing it holds.
 */
const BATCH_REPLIES_MAX = 4 * 1024 * 1024;

/**
 * Sum of the keys and rows that one op's requests look at, at most, of more than one request: an op
 * executes in one go, when nothing else is done.
 */
const BATCH_LOOKS_MAX = 16_384;

/** A prepare is large above this part of the largest message. */
const LARGE_SHARE = 4;

/**
 * Primary: turns waiting requests into ops while the pipeline has room. No artificial delay, unless
 * a voter can't keep up, or the work of a checkpoint.
 */
export function prepareQueued(r: Replica): void {
  const { primary } = r;
  while (
    isPrimary(r) &&
    primary.abdicated === null &&
    primary.queue.length > 0 &&
    hearsReplicationQuorum(r) &&
    primary.pipeline.length < r.config.pipelineMax &&
    !isPausing(r) &&
    !checkpointHoldsBack(r) &&
    r.op - r.commitMin < 4 * r.config.pipelineMax &&
    r.op + 1 <= r.checkpoint.op + r.config.walSlots &&
    checkpointAllows(r, opNext(r.op))
  ) {
    prepareBatch(r, takeBatch(r));
  }
}

/**
 * As many waiting requests as fit in one message and in the bounds of what they take. A `recover`
 * comes first in its batch, so that of two the newer is the one of the later op.
 */
function takeBatch(r: Replica): Message<'request'>[] {
  const { primary } = r;
  const batch: Message<'request'>[] = [];
  let size = HEADER_SIZE;
  let replies = 0;
  let looks = 0;
  for (const { message, ...weight } of primary.queue) {
    size += batchEntrySize(message.body.length);
    replies += weight.replyLimit;
    looks += weight.looks;
    const fits =
      size <= r.config.messageSizeMax && replies <= BATCH_REPLIES_MAX && looks <= BATCH_LOOKS_MAX;
    const begins = message.header.operation === OPERATION_RECOVER;
    if ((!fits || begins) && batch.length > 0) break;
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
  primary.pipeline.push({ message, acks: 0, sentAt: r.tick, preparedAt: r.monotonic });
  r.pacing.preparedAt = r.monotonic;
  noteReplacement(r, message);
  if (primary.pipeline.length === 1) primary.lastNewAck = r.tick;
  trace(r, { kind: 'prepared', op, checksum: message.header.checksum, count: batch.length });
  // Peers first: their disks then work at the same time as this one's.
  broadcastMessage(r, message);
  append(r, message);
  r.timers.ensure('prepare');
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
