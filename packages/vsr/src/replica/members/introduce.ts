import { nextView, primarySlot } from '../../membership.ts';
import { type KnownFile, UNKNOWN_FILE } from '../../message/known-files.ts';
import type { Header } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { setAdd, setHas, setRemove, setSlots } from '../../std/bitset.ts';
import { Op, View, viewMax } from '../../std/numbers.ts';
import { fileOf, isKnownByEnough, withFile } from '../../superblock/introductions.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import type { FatalReason } from '../effect.ts';
import { noteUnknowing } from '../liveness/unfollowed.ts';
import type { DropReason } from '../reasons.ts';
import type { PeerPromise, Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import { durableHead } from '../view-change/durable-head.ts';

/*
 * Who is who. A replica's promises live in its data file, so what counts is not the slot that
 * speaks but the file behind it.
 *
 * Rule introduced-before-promising: a replica takes part in nothing before every other voter has
 * durably noted its file. So whoever ever acknowledged or voted is known to all, by a file that a
 * second one in the same slot can't pass for. Otherwise: B acknowledges with C, A is down since it
 * was formatted and has never met B; B's disk is lost and formatted anew; A and the new B elect a
 * primary, and the acknowledged op is gone.
 *
 * Rule promise-remembered: every replica remembers, while it runs, the most that each peer has
 * promised it, and says so in its pongs. Before a replica promises anything to a peer in this life
 * of its process, or counts what that peer says, it must have heard this, in answer to a ping of
 * this life: an older answer, which waited on its way, may be from before the last promise. A file
 * that is behind its own promise was put back from an old copy. Otherwise: B acknowledges with C,
 * is put back to a copy from before that, and elects a primary with A that has never seen the op.
 *
 * Rule denied-is-mute: a replica whose file one peer denies, as another than the member's or behind
 * its promise, is mute and deaf but for pings and pongs, as if its links were cut: one honest peer
 * that remembers is enough. Its pings tell no promise, for it makes none: a view that an old copy
 * came to would else be held against the newest file when that is back in its place. It ends for
 * good when a second peer denies it (of two replicas: the first). One alone may lie: it could end
 * every honest replica, and have its file thrown away. A peer forgets when it starts anew, but in
 * one life it never takes back what it has said: one that does was not to be believed. Otherwise:
 * the one peer that remembers restarts, and the old copy counts.
 */

/** Why a peer denies this replica's file. */
export type Denial = Extract<FatalReason, 'other_incarnation' | 'rolled_back'>;

/** What a peer has promised that has promised nothing. */
export function noPromise(): PeerPromise {
  return { view: View(0), logView: View(0), op: Op(0) };
}

/** Whether this replica may take part: enough others durably know its file. */
export function isIntroduced(r: Replica): boolean {
  const { introductions } = r.superblock.durable;
  const { replication } = r.quorums;
  return isKnownByEnough(introductions, { self: r.slot, voters: r.voters, replication });
}

/** Why nothing that this author says is taken, or null. Only pings and pongs need no greeting. */
export function strangerGate(r: Replica, header: Header): DropReason | null {
  const { replica, incarnation, command } = header;
  const { durable } = r.superblock;
  let known = fileOf(r.introductions, replica).incarnation;
  if (known === incarnation && durable.introductions !== r.introductions) {
    known = fileOf(durable.introductions, replica).incarnation;
  }
  if (known === 0n) return 'not_introduced';
  if (known !== incarnation) return 'other_incarnation';
  if (command === 'ping' || command === 'pong') return null;
  return setHas(r.greeted, replica) ? null : 'not_greeted';
}

/** Notes the file of a peer that was never met before. Its messages count once that is durable. */
export function meet(r: Replica, { replica, incarnation }: Header): void {
  if (incarnation === 0n || fileOf(r.introductions, replica).incarnation !== 0n) return;
  r.introductions = withFile(r.introductions, replica, { incarnation, since: Op(0) });
  updateSuperblock(r);
}

/** Remembers what a known peer promises: votes, acknowledgements, and that it leads. */
export function rememberPromise(r: Replica, header: Header): void {
  const { command, replica, view } = header;
  const promise = r.promises[replica];
  if (promise === undefined) return;
  switch (command) {
    case 'prepareOk':
      rememberLog(promise, view, header.op);
      break;
    case 'commit':
      rememberLog(promise, view, header.durableOp);
      break;
    case 'startView':
      rememberLog(promise, view, Op(0));
      break;
    case 'ping':
      rememberLog(promise, header.promisedLogView, header.promisedOp);
      promise.view = viewMax(promise.view, header.promisedView);
      return;
    case 'startViewChange':
    case 'doViewChange':
      break;
    default:
      return;
  }
  promise.view = viewMax(promise.view, view);
}

function rememberLog(promise: PeerPromise, view: View, op: Op): void {
  if (view < promise.logView || (view === promise.logView && op <= promise.op)) return;
  promise.logView = view;
  promise.op = op;
}

/**
 * What this replica stands by, told with its pings to a peer that has greeted it: to another one
 * it would seem to be of an earlier life.
 */
export function standingPromise(
  r: Replica,
  to: number,
): Pick<Message<'ping'>['header'], 'promisedView' | 'promisedLogView' | 'promisedOp'> {
  const stands = setHas(r.greeted, to) && !isDenied(r);
  const { view, logView } = stands ? r.superblock.durable : noPromise();
  // A log above a checkpoint that is being taken over is not this file's before its superblock
  // says so: a crash in between starts with the log before.
  const current = stands && logView === r.logView && !r.restorePending;
  const op = current ? durableHead(r) : Op(0);
  return { promisedView: view, promisedLogView: logView, promisedOp: op };
}

/** What a pong tells the peer that pinged about itself. */
export function introductionFields(
  r: Replica,
  ping: Message<'ping'>['header'],
): Pick<
  Message<'pong'>['header'],
  | 'pingIncarnation'
  | 'pingLife'
  | 'knownIncarnation'
  | 'knownSince'
  | 'promisedView'
  | 'promisedLogView'
  | 'promisedOp'
  | 'life'
> {
  const known = vouchedFile(r, ping.replica);
  const promise = r.promises[ping.replica] ?? noPromise();
  return {
    pingIncarnation: ping.incarnation,
    pingLife: ping.life,
    knownIncarnation: known.incarnation,
    knownSince: known.since,
    promisedView: promise.view,
    promisedLogView: promise.logView,
    promisedOp: promise.op,
    life: r.life,
  };
}

/**
 * The file that this replica says it durably knows. One that took the place of a lost one itself,
 * and does not take part yet, vouches for no other such file (rule recover-by-op).
 */
function vouchedFile(r: Replica, slot: number): KnownFile {
  const known = fileOf(r.superblock.durable.introductions, slot);
  return known.since > 0 && !isIntroduced(r) ? UNKNOWN_FILE : known;
}

/** What a peer knows of this replica's own file. */
export function onIntroduction(r: Replica, { header }: Message<'pong'>): void {
  // An answer to an earlier file of this slot says nothing of this one.
  if (header.pingIncarnation !== r.incarnation) return;
  // Nor one to an earlier life of the process: more may have been promised after that.
  if (header.pingLife !== r.life) return;
  if (header.knownIncarnation === 0n) return; // It is still writing it down.
  if (header.knownIncarnation !== r.incarnation) {
    const { since } = fileOf(r.introductions, r.slot);
    // A peer that lags may not have heard yet that this file took the place of another. And when
    // all have noted this one, nothing but a later op puts another in its place.
    const outdated = header.knownSince < since || (header.knownSince === since && isIntroduced(r));
    if (!outdated) deny(r, header, 'other_incarnation');
    else noteUnknowing(r, header);
    return;
  }
  if (!setHas(r.greeted, header.replica) && isBehindItsPromise(r, header)) {
    deny(r, header, 'rolled_back');
    return;
  }
  if (withdrawDenial(r, header)) greet(r, header);
}

/** Rule denied-is-mute. */
function deny(r: Replica, pong: Message<'pong'>['header'], reason: Denial): void {
  const { replica, life } = pong;
  const known = r.denials.get(replica);
  if (known?.life !== life || known.reason !== reason) {
    trace(r, { kind: 'denied', peer: replica, reason });
  }
  const pingMonotonic = Math.max(known?.pingMonotonic ?? 0, pong.pingMonotonic);
  r.denials.set(replica, { reason, life, pingMonotonic });
  const enough = r.replicaCount === 2 ? 1 : 2;
  if (r.denials.size >= enough) fatal(r, reason);
}

/** Whether nothing is left of what the peer once denied. */
function withdrawDenial(r: Replica, pong: Message<'pong'>['header']): boolean {
  const { replica, life, pingMonotonic } = pong;
  const known = r.denials.get(replica);
  if (known === undefined) return true;
  if (known.life !== life) return false; // It has forgotten.
  // An answer from before the denial, late on its way: what it denies it may have heard since.
  if (pingMonotonic <= known.pingMonotonic) return false;
  r.denials.delete(replica);
  trace(r, { kind: 'denial_withdrawn', peer: replica });
  return true;
}

/** Whether this replica is mute and deaf, because a peer denies its file. */
export function isDenied(r: Replica): boolean {
  return r.denials.size > 0;
}

/**
 * Nothing was promised to this peer in this life yet, so what it remembers is of earlier ones: it
 * was durable before it was sent, and so stands in the file as it was opened. A head that
 * corruption made uncertain may be below what was acknowledged; the replica knows that, and
 * promises nothing before it is repaired.
 */
function isBehindItsPromise(r: Replica, pong: Message<'pong'>['header']): boolean {
  const { view, logView, op } = r.atStart;
  if (view < pong.promisedView) return true;
  if (logView !== pong.promisedLogView) return logView < pong.promisedLogView;
  return r.headCertain && op < pong.promisedOp;
}

function greet(r: Replica, { replica: slot, knownSince, view }: Message<'pong'>['header']): void {
  if (!setHas(r.greeted, slot)) {
    r.greeted = setAdd(r.greeted, slot);
    trace(r, { kind: 'greeted', peer: slot });
    sendOwed(r);
  }
  if (setHas(r.introductions.knownBy, slot)) return;
  const { introductions } = r;
  const { since } = fileOf(introductions, r.slot);
  // Noted by a ping alone, it is not known there what it took the place of.
  if (knownSince < since) return;
  if (since > 0 && r.status === 'introducing') beginAbove(r, { peer: slot, theirs: view });
  r.introductions = { ...introductions, knownBy: setAdd(introductions.knownBy, slot) };
  updateSuperblock(r);
}

/**
 * A peer that knows this file now may have sent its log for its view beside the lost file's: in a
 * lower view nothing is promised any more, and in one of this slot's the lost one may have led.
 */
function beginAbove(
  r: Replica,
  { peer, theirs }: { readonly peer: number; readonly theirs: View },
): void {
  const view = primarySlot(theirs) === r.slot ? nextView(theirs, r.voters) : theirs;
  if (view <= r.view) return;
  r.view = view;
  trace(r, { kind: 'view_raised', peer, theirs, view });
}

/** What was held back until now goes out with the next tick. */
function sendOwed(r: Replica): void {
  const timers = ['startViewChange', 'doViewChange', 'heartbeat'] as const;
  for (const name of timers) if (r.timers.isRunning(name)) r.timers.hurry(name);
}

/** Voters that are not known to have noted this replica's file yet, for people. */
export function unmetPeers(r: Replica): number[] {
  const { knownBy } = r.introductions;
  return setSlots(setRemove(r.voters & ~knownBy, r.slot));
}
