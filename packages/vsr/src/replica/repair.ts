import { decodeHeaderList, encodeHeaderList, type LogHeader } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { Message, PrepareMessage } from '../message/message.ts';
import { Op, opMax, opMin, opNext, opPrevious, ZERO_CHECKSUM } from '../std/numbers.ts';
import { acknowledge } from './acknowledge.ts';
import { askEveryone } from './ask-view.ts';
import { extendChain } from './chain.ts';
import { provenCheckpoint } from './checkpoint.ts';
import { clearUnusedSlots } from './clear-slots.ts';
import type { Replica } from './replica.ts';
import { requestMissingBlocks } from './restore.ts';
import {
  broadcast,
  drop,
  isBackup,
  isPrimary,
  primaryOfView,
  SERVING_MAX,
  send,
  sendMessage,
  trace,
} from './send.ts';
import { isStuck } from './stuck.ts';
import { readPrepare } from './wal-read.ts';

/** Bodies asked for in one round. */
const BODIES_PER_ROUND = 8;
/** Ticks before the same peers are asked again for the same body. */
const ASK_AGAIN_TICKS = 15;

/** Looks for what is missing and asks for it: headers by chain, then bodies by checksum, blocks. */
export function onRepairTimeout(r: Replica): void {
  r.timers.start('repair');
  r.budget.expireStaleRequests(r.tick);
  requestMissingBlocks(r);
  if (r.status !== 'normal' && !r.viewChange.repairing) return;
  noteProgress(r);
  clearUnusedSlots(r);
  requestHeaders(r);
  requestBodies(r);
  requestNext(r);
}

/**
 * Remembers since when commits wait for what repair must bring, and asks for a whole checkpoint.
 */
function noteProgress(r: Replica): void {
  const waiting = r.restored
    ? r.commitMin < opMin(r.commitMax, opMax(r.op, r.primaryCommit))
    : r.missingBlocks.size > 0;
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
  const request = `headers:${opMaxWanted}`;
  if (r.budget.isInFlight(request)) return;
  const peer = r.budget.selectReplica(r.prng);
  if (peer === null) return;
  r.budget.recordRepairSent(peer, request, r.tick);
  send(r, peer, 'requestHeaders', fields);
}

/**
 * Known headers whose bodies are not here. What is executed is repaired too, down to the checkpoint
 * that others can be given: who is still above that one needs the ops, and only the primary may say
 * which they are. What rots below it is needed by nobody: its slot is cleared (clear-slots.ts).
 */
function requestBodies(r: Replica): void {
  if (r.journal.dirtyCount === 0) return;
  const first = opMax(
    opNext(provenCheckpoint(r).op),
    r.chainOp <= opNext(r.commitMin) ? Op(0) : r.chainOp,
  );
  let asked = 0;
  for (let op = first; op <= r.op && asked < BODIES_PER_ROUND; op = opNext(op)) {
    const entry = r.journal.header(op);
    if (entry !== null && r.journal.isDoubtful(op)) r.journal.confirm(op);
    if (entry === null || r.journal.isReadable(op)) continue;
    const { checksum } = entry.header;
    if (r.journal.isWriting(op, checksum)) continue;
    const body = r.journal.body(op);
    if (body !== null) {
      r.journal.write(body);
      continue;
    }
    if (r.viewChange.repairing && wasAsked(r, r.bodiesAskedAt, op)) continue;
    asked += 1;
    if (r.viewChange.repairing) {
      r.bodiesAskedAt.set(op, r.tick);
      broadcast(r, 'requestPrepare', { prepareChecksum: checksum, op });
    } else if (!requestBody(r, { op, checksum })) {
      return;
    }
  }
}

function wasAsked(r: Replica, askedAt: ReadonlyMap<number, number>, op: Op): boolean {
  const since = askedAt.get(op);
  return since !== undefined && r.tick - since < ASK_AGAIN_TICKS;
}

function requestBody(
  r: Replica,
  wanted: { readonly op: Op; readonly checksum: Parameters<typeof bodyKey>[0] },
): boolean {
  const request = bodyKey(wanted.checksum);
  if (r.budget.isInFlight(request)) return true;
  const peer = r.budget.selectReplica(r.prng);
  if (peer === null) return false;
  r.budget.recordRepairSent(peer, request, r.tick);
  send(r, peer, 'requestPrepare', { prepareChecksum: wanted.checksum, op: wanted.op });
  return true;
}

function bodyKey(checksum: LogHeader['header']['checksum']): string {
  return `prepare:${checksum}`;
}

/**
 * Backup behind its primary within the view: asks it for the next ops. They are appended like fresh
 * ones, in order and by parent, so nothing but the primary's own log can come in.
 */
function requestNext(r: Replica): void {
  if (!isBackup(r)) return;
  if (r.primaryOp <= r.op) {
    r.nextAskedAt.clear();
    return;
  }
  if (r.primaryOp >= r.op + 1 + r.config.walSlots) {
    // The primary's ring no longer holds the next op.
    if (!r.timers.isRunning('requestStartView')) askEveryone(r);
    return;
  }
  for (const op of r.nextAskedAt.keys()) if (op <= r.op) r.nextAskedAt.delete(op);
  const last = opMin(r.primaryOp, Op(r.op + 2 * r.config.pipelineMax));
  let asked = 0;
  for (let op = opNext(r.op); op <= last && asked < r.config.pipelineMax; op = opNext(op)) {
    if (r.buffer.has(op) || op > r.checkpoint.op + r.config.walSlots) continue;
    if (wasAsked(r, r.nextAskedAt, op)) continue;
    asked += 1;
    r.nextAskedAt.set(op, r.tick);
    send(r, primaryOfView(r), 'requestPrepare', { prepareChecksum: ZERO_CHECKSUM, op });
  }
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
  if (r.journal.isWriting(op, checksum)) return;
  if (r.journal.writesPending >= 8 * r.config.pipelineMax) return;
  trace(r, { kind: 'repaired', what: 'prepare', op });
  if (r.journal.isReadable(op)) r.journal.cacheBody(message);
  else r.journal.write(message);
  if (r.viewChange.repairing) r.timers.hurry('repair');
  else r.timers.ensure('repair');
}

/** Headers that a peer lacks, from the top down. */
export function onRequestHeaders(r: Replica, message: Message<'requestHeaders'>): void {
  const { header } = message;
  if (header.opMin > header.opMax) {
    drop(r, message, 'invalid_repair_range');
    return;
  }
  const most = Math.floor((r.config.messageSizeMax - HEADER_SIZE) / HEADER_SIZE);
  const headers: LogHeader[] = [];
  for (let op = opMin(header.opMax, r.op); op >= header.opMin && headers.length < most; ) {
    const entry = r.journal.header(op);
    if (entry === null) break;
    headers.push(entry);
    if (op === 0) break;
    op = opPrevious(op);
  }
  if (headers.length > 0) send(r, header.replica, 'headers', {}, encodeHeaderList(headers));
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

/** A peer lacks a body: sent from memory or disk; what is not here is not answered. */
export function onRequestPrepare(r: Replica, message: Message<'requestPrepare'>): void {
  const { header } = message;
  const { op } = header;
  const entry = r.journal.header(op);
  if (entry === null || op === 0) return;
  if (header.prepareChecksum === ZERO_CHECKSUM) {
    // "The op of your view's log": only its primary may say, and only while it leads.
    if (!isPrimary(r) || header.view !== r.view) return;
  } else if (entry.header.checksum !== header.prepareChecksum) {
    return;
  }
  const body = r.journal.body(op);
  if (body !== null) {
    sendMessage(r, header.replica, body);
    return;
  }
  if (!r.journal.isReadable(op) || r.serving >= SERVING_MAX) return;
  r.serving += 1;
  readPrepare(r, entry, { kind: 'serve', to: header.replica });
}
