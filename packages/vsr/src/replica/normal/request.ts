import { assert, unreachable } from '@kimberlite/store';
import {
  batchEntrySize,
  OPERATION_FORGET_FILES,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  OPERATION_REGISTER,
  OPERATION_USER_MIN,
} from '../../message/batch.ts';
import { HEADER_SIZE, NO_REPLICA } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { RECOVERED_SIZE } from '../../message/recover-body.ts';
import { REPLY_BODY_MAX } from '../../state-machine.ts';
import { NO_CLIENT } from '../../std/numbers.ts';
import { sendEviction } from '../execution/execute.ts';
import { isValidBody, machineWeight } from '../execution/machine-calls.ts';
import { verdictOf } from '../execution/sessions.ts';
import { sendReply } from '../execution/stored-reply.ts';
import { overdueCommitTicks } from '../liveness/pacing.ts';
import { isQuorumLost } from '../liveness/quorum.ts';
import { isMemberAlive, isRecoveryValid } from '../members/recover-op.ts';
import type { QueuedRequest, RequestWeight } from '../primary-state.ts';
import { refuse } from '../refuse.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { isBackup, isPrimary, primaryOfView } from '../role.ts';
import { sendMessage } from '../send.ts';

/** Requests and bytes that may wait at the primary; beyond, clients are told to come back. */
const QUEUE_REQUESTS_MAX = 4096;
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;
const NO_WEIGHT: RequestWeight = { replyLimit: 0, looks: 0 };
/** Requests forwarded between two heartbeats, at most. */
const FORWARDED_MAX = 1024;

/** A request of a client, directly or forwarded by a backup. */
export function onRequest(r: Replica, message: Message<'request'>): void {
  const { header } = message;
  if (header.replica !== NO_REPLICA || header.client === NO_CLIENT) {
    drop(r, message, 'bad_client');
    return;
  }
  const weight = weightOf(r, message);
  if (weight === null) {
    refuse(r, message, 'invalid');
    return;
  }
  if (isQuorumLost(r)) {
    refuseWithoutQuorum(r, message);
  } else if (isPrimary(r) && r.primary.abdicated === null) {
    acceptRequest(r, { message, since: r.tick, ...weight });
  } else if (!answerFromTable(r, message)) {
    forward(r, message);
  }
}

/**
 * Without a quorum nothing new is taken, nor passed on: what was never given a place in a log, or
 * to another replica, is refused for sure. Of what is under way here nothing is said.
 */
function refuseWithoutQuorum(r: Replica, message: Message<'request'>): void {
  const { client, checksum } = message.header;
  if (answerFromTable(r, message) || r.primary.inFlight.get(client) === checksum) return;
  refuse(r, message, 'noQuorum');
}

/** Primary: what waits for a place in the log is refused when the quorum stays lost. */
export function refuseQueued(r: Replica): void {
  const { primary } = r;
  for (const { message } of primary.queue) {
    primary.inFlight.delete(message.header.client);
    refuse(r, message, 'noQuorum');
  }
  primary.queue.length = 0;
  primary.queueBytes = 0;
}

/**
 * What the request may take of replicas at most. Null for what no replica would ever execute: it is
 * refused before it is given a place in the log.
 */
function weightOf(r: Replica, { header, body }: Message<'request'>): RequestWeight | null {
  if (HEADER_SIZE + batchEntrySize(body.length) > r.config.messageSizeMax) return null;
  const { operation } = header;
  if (operation === OPERATION_REGISTER) {
    const isSound = body.length === 0 && header.request === 0 && header.session === 0;
    return isSound ? NO_WEIGHT : null;
  }
  if (header.request === 0 || header.session === 0) return null;
  if (operation === OPERATION_NOOP) return body.length === 0 ? NO_WEIGHT : null;
  if (operation === OPERATION_FORGET_FILES) {
    return body.length === 0 && r.replicaCount === 1 ? NO_WEIGHT : null;
  }
  if (operation === OPERATION_RECOVER) {
    return isRecoveryValid(r, body) ? { replyLimit: RECOVERED_SIZE, looks: 0 } : null;
  }
  const request = { operation, body };
  if (operation < OPERATION_USER_MIN || !isValidBody(r, request, null)) return null;
  const weight = machineWeight(r, request);
  return weight.replyLimit <= REPLY_BODY_MAX ? weight : null;
}

/** The last reply of the client's session, when this is a retry of just that request. */
function answerFromTable(r: Replica, { header }: Message<'request'>): boolean {
  if (!r.restored) return false;
  const session = r.sessions.get(header.client);
  if (session === null || session.requestChecksum !== header.checksum) return false;
  sendReply(r, session);
  return true;
}

/**
 * A backup passes the request on, once between two heartbeats: two replicas that take each other
 * for the primary would otherwise play it back and forth.
 */
function forward(r: Replica, message: Message<'request'>): void {
  if (!isBackup(r)) {
    refuse(r, message, 'notPrimary');
    return;
  }
  const { checksum } = message.header;
  if (r.forwarded.has(checksum)) return;
  if (r.forwarded.size >= FORWARDED_MAX) r.forwarded.clear();
  r.forwarded.add(checksum);
  sendMessage(r, primaryOfView(r), message);
}

/**
 * The primary's filter. It saves work and is never relied on: at-most-once is decided when the
 * request executes.
 */
function acceptRequest(r: Replica, request: QueuedRequest): void {
  const { message } = request;
  const { header } = message;
  const { primary } = r;
  if (header.operation === OPERATION_RECOVER && isMemberAlive(r, message.body)) {
    drop(r, message, 'member_alive');
    return;
  }
  const inFlight = primary.inFlight.get(header.client);
  if (inFlight !== undefined) {
    // The same again: its reply will come. Another one: the client has one request at a time.
    if (inFlight !== header.checksum) drop(r, message, 'client_busy');
    return;
  }
  // What the log holds but this replica has not executed yet may be the register of this client.
  if (r.commitMin < r.commitMax) {
    enqueue(r, request);
    return;
  }
  acceptByTable(r, request);
}

/** By the table as it is now, which here holds all that is known to have committed. */
function acceptByTable(r: Replica, request: QueuedRequest): void {
  const { message } = request;
  const { header } = message;
  const session = r.sessions.get(header.client);
  const verdict = verdictOf(session, {
    operation: header.operation,
    session: header.session,
    request: header.request,
    requestChecksum: header.checksum,
  });
  switch (verdict) {
    case 'executed':
      enqueue(r, request);
      return;
    case 'duplicate':
      assert(session !== null, 'who executed something has a session');
      sendReply(r, session);
      return;
    case 'no_session':
      // A session above that of the table began in a log that this replica lacks: others have left
      // its view, and to evict the client from that session is not for it to say.
      if (session === null) sendEviction(r, header, 'noSession');
      else drop(r, message, 'session_ahead');
      return;
    case 'session_too_low':
      sendEviction(r, header, 'sessionTooLow');
      return;
    case 'collision':
      sendEviction(r, header, 'requestCollision');
      return;
    case 'out_of_order':
      drop(r, message, 'request_out_of_order');
      return;
    default:
      unreachable(verdict);
  }
}

/**
 * Whether requests wait for so long that one more would wait in vain: its caller gives up first,
 * and what a spike has left behind is then done for nobody, while those who come after it wait.
 */
function isQueueLate(r: Replica): boolean {
  const [oldest] = r.primary.queue;
  if (oldest === undefined) return false;
  const limit = Math.max(r.timers.ticks('commitStall'), overdueCommitTicks(r));
  return r.tick - oldest.since > limit;
}

function enqueue(r: Replica, request: QueuedRequest): void {
  const { primary } = r;
  const { message } = request;
  const full =
    primary.commitStalled ||
    isQueueLate(r) ||
    primary.queue.length >= QUEUE_REQUESTS_MAX ||
    primary.queueBytes + message.bytes.length > QUEUE_BYTES_MAX;
  if (full) {
    refuse(r, message, 'busy');
    return;
  }
  primary.queue.push(request);
  primary.queueBytes += message.bytes.length;
  primary.inFlight.set(message.header.client, message.header.checksum);
}
