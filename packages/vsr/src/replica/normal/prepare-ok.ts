import { assert } from '@kimberlite/store';
import type { Message } from '../../message/message.ts';
import { setAdd, setCount, setHas } from '../../std/bitset.ts';
import type { Op } from '../../std/numbers.ts';
import { isOtherCheckpoint, namesOtherCheckpoint } from '../checkpoint/checkpoint-ids.ts';
import { checkpointAllows, checkpointRequired } from '../checkpoint/window.ts';
import { noteCommitTime } from '../liveness/pacing.ts';
import { isBeingReplaced } from '../members/replacement.ts';
import type { PipelineEntry } from '../primary-state.ts';
import { confirmByAck } from '../reads/read-round.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { isPrimary } from '../role.ts';
import { acknowledge } from './acknowledge.ts';

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
  countAck(r, entry, header.replica);
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
  // What does not count is no sign of life either: a lost file that is back would keep in office a
  // primary that nobody else acknowledges.
  if (isBeingReplaced(r, slot, entry.message.header.op)) return;
  if (slot !== r.slot && !setHas(entry.acks, slot)) r.primary.lastNewAck = r.tick;
  entry.acks = setAdd(entry.acks, slot);
  const { pipeline } = r.primary;
  for (;;) {
    const first = pipeline[0];
    if (first === undefined || setCount(first.acks) < r.quorums.replication) return;
    pipeline.shift();
    noteCommitTime(r, first);
    assert(first.message.header.op === r.commitMax + 1, 'ops commit in order');
    r.commitMax = first.message.header.op;
    r.primary.lastNewAck = r.tick;
    if (r.replicaCount > 1) r.timers.ensure('commitMessage');
    if (pipeline.length === 0) r.timers.stop('prepare');
    else r.timers.start('prepare'); // The oldest waiting prepare is another one now.
  }
}

function pipelineEntry(r: Replica, op: Op): PipelineEntry | null {
  const first = r.primary.pipeline[0];
  if (first === undefined || op < first.message.header.op) return null;
  return r.primary.pipeline[op - first.message.header.op] ?? null;
}
