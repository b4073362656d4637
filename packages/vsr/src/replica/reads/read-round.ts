import type { Message } from '../../message/message.ts';
import { type SlotSet, setAdd, setCount } from '../../std/bitset.ts';
import { type Op, opMax } from '../../std/numbers.ts';
import { isBeingReplaced } from '../members/replacement.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { isBackup, isPrimary, primaryOfView } from '../role.ts';
import { broadcast, send } from '../send.ts';
import { isOfOwnPrimary } from '../view-change/own-primary.ts';
import { releaseQuery } from './query-blocks.ts';
import type { PendingQuery, ReadRound } from './read-state.ts';

/** Rounds of confirmation under way at once: with one, queries would wait up to two round trips. */
const ROUNDS_MAX = 2;

/**
 * Primary: begins a round for all that came since the last one was sent, and for none that came
 * before: an echo of a round that was sent earlier may be older than the query, and between the
 * two another primary may have answered a write.
 */
export function startRounds(r: Replica): void {
  const { reads } = r;
  if (!isPrimary(r) || r.primary.abdicated !== null || reads.rounds.length >= ROUNDS_MAX) return;
  if (reads.arriving.length + reads.remote.length === 0) return;
  reads.roundNext += 1;
  const round: ReadRound = {
    number: reads.roundNext,
    // What this view has committed, and what earlier views may have: a new primary does not know
    // how much of the log that it began with was answered already.
    index: opMax(r.commitMax, r.primary.viewHead),
    head: r.op,
    askedAt: r.monotonic,
    confirmedBy: setAdd(0, r.slot),
    queries: reads.arriving.splice(0),
    remote: reads.remote.splice(0),
  };
  reads.rounds.push(round);
  if (r.replicaCount > 1) broadcast(r, 'confirmView', { round: round.number });
  r.timers.ensure('read');
  endRounds(r);
}

/**
 * The primary asks whether its view is still ours. The view in memory is what counts: who is in
 * this view now has helped no later one to begin.
 */
export function onConfirmView(r: Replica, message: Message<'confirmView'>): void {
  const { header } = message;
  // Nor does one confirm whose change to this view has not ended: it acknowledges nothing either,
  // and would keep a primary from seeing that nobody follows it.
  if (!isOfOwnPrimary(r, message)) return;
  send(r, header.replica, 'viewConfirmed', { round: header.round });
}

/** Primary: a peer is still in this view, for every round up to the one that it names. */
export function onViewConfirmed(r: Replica, message: Message<'viewConfirmed'>): void {
  const { header } = message;
  if (!isPrimary(r) || header.view !== r.view) {
    drop(r, message, 'stale_view');
    return;
  }
  for (const round of r.reads.rounds) {
    if (round.number > header.round || isBeingReplaced(r, header.replica, r.op)) break;
    round.confirmedBy = setAdd(round.confirmedBy, header.replica);
  }
  endRounds(r);
}

/**
 * Primary: an ack of this view, of an op that was prepared after a round began, says the same as
 * an echo of that round.
 */
export function confirmByAck(r: Replica, ack: { readonly slot: number; readonly op: Op }): void {
  if (r.reads.rounds.length === 0 || isBeingReplaced(r, ack.slot, r.op)) return;
  for (const round of r.reads.rounds) {
    if (ack.op <= round.head) break;
    round.confirmedBy = setAdd(round.confirmedBy, ack.slot);
  }
  endRounds(r);
}

/** One replication quorum of the voters; every view change meets it. */
function isConfirmed(r: Replica, confirmedBy: SlotSet): boolean {
  return setCount(confirmedBy) >= r.quorums.replication;
}

/** Rounds begin one after another, so a confirmation of one holds for all before it. */
function endRounds(r: Replica): void {
  const { rounds } = r.reads;
  const last = rounds.findLastIndex(({ confirmedBy }) => isConfirmed(r, confirmedBy));
  for (const round of rounds.splice(0, last + 1)) {
    confirm(r, round);
    for (const { slot, nonce } of round.remote) {
      send(r, slot, 'readIndex', { nonce, op: round.index });
    }
  }
}

/** The queries that waited for this index now wait until it is executed. */
function confirm(
  r: Replica,
  facts: {
    readonly index: Op;
    readonly askedAt: number;
    readonly queries: readonly PendingQuery[];
  },
): void {
  const { reads } = r;
  const { index, askedAt, queries } = facts;
  if (reads.confirmed === null || askedAt > reads.confirmed.askedAt) {
    reads.confirmed = { index, askedAt };
  }
  for (const query of queries) awaitIndex(r, { query, index, askedAt });
}

/** Puts a query among those that wait until an index, and their client's floor, is executed. */
export function awaitIndex(
  r: Replica,
  facts: { readonly query: PendingQuery; readonly index: Op; readonly askedAt: number },
): void {
  const { query, askedAt } = facts;
  const index = opMax(facts.index, query.message.header.floor);
  r.reads.waiting.push({ query, index, askedAt, hold: null, claimedThen: null });
  if (index < r.reads.indexNext) r.reads.indexNext = index;
}

/** Backup: one question to the primary at a time; what comes meanwhile waits for the next. */
export function askForIndex(r: Replica): void {
  const { reads } = r;
  if (!isBackup(r) || reads.asking !== null || reads.arriving.length === 0) return;
  const asking = {
    // Drawn, not counted: an answer that was on its way while this process was started anew
    // would otherwise pass for the answer to a later question.
    nonce: r.prng.u128() | 1n,
    askedAt: r.monotonic,
    least: r.commitMax,
    queries: reads.arriving.splice(0),
  };
  reads.asking = asking;
  send(r, primaryOfView(r), 'requestReadIndex', { nonce: asking.nonce });
}

/** Primary: a backup has queries; it joins the next round. */
export function onRequestReadIndex(r: Replica, message: Message<'requestReadIndex'>): void {
  const { header } = message;
  if (!isPrimary(r) || header.view !== r.view || r.primary.abdicated !== null) {
    drop(r, message, 'stale_view');
    return;
  }
  const { remote } = r.reads;
  const known = remote.findIndex(({ slot }) => slot === header.replica);
  if (known >= 0) remote.splice(known, 1);
  remote.push({ slot: header.replica, nonce: header.nonce });
}

/** Backup: the answer of the primary of this view. */
export function onReadIndex(r: Replica, message: Message<'readIndex'>): void {
  const { header } = message;
  const { asking } = r.reads;
  if (asking === null || header.nonce !== asking.nonce) {
    drop(r, message, 'not_fresh');
    return;
  }
  if (header.op < asking.least) {
    // All that is known here the primary knew before, or began its view with.
    drop(r, message, 'invalid_metadata');
    return;
  }
  r.reads.asking = null;
  confirm(r, { ...asking, index: header.op });
}

/**
 * The view is left: what was asked in it is asked again in the next one. Rounds die with their
 * view, for the echoes were of that view. So do confirmed indexes: one may be of an op that the
 * next view cuts off, and waiting for it could take for ever.
 */
export function carryReadsOver(r: Replica): void {
  const { reads } = r;
  for (const round of reads.rounds) reads.arriving.push(...round.queries);
  if (reads.asking !== null) reads.arriving.push(...reads.asking.queries);
  for (const waiting of reads.waiting) {
    if (waiting.query.level === 'local') continue;
    reads.arriving.push(waiting.query);
    releaseQuery(r, waiting);
  }
  reads.waiting = reads.waiting.filter(({ query }) => query.level === 'local');
  reads.rounds = [];
  reads.remote = [];
  reads.asking = null;
  reads.confirmed = null;
}

/** Sends again what may have been lost: the newest round's question, the backup's own. */
export function repeatReadQuestions(r: Replica): void {
  const { reads } = r;
  const newest = reads.rounds.at(-1);
  if (newest !== undefined) broadcast(r, 'confirmView', { round: newest.number });
  if (reads.asking !== null && isBackup(r)) {
    send(r, primaryOfView(r), 'requestReadIndex', { nonce: reads.asking.nonce });
  }
}
