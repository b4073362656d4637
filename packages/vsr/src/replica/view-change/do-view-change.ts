import { assert } from '@kimberlite/store';
import { primarySlot } from '../../membership.ts';
import { decodeHeaderList, encodeHeaderList, isLogOf } from '../../message/header-list.ts';
import { decodeKnownFiles, encodeKnownFiles, KNOWN_FILES_SIZE } from '../../message/known-files.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { Op, opMax } from '../../std/numbers.ts';
import { isOtherCheckpoint, namesOtherCheckpoint } from '../checkpoint/checkpoint-ids.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import type { Replica } from '../replica.ts';
import { drop, trace } from '../report.ts';
import { send } from '../send.ts';
import { transitionToStatus } from '../status.ts';
import { installHeaders } from './chain.ts';
import { logsOfOneMembership, type ToldLog } from './one-membership.ts';
import { logsConflict, type SelectedLog, selectLog } from './select-log.ts';
import { broadcastStartView, sendStartView } from './start-view.ts';
import { startViewChangeTimer, transitionToViewChange } from './view-change.ts';
import { voteToLeave } from './vote.ts';

/**
 * Sends this replica's log of its log_view to the primary of the new view. The headers are those
 * that are durable with the view, the same each time; nack and present bits say what the disk says
 * now: nothing is acknowledged while the view changes, so a nack stays true.
 */
export function sendDoViewChange(r: Replica): void {
  const durable = r.superblock.durable;
  if (r.status !== 'view_change' || r.logView === r.view) return;
  if (durable.view !== r.view || durable.logView !== r.logView) return;
  r.timers.start('doViewChange');
  const headers = durable.headers;
  const top = headers[0];
  assert(top !== undefined && top !== null, 'the head is never unknown');
  const op = top.header.op;
  let nackBits = 0;
  let presentBits = 0;
  headers.forEach((entry, index) => {
    const at = Op(op - index);
    const same = entry === null || r.journal.has(at, entry.header.checksum);
    if (entry !== null && same && r.journal.isPresent(at)) presentBits |= 1 << index;
    // What was executed here was committed: it is never denied, whatever became of its slot.
    if (at <= r.commitMin) return;
    // What rests on another state was never acknowledged here, and must not outlive who made it.
    const other = entry !== null && namesOtherCheckpoint(r, entry.header);
    const absent = same ? r.journal.isNack(at) : !r.journal.isFaulty(at);
    if (absent || other) nackBits |= 1 << index;
  });
  const dvc: ToldLog = {
    replica: r.slot,
    logView: r.logView,
    op,
    commitMin: r.commitMin,
    headers,
    nackBits: nackBits >>> 0,
    presentBits: presentBits >>> 0,
    files: r.introductions.files,
  };
  if (primarySlot(r.view) === r.slot) {
    // Told before this replica could speak for itself; of two that differ, its own is the true one.
    contradictsAnother(r, dvc);
    collectDvc(r, dvc);
    return;
  }
  const { replica: _, headers: __, files, ...facts } = dvc;
  const { checkpointId, checkpoint } = r;
  const fields = { ...facts, checkpointId, checkpointOp: checkpoint.op };
  const body = new Uint8Array(KNOWN_FILES_SIZE + headers.length * HEADER_SIZE);
  body.set(encodeKnownFiles(files), 0);
  body.set(encodeHeaderList(headers), KNOWN_FILES_SIZE);
  send(r, primarySlot(r.view), 'doViewChange', fields, body);
}

/** New primary: the log of one replica; a quorum of them decides which log the view begins with. */
export function onDoViewChange(r: Replica, message: Message<'doViewChange'>): void {
  const { header } = message;
  if (r.status === 'recovering_head') return;
  if (header.view < r.view || primarySlot(header.view) !== r.slot) {
    drop(r, message, 'stale_view');
    return;
  }
  if (header.view > r.view) transitionToViewChange(r, header.view);
  if (r.logView === r.view) {
    // The view has begun already: the sender has missed its start_view.
    sendStartView(r, { to: header.replica, nonce: 0n });
    return;
  }
  if (isOtherCheckpoint(r, { op: header.checkpointOp, id: header.checkpointId })) {
    // Its log may rest on a state that is not the cluster's; if it is this one's that is not, no
    // quorum comes together here.
    drop(r, message, 'wrong_checkpoint');
    return;
  }
  const dvc = decodeDvc(r, message);
  if (dvc === null) {
    drop(r, message, 'invalid_metadata');
    return;
  }
  if (contradictsAnother(r, dvc)) {
    drop(r, message, 'log_conflict');
    return;
  }
  collectDvc(r, dvc);
}

/**
 * Whether two logs of one log_view, this one and one that was told before, hold different prepares
 * at one op. One of the two authors does not speak the truth. Against this replica's own log it is
 * the other; between two others nobody can tell, and both are left out: a view that begins with the
 * wrong one of them would lose what a quorum acknowledged.
 */
function contradictsAnother(r: Replica, dvc: ToldLog): boolean {
  const { dvcs } = r.viewChange;
  let contradicts = false;
  for (const known of [...dvcs.values()]) {
    if (known.replica === dvc.replica || !logsConflict(known, dvc)) continue;
    contradicts = true;
    if (known.replica !== r.slot) dvcs.delete(known.replica);
  }
  return contradicts;
}

/** Checks that a do_view_change is one that a replica can have sent. */
function decodeDvc(r: Replica, { header, body }: Message<'doViewChange'>): ToldLog | null {
  const files = decodeKnownFiles(body);
  const headers = decodeHeaderList(body.subarray(KNOWN_FILES_SIZE), r.checksum);
  if (files === null || headers === null) return null;
  if (!isLogOf(headers, header.op, r.config.pipelineMax)) return null;
  if (header.logView >= header.view || header.commitMin > header.op) return null;
  const { replica, logView, op, commitMin, nackBits, presentBits } = header;
  return { replica, logView, op, commitMin, headers, nackBits, presentBits, files };
}

function collectDvc(r: Replica, dvc: ToldLog): void {
  const { dvcs } = r.viewChange;
  const known = dvcs.get(dvc.replica);
  if (known !== undefined && (known.op !== dvc.op || known.logView !== dvc.logView)) return;
  dvcs.set(dvc.replica, dvc);
  // One's own log takes part only once one's own view is durable, as everyone's.
  if (!dvcs.has(r.slot)) return;
  const own = { self: r.slot, files: r.introductions.files };
  const { quorums } = r;
  const { pipelineMax } = r.config;
  for (const logs of logsOfOneMembership([...dvcs.values()], own)) {
    const selection = selectLog(logs, { quorums, pipelineMax });
    if (selection.kind !== 'selected') continue;
    installLog(r, selection);
    return;
  }
}

/**
 * New primary: the chosen log becomes this replica's. log_view and log change at the same instant
 * (rule log-view-with-log) and are made durable before anything is repaired or served.
 */
function installLog(r: Replica, selection: SelectedLog): void {
  if (selection.op > r.checkpoint.op + r.config.walSlots || r.pendingSync !== null) {
    // The ring cannot hold that log yet: another replica is further and must lead.
    voteToLeave(r, 'behind_checkpoint');
    return;
  }
  if (selection.commitMax < r.checkpoint.op || selection.op < r.commitMin) return;
  if (selection.op < r.commitMax) {
    // It was told of a commit that no log of a quorum has: one of them has lost what it had
    // acknowledged. To begin the view would give the op up for good; whoever has executed it must
    // be heard first.
    voteToLeave(r, 'lacks_committed');
    return;
  }
  if (selection.opBefore > selection.op) {
    trace(r, { kind: 'truncated', op: selection.op, from: selection.opBefore, view: r.view });
  }
  r.logView = r.view;
  installHeaders(r, { op: selection.op, headers: selection.headers });
  r.commitMax = opMax(r.commitMax, selection.commitMax);
  r.primary.timestampNext = Math.max(selection.timestampFloor, r.checkpoint.timestampNext);
  r.viewChange.repairing = true;
  r.timers.stop('doViewChange');
  startViewChangeTimer(r);
  r.timers.hurry('repair');
  r.journal.pause();
  updateSuperblock(r);
}

/** After a start: goes on with the view change that the superblock tells of. */
export function resumeViewChange(r: Replica): void {
  transitionToStatus(r, 'view_change');
  r.viewChange.attempts = 1;
  startViewChangeTimer(r);
  sendDoViewChange(r);
}

/** The view (or log_view) is durable: what depends on it may be shown now. */
export function onViewDurable(r: Replica): void {
  const durable = r.superblock.durable;
  if (durable.logView === r.logView) r.journal.resume();
  if (durable.view !== r.view) return;
  if (r.status === 'view_change' && r.logView < r.view) sendDoViewChange(r);
  if (r.viewChange.repairing && durable.logView === r.view) broadcastStartView(r);
}
