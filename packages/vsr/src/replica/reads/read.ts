import { assert } from '@kimberlite/store';
import { OPERATION_USER_MIN } from '../../message/batch.ts';
import {
  HEADER_SIZE,
  NO_REPLICA,
  READ_LEVELS,
  type ReadLevel,
  reasonName,
} from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { REPLY_BODY_MAX } from '../../state-machine.ts';
import { NO_CLIENT, Op } from '../../std/numbers.ts';
import { TICK_MICROS } from '../../std/tick.ts';
import { queryGuarded } from '../execution/execute-guard.ts';
import { isQueryBody, isValidBody, machineWeight } from '../execution/machine-calls.ts';
import { isQuorumLost } from '../liveness/quorum.ts';
import { refuse } from '../refuse.ts';
import type { Replica } from '../replica.ts';
import { drop, trace } from '../report.ts';
import { compose, sendToClient } from '../send.ts';
import { mayLookAgain, releaseQuery, waitForBlocks } from './query-blocks.ts';
import { askForIndex, awaitIndex, repeatReadQuestions, startRounds } from './read-round.ts';
import type { PendingQuery, WaitingQuery } from './read-state.ts';

/** Queries that may wait at one replica; beyond, clients are told to come back. */
const QUERIES_MAX = 4096;
const QUERY_BYTES_MAX = 16 * 1024 * 1024;
/** Queries answered in one step, at most; the rest follows in `work`, so that I/O gets its turn. */
const ANSWERS_PER_STEP = 32;
/** Ticks after which a query that could not be answered is refused. */
const QUERY_EXPIRY_TICKS = 300;
/** The same for a bounded one: at least this, even where its bound is shorter. */
const BOUNDED_EXPIRY_TICKS_MIN = 5;
/** Microseconds in a millisecond. */
const MILLI = 1000;
const TICK_MILLIS = TICK_MICROS / MILLI;

/**
 * A read without a place in the log (rule read-confirmed). Its answer must hold every write that
 * was acknowledged before it was asked, so the replica that answers needs an op that covers them:
 * the larger of what its primary knows to be committed and the head of the log with which the view
 * began, confirmed by a replication quorum that was still in that view after the query had come.
 * Without the confirmation a primary that was deposed while it slept would answer from the past;
 * without the head of the log a new one would not see what its predecessor acknowledged last.
 */
export function onQuery(r: Replica, message: Message<'query'>): void {
  const { header } = message;
  if (header.replica !== NO_REPLICA || header.client === NO_CLIENT) {
    drop(r, message, 'bad_client');
    return;
  }
  const level = reasonName(READ_LEVELS, header.level);
  if (level === null || !isValidQuery(r, message)) {
    refuse(r, message, 'invalid');
    return;
  }
  if (level === 'linearizable' && isQuorumLost(r)) {
    refuse(r, message, 'noQuorum');
    return;
  }
  const { reads } = r;
  if (reads.count >= QUERIES_MAX || reads.bytes + message.bytes.length > QUERY_BYTES_MAX) {
    refuse(r, message, 'busy');
    return;
  }
  const query: PendingQuery = { message, level, expiresAt: r.tick + expiryTicks(message, level) };
  reads.count += 1;
  reads.bytes += message.bytes.length;
  r.timers.ensure('read');
  if (level === 'local') awaitIndex(r, { query, index: Op(0), askedAt: r.monotonic });
  else if (!isCovered(r, query)) reads.arriving.push(query);
}

function isValidQuery(r: Replica, { header, body }: Message<'query'>): boolean {
  const { operation } = header;
  const request = { operation, body };
  if (HEADER_SIZE + body.length > r.config.messageSizeMax) return false;
  if (operation < OPERATION_USER_MIN || !isValidBody(r, request, null)) return false;
  return isQueryBody(r, request) && machineWeight(r, request).replyLimit <= REPLY_BODY_MAX;
}

function expiryTicks({ header }: Message<'query'>, level: ReadLevel): number {
  if (level !== 'bounded') return QUERY_EXPIRY_TICKS;
  const bound = Math.max(BOUNDED_EXPIRY_TICKS_MIN, Math.ceil(header.lagMax / TICK_MILLIS));
  return Math.min(QUERY_EXPIRY_TICKS, bound);
}

/** A bounded query for which the newest confirmation is fresh enough goes straight on. */
function isCovered(r: Replica, query: PendingQuery): boolean {
  const { confirmed } = r.reads;
  if (query.level !== 'bounded' || confirmed === null) return false;
  if (!isFresh(r, query, confirmed.askedAt)) return false;
  awaitIndex(r, { query, ...confirmed });
  return true;
}

/** Whether a confirmation that was asked for then is within the bound of the query. */
function isFresh(r: Replica, { message }: PendingQuery, askedAt: number): boolean {
  return r.monotonic - askedAt <= message.header.lagMax * MILLI;
}

/** Answers that could be given now are left for a later step. */
export function readsHaveWork(r: Replica): boolean {
  return r.reads.backlog;
}

/**
 * What waits is confirmed, asked of the primary, or answered, as far as it can be now. `timed`:
 * this step was given the time. Without that the process may have slept since the last one that
 * was, and what then looked fresh may be too old.
 */
export function advanceReads(r: Replica, step: { readonly timed: boolean }): void {
  if (r.reads.count === 0 && r.reads.remote.length === 0) return;
  startRounds(r);
  askForIndex(r);
  answerWaiting(r, step);
}

/** Answers what is executed far enough. */
function answerWaiting(r: Replica, step: { readonly timed: boolean }): void {
  const { reads } = r;
  reads.backlog = false;
  if (reads.waiting.length === 0 || reads.indexNext > r.commitMin || !r.restored) return;
  // In the middle of an op the state is none that ever was.
  if (r.executing !== null && r.executing.next > 0) return;
  // An answer shows the view: it waits until that is durable, as everything that shows it.
  if (r.superblock.durable.view < r.view) return;
  const left: WaitingQuery[] = [];
  let tried = 0;
  for (const waiting of reads.waiting) {
    const { query, index } = waiting;
    const executed = index <= r.commitMin;
    if (!executed || (query.level === 'bounded' && !step.timed)) {
      left.push(waiting);
    } else if (isTooStale(r, waiting)) {
      // It was fresh when it was confirmed; executing that far took too long.
      refuse(r, query.message, 'tooStale');
      forget(r, waiting);
    } else if (!mayLookAgain(r, waiting)) {
      left.push(waiting);
    } else if (tried === ANSWERS_PER_STEP) {
      left.push(waiting);
      reads.backlog = true;
    } else {
      tried += 1;
      if (answer(r, waiting)) forget(r, waiting);
      else left.push(waiting);
    }
  }
  setWaiting(r, left);
}

function isTooStale(r: Replica, { query, askedAt }: WaitingQuery): boolean {
  return query.level === 'bounded' && !isFresh(r, query, askedAt);
}

function setWaiting(r: Replica, waiting: WaitingQuery[]): void {
  r.reads.waiting = waiting;
  r.reads.indexNext = Op(
    waiting.reduce((least, { index }) => Math.min(least, index), Number.MAX_SAFE_INTEGER),
  );
}

/** False while it waits for blocks. */
function answer(r: Replica, waiting: WaitingQuery): boolean {
  const { level, message } = waiting.query;
  const { client, query: number, checksum, operation, floor, lagMax } = message.header;
  const op = r.commitMin;
  assert(op >= floor, 'a client never sees less than before');
  const hold = waiting.hold ?? r.forest.hold({ privileged: false });
  const { body } = message;
  const reply = r.forest.holding(hold, () => queryGuarded(r, { operation, body }));
  if (reply === null) {
    waitForBlocks(r, waiting, hold);
    return false;
  }
  waiting.hold = hold;
  trace(r, { kind: 'queried', op, level, lagMax, queryChecksum: checksum, operation, body, reply });
  const fields = { client, queryChecksum: checksum, query: number, op };
  sendToClient(r, client, compose(r, 'queryReply', fields, reply));
  return true;
}

/** It was answered or refused. */
function forget(r: Replica, waiting: WaitingQuery): void {
  releaseQuery(r, waiting);
  uncount(r, waiting.query);
}

function uncount(r: Replica, { message }: PendingQuery): void {
  r.reads.count -= 1;
  r.reads.bytes -= message.bytes.length;
  assert(r.reads.count >= 0 && r.reads.bytes >= 0, 'a query is forgotten once');
}

/**
 * What no quorum has confirmed is refused when the quorum stays lost: its client then knows why
 * nothing comes, and may ask another replica. Refusing a read can harm nothing, so it needs none of
 * the care of `refuseWithoutQuorum`. A bounded one has an end of its own. What is confirmed stays:
 * its index may be executed yet, and the answer then is as fresh as it owes to be.
 */
export function refuseUnconfirmed(r: Replica): void {
  keepQueries(r, (query) => {
    if (query.level !== 'linearizable') return true;
    refuse(r, query.message, 'noQuorum');
    uncount(r, query);
    return false;
  });
}

/** Drops the queries without a confirmed index that are not to be kept. */
function keepQueries(r: Replica, keep: (query: PendingQuery) => boolean): void {
  const { reads } = r;
  reads.arriving = reads.arriving.filter(keep);
  for (const round of reads.rounds) round.queries = round.queries.filter(keep);
  if (reads.asking !== null) {
    reads.asking = { ...reads.asking, queries: reads.asking.queries.filter(keep) };
  }
}

/** Asks again where an answer was lost, and refuses what has waited for too long. */
export function onReadTimeout(r: Replica): void {
  const { reads } = r;
  const keep = (query: PendingQuery): boolean => {
    if (r.tick < query.expiresAt) return true;
    refuse(r, query.message, 'tooStale');
    uncount(r, query);
    return false;
  };
  keepQueries(r, keep);
  setWaiting(
    r,
    reads.waiting.filter((waiting) => {
      if (keep(waiting.query)) return true;
      releaseQuery(r, waiting);
      return false;
    }),
  );
  repeatReadQuestions(r);
  if (reads.count > 0 || reads.rounds.length > 0) r.timers.start('read');
}
