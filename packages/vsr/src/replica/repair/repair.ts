import { assert } from '@kimberlite/store';
import { decodeHeaderList, type LogHeader } from '../../message/header-list.ts';
import type { Message, PrepareMessage } from '../../message/message.ts';
import { Op, opMax, opMin, opNext, opPrevious, ZERO_CHECKSUM } from '../../std/numbers.ts';
import { provenCheckpoint } from '../checkpoint/checkpoint.ts';
import { isStuck } from '../liveness/stuck.ts';
import { acknowledge } from '../normal/acknowledge.ts';
import type { Replica } from '../replica.ts';
import { drop, trace } from '../report.ts';
import { isBackup, primaryOfView } from '../role.ts';
import { broadcast, send } from '../send.ts';
import { askEveryone } from '../view-change/ask-view.ts';
import { extendChain } from '../view-change/chain.ts';
import { clearUnusedSlots } from '../view-change/clear-slots.ts';
import { fetchWaitsForDisk, requestMissingBlocks } from './block-repair.ts';
import { isFarBehind } from './far-behind.ts';
import type { RepairPriority } from './repair-budget.ts';

/** Requests for bodies in one round, at most. */
const BODIES_PER_ROUND = 8;
/** Ticks before everyone is asked again for the same body. */
const ASK_AGAIN_TICKS = 15;

/**
 * Looks for what is missing and asks for it: what commits wait for first, in the order in which
 * they need it (headers by chain, bodies by checksum, the next ops), then what only makes copies
 * whole.
 */
export function onRepairTimeout(r: Replica): void {
  r.timers.start('repair');
  for (const { large } of r.budget.expireStaleRequests(r.tick)) {
    r.timers.count(large ? 'syncExpiry' : 'repairExpiry');
  }
  requestMissingBlocks(r, 'urgent');
  if (r.status === 'view_change' && !r.viewChange.repairing) requestRottenBodies(r);
  if (r.status !== 'normal' && !r.viewChange.repairing) return;
  noteProgress(r);
  clearUnusedSlots(r);
  requestHeaders(r);
  requestBodies(r, 'urgent');
  requestNext(r);
  requestBodies(r, 'background');
  requestMissingBlocks(r, 'background');
}

/**
 * Remembers since when commits wait for what repair must bring, and asks for a whole checkpoint.
 */
function noteProgress(r: Replica): void {
  const waiting = r.restored
    ? r.commitMin < opMin(r.commitMax, opMax(r.op, r.primaryCommit))
    : r.missingBlocks.size > 0 && !fetchWaitsForDisk(r);
  if (!waiting || r.stuckAt !== r.commitMin) r.stuckSince = null;
  r.stuckAt = r.commitMin;
  if (waiting && r.stuckSince === null) r.stuckSince = r.tick;
  if (isStuck(r) && isBackup(r) && !r.timers.isRunning('requestStartView')) askEveryone(r);
}

/** The gap between the checkpoint and the lowest chained header, from the top down. */
function requestHeaders(r: Replica): void {
  const first = opNext(r.checkpoint.op);
  if (r.chainOp <= first) return;
  const opMaxWanted = opPrevious(r.chainOp);
  const fields = { opMin: first, opMax: opMaxWanted };
  if (r.viewChange.repairing) {
    broadcast(r, 'requestHeaders', fields);
    return;
  }
  const key = `headers:${opMaxWanted}`;
  if (r.budget.isInFlight(key)) return;
  const peer = r.budget.selectReplica(r.prng);
  if (peer === null) return;
  const range = { opStart: first, opEnd: r.chainOp };
  r.budget.recordRepairSent(peer, { what: 'headers', key, ...range }, r.tick);
  send(r, peer, 'requestHeaders', fields);
}

/**
 * Known headers whose bodies are not here. What is executed is repaired too, down to the checkpoint
 * that others can be given: who is still above that one needs the ops, and only the primary may say
 * which they are. What rots below it is needed by nobody: its slot is cleared (clear-slots.ts).
 */
function requestBodies(r: Replica, priority: RepairPriority): void {
  if (r.journal.dirtyCount === 0) return;
  const first = opMax(
    opNext(provenCheckpoint(r).op),
    r.chainOp <= opNext(r.commitMin) ? Op(0) : r.chainOp,
  );
  const from = priority === 'urgent' ? opMax(first, opNext(r.commitMin)) : first;
  const to = priority === 'urgent' ? r.op : opMin(r.commitMin, r.op);
  let asked = 0;
  for (let op = from; op <= to && asked < BODIES_PER_ROUND; op = opNext(op)) {
    if (!isBodyMissing(r, op)) continue;
    if (r.viewChange.repairing) {
      if (wasAsked(r, op)) continue;
      const entry = r.journal.header(op);
      assert(entry !== null, 'a missing body has a header');
      r.bodiesAskedAt.set(op, r.tick);
      broadcast(r, 'requestPrepare', { prepareChecksum: entry.header.checksum, op, more: 0 });
    } else if (!r.budget.isCovered('prepares', op)) {
      const last = requestBodiesFrom(r, { op, to, priority });
      if (last === null) return;
      op = last;
    } else {
      continue;
    }
    asked += 1;
  }
}

/** Whether a peer must be asked for the body; one that is still in memory is written instead. */
function isBodyMissing(r: Replica, op: Op): boolean {
  const entry = r.journal.header(op);
  if (entry !== null && r.journal.isDoubtful(op)) {
    r.journal.confirm(op);
    trace(r, { kind: 'repaired', what: 'redundant_header', op });
  }
  if (entry === null || r.journal.isReadable(op)) return false;
  if (r.journal.isWriting(op, entry.header.checksum)) return false;
  const body = r.journal.body(op);
  if (body === null) return true;
  r.journal.write(body);
  return false;
}

/**
 * While the view changes: bodies that rotted in the log that this replica speaks for, above what it
 * has executed. The choice of the new log waits for each that no do_view_change has, and the last
 * copy may be with one that doubts its head, so sends none, and yet can read it. Only what
 * was on this disk is written there again: a body that never was stays a denial.
 */
function requestRottenBodies(r: Replica): void {
  const first = opMax(r.chainOp, opNext(r.commitMin));
  for (let op = first; op <= r.op; op = opNext(op)) {
    const entry = r.journal.header(op);
    if (entry === null || !r.journal.isFaulty(op) || r.journal.isReadable(op)) continue;
    // A copy that is doubted stays in doubt until the log is chosen.
    if (r.journal.isDoubtful(op) || r.journal.isWriting(op, entry.header.checksum)) continue;
    if (wasAsked(r, op)) continue;
    r.bodiesAskedAt.set(op, r.tick);
    broadcast(r, 'requestPrepare', { prepareChecksum: entry.header.checksum, op, more: 0 });
  }
}

/** Whether everyone was asked for this body a moment ago. */
function wasAsked(r: Replica, op: Op): boolean {
  const since = r.bodiesAskedAt.get(op);
  return since !== undefined && r.tick - since < ASK_AGAIN_TICKS;
}

/**
 * Asks one peer for a body, and where the gap is wide for those that follow, in the same request.
 * Returns the last op asked for, or null when the budget is used up.
 */
function requestBodiesFrom(
  r: Replica,
  wanted: { readonly op: Op; readonly to: Op; readonly priority: RepairPriority },
): Op | null {
  const peer = r.budget.selectReplica(r.prng, wanted.priority);
  if (peer === null) return null;
  const width = isFarBehind(r, opMax(r.op, r.primaryOp)) ? r.config.pipelineMax : 1;
  let last = wanted.op;
  while (last < wanted.to && last - wanted.op + 1 < width && isBodyMissing(r, opNext(last))) {
    last = opNext(last);
  }
  const first = r.journal.header(wanted.op);
  const end = r.journal.header(last);
  assert(first !== null && end !== null, 'a missing body has a header');
  // Done when the last one comes: peers send a range in order.
  const key = bodyKey(end.header.checksum);
  const range = { opStart: wanted.op, opEnd: last + 1 };
  r.budget.recordRepairSent(peer, { what: 'prepares', key, ...range }, r.tick);
  send(r, peer, 'requestPrepare', {
    prepareChecksum: first.header.checksum,
    op: wanted.op,
    more: last - wanted.op,
  });
  return last;
}

function bodyKey(checksum: LogHeader['header']['checksum']): string {
  return `prepare:${checksum}`;
}

/**
 * Backup behind its primary within the view: asks it for the next ops. They are appended like fresh
 * ones, in order and by parent, so nothing but the primary's own log can come in.
 */
function requestNext(r: Replica): void {
  if (!isBackup(r) || r.primaryOp <= r.op) return;
  if (r.primaryOp >= r.op + 1 + r.config.walSlots) {
    // The primary's ring no longer holds the next op.
    if (!r.timers.isRunning('requestStartView')) askEveryone(r);
    return;
  }
  const primary = primaryOfView(r);
  const wide = isFarBehind(r, r.primaryOp);
  const width = Math.max(1, wide ? r.config.pipelineMax : r.config.pipelineMax / 2);
  const last = opMin(
    opMin(r.primaryOp, Op(r.op + 2 * r.config.pipelineMax)),
    Op(r.checkpoint.op + r.config.walSlots),
  );
  for (let op = opNext(r.op); op <= last && r.budget.hasRoomAt(primary); op = opNext(op)) {
    if (!isNextMissing(r, op)) continue;
    const first = op;
    while (op < last && op - first + 1 < width && isNextMissing(r, opNext(op))) op = opNext(op);
    const range = { key: nextKey(op), opStart: first, opEnd: op + 1 };
    r.budget.recordRepairSent(primary, { what: 'next', ...range }, r.tick);
    r.nextAskedTo = opMax(r.nextAskedTo, op);
    const fields = { prepareChecksum: ZERO_CHECKSUM, op: first, more: op - first };
    send(r, primary, 'requestPrepare', fields);
  }
}

function isNextMissing(r: Replica, op: Op): boolean {
  return !r.buffer.has(op) && !r.budget.isCovered('next', op);
}

function nextKey(last: Op): string {
  return `next:${last}`;
}

/** Backup: an op of this view came from its primary, perhaps the last one of a range asked for. */
export function onNextArrived(r: Replica, op: Op): void {
  if (op > r.nextAskedTo) return;
  const key = nextKey(op);
  if (!r.budget.isInFlight(key)) return;
  r.budget.recordRepairCompleted(key, r.tick);
  r.timers.hurry('repair');
}

/** A prepare that is not the next of this view: an answer to a repair, or one sent again. */
export function onRepairPrepare(r: Replica, message: PrepareMessage): void {
  const { op, checksum } = message.header;
  r.budget.recordRepairCompleted(bodyKey(checksum), r.tick);
  if (r.status === 'recovering_head') return;
  const decided = op >= r.chainOp || op <= r.commitMin;
  if (op > r.op || !decided || !r.journal.has(op, checksum)) {
    // Repair fills in behind the head, and only what was decided there: a replayed prepare of a
    // dropped op could otherwise attach itself to the log again.
    drop(r, message, 'not_wanted');
    return;
  }
  if (r.journal.isDurable(op)) {
    acknowledge(r, op);
    return;
  }
  if (r.journal.isWriting(op, checksum)) {
    drop(r, message, 'not_wanted');
    return;
  }
  if (r.journal.writesPending >= 8 * r.config.pipelineMax) return;
  trace(r, { kind: 'repaired', what: 'prepare', op });
  if (r.journal.isReadable(op)) r.journal.cacheBody(message);
  else r.journal.write(message);
  if (r.viewChange.repairing) r.timers.hurry('repair');
  else r.timers.ensure('repair');
}

/** Headers from a peer: taken only where the chain from the head asks for exactly them. */
export function onHeaders(r: Replica, message: Message<'headers'>): void {
  if (r.status !== 'normal' && !r.viewChange.repairing) return;
  const headers = decodeHeaderList(message.body, r.checksum);
  if (headers === null) {
    drop(r, message, 'invalid_metadata');
    return;
  }
  for (const entry of headers) {
    if (entry === null || entry.header.op !== r.chainOp - 1) continue;
    const above = r.journal.header(r.chainOp);
    if (above === null || above.header.parent !== entry.header.checksum) continue;
    if (entry.header.op <= r.checkpoint.op) return;
    r.journal.setHeader(entry);
    trace(r, { kind: 'repaired', what: 'header', op: entry.header.op });
    extendChain(r);
  }
  r.budget.recordRepairCompleted(`headers:${headers[0]?.header.op ?? 0}`, r.tick);
  r.timers.hurry('repair');
}
