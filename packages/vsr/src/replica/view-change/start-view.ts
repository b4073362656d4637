import { isForestRoot } from '@kimberlite/store';
import { checkpointDeadline } from '../../config.ts';
import { primarySlot } from '../../membership.ts';
import {
  decodeHeaderList,
  encodeHeaderList,
  isLogOf,
  type LogHeader,
} from '../../message/header-list.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import type { Op } from '../../std/numbers.ts';
import {
  CHECKPOINT_RECORD_SIZE,
  type CheckpointRecord,
  decodeCheckpoint,
  encodeCheckpoint,
} from '../../superblock/superblock.ts';
import { provenCheckpoint } from '../checkpoint/checkpoint.ts';
import { startSync } from '../checkpoint/sync.ts';
import { isFirstCheckpoint } from '../checkpoint/window.ts';
import { isStuck } from '../liveness/stuck.ts';
import { heardPrimary } from '../normal/heartbeat.ts';
import type { DropReason } from '../reasons.ts';
import { isFarBehind } from '../repair/far-behind.ts';
import type { Replica } from '../replica.ts';
import { drop, fatal, trace } from '../report.ts';
import { isBackup, isPrimary } from '../role.ts';
import { broadcastMessage, compose, sendMessage } from '../send.ts';
import { logSuffix } from './chain.ts';
import { followView } from './follow-view.ts';

/** Primary of a begun view: gives the log to everyone. */
export function broadcastStartView(r: Replica): void {
  r.timers.start('heartbeat');
  broadcastMessage(r, composeStartView(r, 0n));
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
  sendMessage(r, request.to, composeStartView(r, request.nonce));
}

/** A replica that has missed the start of this view, or doubts its log, asks for it. */
export function onRequestStartView(r: Replica, { header }: Message<'requestStartView'>): void {
  if (header.view > r.view) return;
  sendStartView(r, { to: header.replica, nonce: header.nonce });
}

/** The log of a view that has begun. */
export function onStartView(r: Replica, message: Message<'startView'>): void {
  const fromPrimary =
    message.header.view === r.view && message.header.replica === primarySlot(r.view);
  if (fromPrimary && isBackup(r)) heardPrimary(r);
  const refusal = startViewGate(r, message);
  if (refusal !== null) {
    drop(r, message, refusal);
    return;
  }
  const { header, body } = message;
  const record = decodeCheckpoint(body);
  const headers = decodeHeaderList(body.subarray(CHECKPOINT_RECORD_SIZE), r.checksum);
  if (record === null || headers === null || !isLogOf(headers, header.op, r.config.pipelineMax)) {
    drop(r, message, 'invalid_metadata');
    return;
  }
  const beyond = header.op > r.checkpoint.op + r.config.walSlots;
  const proven = isProven(r, { record, commit: header.commit });
  const behind = isStuck(r) || isFarBehind(r, header.op);
  if (beyond || (behind && proven)) {
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
  installStartView(r, { header, headers });
}

/**
 * Whether a quorum provably holds this checkpoint: an op above C + D is committed, or it is the one
 * that every file of the cluster was made with. A cluster that was restored begins with such a one,
 * and while it idles nothing commits above the deadline: who lost its file then would get no state.
 */
function isProven(
  r: Replica,
  { record, commit }: { readonly record: CheckpointRecord; readonly commit: Op },
): boolean {
  if (commit > record.op + checkpointDeadline(r.config)) return true;
  return isFirstCheckpoint(r, record);
}

function startViewGate(r: Replica, { header }: Message<'startView'>): DropReason | null {
  if (r.pendingSync !== null) return 'syncing';
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
  if (own && r.status === 'normal' && header.op <= r.op) {
    // One with an older head was overtaken on its way: what was acknowledged here since would look
    // as if it never had been.
    if (header.op < r.op || !isStuck(r)) return 'known_view';
  }
  if (header.commit < r.checkpoint.op) return 'behind_checkpoint';
  return null;
}

function installStartView(
  r: Replica,
  view: {
    readonly header: Message<'startView'>['header'];
    readonly headers: readonly (LogHeader | null)[];
  },
): void {
  const { op } = view.header;
  if (op < r.commitMin) {
    // What was executed here is in every later log: one of the two is of another history.
    fatal(r, 'diverged');
    return;
  }
  if (r.op > op) trace(r, { kind: 'truncated', op, from: r.op, view: view.header.view });
  followView(r, view);
}
