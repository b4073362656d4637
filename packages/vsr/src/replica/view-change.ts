import { assert, isForestRoot } from '@kimberlite/store';
import { checkpointDeadline } from '../config.ts';
import { nextView, primarySlot } from '../membership.ts';
import { decodeHeaderList, encodeHeaderList, type LogHeader } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { AnyMessage, Message } from '../message/message.ts';
import { setAdd, setCount, setHas } from '../std/bitset.ts';
import { Op, opMax, type View } from '../std/numbers.ts';
import {
  CHECKPOINT_RECORD_SIZE,
  decodeCheckpoint,
  encodeCheckpoint,
} from '../superblock/superblock.ts';
import { logSuffix, restartChain } from './chain.ts';
import { provenCheckpoint } from './checkpoint.ts';
import { heardPrimary } from './heartbeat.ts';
import type { Replica } from './replica.ts';
import { type DoViewChangeVote, type SelectedLog, selectLog } from './select-log.ts';
import { compose, drop, isBackup, isPrimary, send, sendMessage, trace } from './send.ts';
import { clearViewState, transitionToStatus } from './status.ts';
import { isStuck } from './stuck.ts';
import { updateSuperblock } from './superblock-update.ts';
import { startSync } from './sync.ts';
import { voteToLeave } from './vote.ts';

/** View changes in a row after which the timeout no longer grows. */
const ATTEMPTS_MAX = 4;

/** Enters a higher view: its do_view_change goes out when the view is durable. */
export function transitionToViewChange(r: Replica, view: View): void {
  assert(view > r.view, 'views only grow');
  assert(r.status === 'normal' || r.status === 'view_change', 'a replica with a certain log');
  r.viewChange.headers = logSuffix(r);
  clearViewState(r);
  r.view = view;
  r.viewChange.attempts += 1;
  transitionToStatus(r, 'view_change');
  updateSuperblock(r);
  startViewChangeTimer(r);
}

function startViewChangeTimer(r: Replica): void {
  const doublings = Math.min(ATTEMPTS_MAX, Math.max(0, r.viewChange.attempts - 1));
  r.timers.start('viewChange', 2 ** doublings);
}

/** A peer votes to leave its view. */
export function onStartViewChange(r: Replica, message: Message<'startViewChange'>): void {
  const { header } = message;
  if (header.view < r.view || !setHas(r.voters, header.replica)) return;
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (header.view > r.view) transitionToViewChange(r, header.view);
  r.viewChange.votes = setAdd(r.viewChange.votes, header.replica);
  r.timers.ensure('startViewChangeWindow');
  if (header.replica === primarySlot(r.view) && r.viewChange.voting === null) {
    // The primary itself gives way: there is nothing to wait for.
    voteToLeave(r, 'primary_voted');
  }
}

/** A quorum of votes moves the view; a set, so that a repeated vote counts once. */
export function leaveViewOnQuorum(r: Replica): void {
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (setCount(r.viewChange.votes) < r.quorums.viewChange) return;
  transitionToViewChange(r, nextView(r.view, r.voters));
}

/** The view (or log_view) is durable: what depends on it may be shown now. */
export function onViewDurable(r: Replica): void {
  const durable = r.superblock.durable;
  if (durable.logView === r.logView) r.journal.resume();
  if (durable.view !== r.view) return;
  if (r.status === 'view_change' && r.logView < r.view) sendDoViewChange(r);
  if (r.viewChange.repairing && durable.logView === r.view) broadcastStartView(r);
}

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
    if (same ? r.journal.isNack(at) : !r.journal.isFaulty(at)) nackBits |= 1 << index;
  });
  const vote: DoViewChangeVote = {
    replica: r.slot,
    logView: r.logView,
    op,
    commitMin: r.commitMin,
    checkpointOp: r.checkpoint.op,
    headers,
    nackBits: nackBits >>> 0,
    presentBits: presentBits >>> 0,
  };
  if (primarySlot(r.view) === r.slot) {
    collectVote(r, vote);
    return;
  }
  const { replica: _, headers: __, ...fields } = vote;
  send(r, primarySlot(r.view), 'doViewChange', fields, encodeHeaderList(headers));
}

export function onDoViewChange(r: Replica, message: Message<'doViewChange'>): void {
  const { header } = message;
  if (!setHas(r.voters, header.replica)) return;
  if (r.status === 'recovering' || r.status === 'recovering_head') return;
  if (header.view < r.view || primarySlot(header.view) !== r.slot) {
    drop(r, message as AnyMessage, 'stale_view'); // SAFETY: of one command.
    return;
  }
  if (header.view > r.view) transitionToViewChange(r, header.view);
  if (r.logView === r.view) {
    // The view has begun already: the sender has missed its start_view.
    sendStartView(r, { to: header.replica, nonce: 0n });
    return;
  }
  const vote = decodeVote(r, message);
  if (vote === null) {
    drop(r, message as AnyMessage, 'invalid_metadata'); // SAFETY: of one command.
    return;
  }
  collectVote(r, vote);
}

/** Checks that a do_view_change is one that a replica can have sent. */
function decodeVote(
  r: Replica,
  { header, body }: Message<'doViewChange'>,
): DoViewChangeVote | null {
  const headers = decodeHeaderList(body, r.checksum);
  if (headers === null || headers.length > r.config.pipelineMax + 1) return null;
  if (headers[0] === null || headers[0] === undefined) return null;
  if (header.logView >= header.view || header.commitMin > header.op) return null;
  const misplaced = headers.some(
    (entry, index) => entry !== null && entry.header.op !== header.op - index,
  );
  const broken = headers.some((entry, index) => {
    const below = headers[index + 1];
    return entry !== null && below && entry.header.parent !== below.header.checksum;
  });
  if (misplaced || broken) return null;
  const { replica, logView, op, commitMin, checkpointOp, nackBits, presentBits } = header;
  return { replica, logView, op, commitMin, checkpointOp, headers, nackBits, presentBits };
}

function collectVote(r: Replica, vote: DoViewChangeVote): void {
  const { ballots } = r.viewChange;
  const known = ballots.get(vote.replica);
  if (known !== undefined && (known.op !== vote.op || known.logView !== vote.logView)) return;
  ballots.set(vote.replica, vote);
  // One's own log takes part only once one's own view is durable, as everyone's.
  if (!ballots.has(r.slot)) return;
  const selection = selectLog([...ballots.values()], {
    quorums: r.quorums,
    pipelineMax: r.config.pipelineMax,
  });
  if (selection.kind === 'selected') installLog(r, selection);
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

/** Puts the head and the headers below it in place of what the journal has above them. */
function installHeaders(
  r: Replica,
  log: { readonly op: Op; readonly headers: readonly (LogHeader | null)[] },
): void {
  r.journal.truncate(log.op);
  for (const entry of [...log.headers].reverse()) {
    if (entry !== null && entry.header.op > r.checkpoint.op) r.journal.setHeader(entry);
    else if (entry !== null && entry.header.op === log.op) r.journal.setHeader(entry);
  }
  r.op = log.op;
  // From here on these speak for the log; those of the view before would vouch for what they name.
  r.viewChange.headers = log.headers;
  restartChain(r);
  r.viewChange.headers = logSuffix(r);
}

export function broadcastStartView(r: Replica): void {
  r.timers.start('heartbeat');
  const message = composeStartView(r, 0n);
  for (let slot = 0; slot < 16; slot += 1) {
    // SAFETY: of one command.
    if (slot !== r.slot && setHas(r.voters, slot)) sendMessage(r, slot, message as AnyMessage);
  }
}

function composeStartView(r: Replica, nonce: bigint): Message<'startView'> {
  const headers: LogHeader[] = [];
  for (const entry of logSuffix(r)) {
    if (entry === null) break;
    headers.push(entry);
  }
  const body = new Uint8Array(CHECKPOINT_RECORD_SIZE + headers.length * HEADER_SIZE);
  const checkpoint = provenCheckpoint(r);
  body.set(encodeCheckpoint(checkpoint), 0);
  body.set(encodeHeaderList(headers), CHECKPOINT_RECORD_SIZE);
  return compose(
    r,
    'startView',
    { nonce, op: r.op, commit: r.commitMax, checkpointOp: checkpoint.op },
    body,
  );
}

/** Primary of a begun view: gives the log to one replica. */
export function sendStartView(
  r: Replica,
  request: { readonly to: number; readonly nonce: bigint },
): void {
  if (!isPrimary(r) && !r.viewChange.repairing) return;
  if (r.superblock.durable.logView !== r.view) return;
  // SAFETY: of one command.
  sendMessage(r, request.to, composeStartView(r, request.nonce) as AnyMessage);
}

export function onRequestStartView(r: Replica, message: Message<'requestStartView'>): void {
  const { header } = message;
  if (!setHas(r.voters, header.replica) || header.view > r.view) return;
  sendStartView(r, { to: header.replica, nonce: header.nonce });
}

/** The log of a view that has begun. */
export function onStartView(r: Replica, message: Message<'startView'>): void {
  const fromPrimary =
    message.header.view === r.view && message.header.replica === primarySlot(r.view);
  if (fromPrimary && isBackup(r)) heardPrimary(r);
  const refusal = startViewGate(r, message);
  if (refusal !== null) {
    drop(r, message as AnyMessage, refusal); // SAFETY: of one command.
    return;
  }
  const { header, body } = message;
  const record = decodeCheckpoint(body);
  const headers = decodeHeaderList(body.subarray(CHECKPOINT_RECORD_SIZE), r.checksum);
  const top = headers?.[0] ?? null;
  if (record === null || headers === null || top === null || top.header.op !== header.op) {
    drop(r, message as AnyMessage, 'invalid_metadata'); // SAFETY: of one command.
    return;
  }
  const beyond = header.op > r.checkpoint.op + r.config.walSlots;
  const proven = header.commit > record.op + checkpointDeadline(r.config);
  if (beyond || (isStuck(r) && proven)) {
    // Only a checkpoint that a quorum provably holds is taken over, and one that leads further.
    const useful =
      proven && record.op > r.commitMin && isForestRoot(record.forestRoot, r.config.blockSize);
    if (useful) {
      startSync(r, message);
      return;
    }
    if (beyond) return;
  }
  if (r.status === 'normal' && header.view === r.view) return;
  installStartView(r, { message, headers });
}

function startViewGate(r: Replica, { header }: Message<'startView'>): string | null {
  if (r.status === 'recovering' || r.pendingSync !== null) return 'recovering';
  if (header.view < r.view) return 'stale_view';
  if (header.replica !== primarySlot(header.view) || header.replica === r.slot) {
    return 'not_from_primary';
  }
  if (header.commit > header.op || header.checkpointOp > header.commit) return 'invalid_metadata';
  const own = header.view === r.view;
  if (r.status === 'recovering_head') {
    // An old start_view would move the head back, and what was acknowledged above it would then
    // look as if it never had been: only a fresh answer, or a later view, counts.
    const fresh = header.nonce !== 0n && header.nonce === r.viewChange.nonce;
    return fresh || !own ? null : 'not_fresh';
  }
  // Of the running view only a replica that fell too far behind wants one.
  if (own && r.status === 'normal' && header.op <= r.op && !isStuck(r)) return 'known_view';
  if (header.commit < r.checkpoint.op) return 'behind_checkpoint';
  return null;
}

/** Backup: head, headers, log_view and status change at once; acks wait until that is durable. */
function installStartView(
  r: Replica,
  view: {
    readonly message: Message<'startView'>;
    readonly headers: readonly (LogHeader | null)[];
  },
): void {
  const { header } = view.message;
  assert(header.op >= r.commitMin, 'what was executed here is in every later log');
  if (r.op > header.op) {
    trace(r, { kind: 'truncated', op: header.op, from: r.op, view: header.view });
  }
  clearViewState(r);
  r.view = header.view;
  r.logView = header.view;
  installHeaders(r, { op: header.op, headers: view.headers });
  r.commitMax = opMax(r.commitMax, header.commit);
  r.primaryCommit = header.commit;
  r.primaryOp = header.op;
  r.journal.pause();
  updateSuperblock(r);
  transitionToStatus(r, 'normal');
  r.timers.start('silence');
  r.timers.stop('viewChange');
  r.timers.hurry('repair');
}

/** Also used by whoever resumes a view change found on disk. */
export function resumeViewChange(r: Replica): void {
  transitionToStatus(r, 'view_change');
  r.viewChange.attempts = 1;
  startViewChangeTimer(r);
  sendDoViewChange(r);
}

/** Sends the vote again, and asks whoever leads. */
export function onDoViewChangeTimeout(r: Replica): void {
  sendDoViewChange(r);
}

/** The view change did not end: this view is left too. */
export function onViewChangeTimeout(r: Replica): void {
  if (r.status !== 'view_change') return;
  startViewChangeTimer(r);
  voteToLeave(r, 'view_change_stuck');
}
