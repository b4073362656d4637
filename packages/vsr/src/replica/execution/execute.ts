import { assert, type BlockHold, unreachable } from '@kimberlite/store';
import {
  type BatchEntry,
  OPERATION_FORGET_FILES,
  OPERATION_RECOVER,
  OPERATION_USER_MIN,
  readBatch,
} from '../../message/batch.ts';
import { EVICTION_REASONS, type EvictionReason } from '../../message/layout.ts';
import type { PrepareHeader, PrepareMessage } from '../../message/message.ts';
import type { Op } from '../../std/numbers.ts';
import { mayHaveCome } from '../checkpoint/block-reads.ts';
import { executeRecovery, forgetFiles } from '../members/recover-op.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isPrimary } from '../role.ts';
import { compose, sendToClient } from '../send.ts';
import { executeGuarded } from './execute-guard.ts';
import { isValidBody } from './machine-calls.ts';
import { prefetchRequest } from './named-reads.ts';
import { type RequestVerdict, sessionNumber, verdictOf } from './sessions.ts';
import { sendReply } from './stored-reply.ts';

const EMPTY = new Uint8Array(0);

/** An op in execution: requests below `next` are done. */
export interface Execution {
  readonly header: PrepareHeader;
  readonly entries: readonly BatchEntry[];
  next: number;
  /** Index of the request that was last told to wait; -1 before the first. */
  waited: number;
  /** `demandVersion` of the forest when it was. */
  waitedAt: number;
  /** The request waits for no block, but for the checkpoint that is in the making. */
  needsCheckpoint: boolean;
  /** Blocks of the request whose turn it is. */
  readonly hold: BlockHold;
  /** Those of requests behind it, by index. */
  readonly ahead: Map<number, BlockHold>;
}

/** Requests behind the one that waits for blocks whose blocks are read at the same time. */
const PREFETCH_AHEAD = 32;

/** Begins a committed op. */
export function beginExecution(r: Replica, message: PrepareMessage): Execution {
  const entries = readBatch(message.body, message.header.count);
  assert(entries !== null, 'a stored prepare was checked when it came');
  const hold = r.forest.hold({ privileged: true });
  return {
    header: message.header,
    entries,
    next: 0,
    waited: -1,
    waitedAt: 0,
    needsCheckpoint: false,
    hold,
    ahead: new Map(),
  };
}

/**
 * Executes the requests of an op one after another, each decided by the table as it then is; false
 * while one of them waits for blocks. Nothing else waits for it: only execution does.
 */
export function continueExecution(r: Replica, execution: Execution): boolean {
  const { header, entries, hold } = execution;
  if (execution.needsCheckpoint && r.forest.checkpointing) return false;
  if (execution.waited >= 0 && !mayHaveCome(r, execution.waitedAt)) return false;
  execution.needsCheckpoint = false;
  // Reads are answered between ops: while some wait, an op begins with all its blocks at hand, as
  // far as can be told, or else it might stop in its middle each time.
  if (r.reads.waiting.length > 0 && execution.waited < 0 && !prefetchFrom(r, execution, 0)) {
    wait(r, execution, 0);
    return false;
  }
  for (; execution.next < entries.length; execution.next += 1) {
    const index = execution.next;
    const entry = entries[index];
    assert(entry !== undefined, 'a request of the op');
    if (!r.forest.holding(hold, () => executeEntry(r, { header, entry, index }))) {
      execution.needsCheckpoint = !hold.waits;
      assert(hold.waits || r.forest.checkpointing, 'it waits for something');
      prefetchFrom(r, execution, index + 1);
      wait(r, execution, index);
      return false;
    }
    r.forest.release(hold);
    letGoOf(r, execution, index);
  }
  assert(execution.ahead.size === 0, 'what was held for a request went with it');
  return true;
}

/**
 * Wants the blocks of the next requests, as many as there is room for; whether all of them are
 * there already.
 */
function prefetchFrom(r: Replica, execution: Execution, from: number): boolean {
  const { forest } = r;
  const { header, entries, ahead } = execution;
  let complete = true;
  for (let index = from; index < Math.min(entries.length, from + PREFETCH_AHEAD); index += 1) {
    const entry = entries[index];
    assert(entry !== undefined, 'a request of the op');
    const known = ahead.get(index);
    if (known?.waits === true) complete = false;
    if (known?.waits === true || !isForMachine(r, entry, header.op)) continue;
    const hold = known ?? forest.hold({ privileged: true });
    ahead.set(index, hold);
    const { operation, body } = entry;
    const ready = forest.holding(hold, () => prefetchRequest(r, { operation, body }, header.op));
    if (heldAhead(r, execution) > forest.limitedSizeMax / 2) {
      // It is read when its turn comes: one request always has room.
      letGoOf(r, execution, index);
      return complete;
    }
    if (!ready) complete = false;
  }
  return complete;
}

/** Bytes of what is held for requests whose turn it is not yet: a quarter of the cache at most. */
function heldAhead(r: Replica, { ahead }: Execution): number {
  let blocks = 0;
  for (const { size } of ahead.values()) blocks += size;
  return blocks * r.config.blockSize;
}

function letGoOf(r: Replica, { ahead }: Execution, index: number): void {
  const hold = ahead.get(index);
  if (hold === undefined) return;
  r.forest.release(hold);
  ahead.delete(index);
}

function wait(r: Replica, execution: Execution, index: number): void {
  if (execution.waited !== index) {
    trace(r, { kind: 'execution_waits', op: execution.header.op, index });
  }
  execution.waited = index;
  execution.waitedAt = r.forest.demandVersion;
}

interface EntryExecution {
  readonly header: PrepareHeader;
  readonly entry: BatchEntry;
  readonly index: number;
}

/** False, with nothing changed, when it needs blocks that are not in memory. */
function executeEntry(r: Replica, execution: EntryExecution): boolean {
  const { header, entry, index } = execution;
  const session = r.sessions.get(entry.client);
  const outcome = verdictOf(session, entry);
  let reply: Uint8Array | null = null;
  if (outcome === 'executed') {
    reply = apply(r, execution);
    if (reply === null) return false;
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
  if (!isPrimary(r)) return true;
  const { inFlight } = r.primary;
  if (inFlight.get(entry.client) === entry.requestChecksum) inFlight.delete(entry.client);
  answer(r, entry, outcome);
  return true;
}

/** Whether the request is one that the state machine executes. */
function isForMachine(
  r: Replica,
  { operation, body }: Pick<BatchEntry, 'operation' | 'body'>,
  op: Op,
): boolean {
  return operation >= OPERATION_USER_MIN && isValidBody(r, { operation, body }, op);
}

function apply(r: Replica, { header, entry, index }: EntryExecution): Uint8Array | null {
  if (entry.operation === OPERATION_RECOVER) return executeRecovery(r, header.op, entry.body);
  if (entry.operation === OPERATION_FORGET_FILES) forgetFiles(r);
  if (!isForMachine(r, entry, header.op)) return EMPTY;
  return executeGuarded(r, {
    request: { operation: entry.operation, body: entry.body },
    op: header.op,
    index,
    now: header.timestamp + index,
    seed: header.checksum,
  });
}

/** Tells the client what became of its request. */
function answer(r: Replica, entry: BatchEntry, outcome: RequestVerdict): void {
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
    default:
      unreachable(outcome);
  }
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
