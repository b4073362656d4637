import { assert } from '@kimberlite/store';
import {
  type BatchEntry,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  OPERATION_REGISTER,
  OPERATION_USER_MIN,
  readBatch,
} from '../message/batch.ts';
import { EVICTION_REASONS, type EvictionReason } from '../message/layout.ts';
import type { PrepareHeader, PrepareMessage } from '../message/message.ts';
import { REPLY_BODY_MAX } from '../state-machine.ts';
import { executeGuarded } from './execute-guard.ts';
import { executeRecovery } from './members.ts';
import type { Replica } from './replica.ts';
import { compose, isPrimary, sendToClient, trace } from './send.ts';
import { type Session, sessionNumber } from './sessions.ts';
import type { TraceEvent } from './trace.ts';

type Outcome = Extract<TraceEvent, { kind: 'executed' }>['outcome'];

const EMPTY = new Uint8Array(0);

/**
 * Executes a committed op: its requests one after another, each decided by the table as it then
 * is.
 */
export function executePrepare(r: Replica, message: PrepareMessage): void {
  const entries = readBatch(message.body, message.header.count);
  assert(entries !== null, 'a stored prepare was checked when it came');
  entries.forEach((entry, index) => executeEntry(r, { header: message.header, entry, index }));
}

interface Execution {
  readonly header: PrepareHeader;
  readonly entry: BatchEntry;
  readonly index: number;
}

/**
 * At-most-once is decided here and nowhere else (rule at-most-once): what the primary filtered
 * before saved work, but the op may have been prepared by an older primary that knew less.
 */
function decide(entry: BatchEntry, session: Session | null): Outcome {
  if (entry.operation === OPERATION_REGISTER) {
    if (session === null) return 'executed';
    const same = session.request === 0 && session.requestChecksum === entry.requestChecksum;
    return same ? 'duplicate' : 'out_of_order';
  }
  if (session === null) return 'no_session';
  if (entry.session < session.session) return 'session_too_low';
  if (entry.session > session.session) return 'no_session';
  if (entry.request === session.request) {
    return entry.requestChecksum === session.requestChecksum ? 'duplicate' : 'collision';
  }
  return entry.request === session.request + 1 ? 'executed' : 'out_of_order';
}

function executeEntry(r: Replica, execution: Execution): void {
  const { header, entry, index } = execution;
  const session = r.sessions.get(entry.client);
  const outcome = decide(entry, session);
  let reply: Uint8Array | null = null;
  if (outcome === 'executed') {
    reply = apply(r, execution);
    assert(reply.length <= REPLY_BODY_MAX, 'a reply keeps its limit');
    if (session === null && r.sessions.full) {
      const client = r.sessions.evictOldest();
      trace(r, { kind: 'session_evicted', client, op: header.op, index });
    }
    r.sessions.put(
      {
        client: entry.client,
        session: session?.session ?? sessionNumber(header.op, index),
        request: entry.request,
        operation: entry.operation,
        requestChecksum: entry.requestChecksum,
        op: header.op,
        index,
        timestamp: header.timestamp + index,
      },
      reply,
    );
  }
  trace(r, {
    kind: 'executed',
    op: header.op,
    index,
    client: entry.client,
    request: entry.request,
    operation: entry.operation,
    outcome,
    reply,
  });
  if (!isPrimary(r)) return;
  const { inFlight } = r.primary;
  if (inFlight.get(entry.client) === entry.requestChecksum) inFlight.delete(entry.client);
  answer(r, entry, outcome);
}

function apply(r: Replica, { header, entry, index }: Execution): Uint8Array {
  if (entry.operation === OPERATION_REGISTER || entry.operation === OPERATION_NOOP) return EMPTY;
  if (entry.operation === OPERATION_RECOVER) return executeRecovery(r, header.op, entry.body);
  if (entry.operation < OPERATION_USER_MIN) return EMPTY;
  if (!r.stateMachine.validate(entry.operation, entry.body)) return EMPTY;
  return executeGuarded(r, {
    request: { operation: entry.operation, body: entry.body },
    op: header.op,
    index,
    now: header.timestamp + index,
    seed: header.checksum,
  });
}

/** Tells the client what became of its request. */
function answer(r: Replica, entry: BatchEntry, outcome: Outcome): void {
  switch (outcome) {
    case 'executed':
    case 'duplicate': {
      const session = r.sessions.get(entry.client);
      if (session !== null) sendReply(r, session);
      return;
    }
    case 'no_session':
      sendEviction(r, entry, 'noSession');
      return;
    case 'session_too_low':
      sendEviction(r, entry, 'sessionTooLow');
      return;
    case 'collision':
      sendEviction(r, entry, 'requestCollision');
      return;
    case 'out_of_order':
      return;
  }
}

/**
 * Sends the last reply of a session. Its body and numbers are those of the execution; view, release
 * and sender are stamped now.
 */
export function sendReply(r: Replica, session: Session): void {
  const reply = compose(
    r,
    'reply',
    {
      client: session.client,
      requestChecksum: session.requestChecksum,
      session: session.session,
      op: session.op,
      timestamp: session.timestamp,
      index: session.index,
      request: session.request,
      operation: session.operation,
    },
    r.sessions.reply(session.client),
  );
  sendToClient(r, session.client, reply);
}

export function sendEviction(
  r: Replica,
  request: Pick<BatchEntry, 'client' | 'session' | 'request'>,
  reason: EvictionReason,
): void {
  const message = compose(r, 'eviction', {
    client: request.client,
    session: request.session,
    request: request.request,
    reason: EVICTION_REASONS[reason],
  });
  sendToClient(r, request.client, message);
}
