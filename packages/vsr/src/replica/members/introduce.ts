import { nextView, primarySlot } from '../../membership.ts';
import type { KnownFile } from '../../message/known-files.ts';
import type { Header } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { setAdd, setCount, setHas, setRemove, setSlots } from '../../std/bitset.ts';
import { Op, type View } from '../../std/numbers.ts';
import { fileOf, isKnownByEnough, withFile } from '../../superblock/introductions.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import type { DropReason } from '../reasons.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { deny, isDenied, withdrawDenial } from './denial.ts';
import { isBehindItsPromise, noPromise } from './promise.ts';

/*
 * Who is who. A replica's promises live in its data file, so what counts is not the slot that
 * speaks but the file behind it. An old copy of that file is found in promise.ts, and what becomes
 * of one that is not to be believed stands in denial.ts.
 *
 * Rule introduced-before-promising: a replica takes part in nothing before every other voter has
 * durably noted its file; of one in a lost one's place a replication quorum must (rule
 * recover-by-op). So whoever ever acknowledged or voted is known to all, by a file that a
 * second one in the same slot can't pass for. Otherwise: B acknowledges with C, A is down since it
 * was formatted and has never met B; B's disk is lost and formatted anew; A and the new B elect a
 * primary, and the acknowledged op is gone.
 */

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

/**
 * Whether this replica notes files that it meets only when two peers name them: its own took the
 * place of a lost one (rule told-by-two).
 */
export function goesByWords(r: Replica): boolean {
  return fileOf(r.introductions, r.slot).since > 0;
}

/**
 * Notes the file of a peer that was never met before. Its messages count once that is durable.
 */
export function meet(r: Replica, { replica, incarnation }: Header): void {
  if (goesByWords(r)) return;
  if (incarnation === 0n || fileOf(r.introductions, replica).incarnation !== 0n) return;
  r.introductions = withFile(r.introductions, replica, { incarnation, since: Op(0) });
  updateSuperblock(r);
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
  const known = fileOf(r.superblock.durable.introductions, ping.replica);
  const isVouch = known.incarnation === ping.incarnation;
  const promise = r.promises[ping.replica] ?? noPromise();
  return {
    pingIncarnation: ping.incarnation,
    pingLife: ping.life,
    knownIncarnation: known.incarnation,
    knownSince: isVouch && !mayVouch(r, ping.replica, known) ? Op(0) : known.since,
    promisedView: promise.view,
    promisedLogView: promise.logView,
    promisedOp: promise.op,
    life: r.life,
  };
}

/**
 * Whether this replica says that it knows what this file took the place of: the new file takes part
 * on the word of those that do (rule recover-by-op). Only who has executed the op says so: no new
 * file does before it takes part, and no old copy of a member's file, which is mute, or will be as
 * soon as it hears who remembers it. Otherwise: such a copy hears of the new file from others (rule
 * told-by-two) and gives its word; the newest file, when it is back, knows nothing of that.
 *
 * And it says so once it has heard so many others as make a replication quorum with it. A primary
 * whose prepares bring the op is one of them (promise.ts): it remembers what this file acknowledged
 * in its view, and of four replicas, or six, others need not. Otherwise: such a copy executes the
 * op, and gives its word before the pong comes that denies it. A copy that has the op on its disk
 * already is beyond that (docs/failure-model.md): to ask for a primary would keep two of four
 * replicas, started again, from letting in the third.
 */
function mayVouch(r: Replica, asker: number, { since }: KnownFile): boolean {
  const others = setCount(setRemove(r.greeted, asker));
  return !isDenied(r) && since <= r.commitMin && others >= r.quorums.replication - 1;
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
    return;
  }
  if (!setHas(r.greeted, header.replica) && isBehindItsPromise(r, header)) {
    deny(r, header, 'rolled_back');
    return;
  }
  if (withdrawDenial(r, header)) greet(r, header);
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
