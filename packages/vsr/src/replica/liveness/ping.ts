import { primarySlot } from '../../membership.ts';
import { STATUS_CODES } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { setAdd, setHas, setRemove, setSlots } from '../../std/bitset.ts';
import { Op } from '../../std/numbers.ts';
import { answeredCheckpoint } from '../checkpoint/checkpoint-ids.ts';
import { isDenied, statusTold } from '../members/denial.ts';
import { introductionFields, meet, onIntroduction, strangerGate } from '../members/introduce.ts';
import { standingPromise } from '../members/promise.ts';
import { hearFiles, toldFiles } from '../members/told-files.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { send } from '../send.ts';
import { askForView } from '../view-change/ask-view.ts';
import { transitionToViewChange } from '../view-change/view-change.ts';
import { noteStatus } from './heard.ts';
import { noteExecuted } from './pacing.ts';
import { learnRoundTrip } from './round-trip.ts';

/** To every peer: asks for its clock, and shows the durable view and whether clocks agree here. */
export function onPingTimeout(r: Replica): void {
  r.timers.start('ping');
  pingAll(r);
}

function pingAll(r: Replica): void {
  for (const slot of setSlots(r.voters)) if (slot !== r.slot) sendPing(r, slot);
}

/** The primary names another checkpoint than this replica's own: asks all, once at each op. */
export function askAboutCheckpoint(r: Replica): void {
  if (r.checkpointAskedAt === r.checkpoint.op) return;
  r.checkpointAskedAt = r.checkpoint.op;
  pingAll(r);
}

function sendPing(r: Replica, to: number): void {
  r.pingedAt[to] = r.tick;
  send(r, to, 'ping', {
    checkpointId: r.checkpointId,
    checkpointOp: r.checkpoint.op,
    op: r.op,
    // Of a state that is still being fetched nothing can be executed.
    commit: r.restored ? r.commitMin : Op(0),
    ...standingPromise(r, to),
    monotonic: r.monotonic,
    life: r.life,
    status: STATUS_CODES[statusTold(r)],
    clock: r.clock.synchronized ? 1 : 0,
  });
}

export function onPing(r: Replica, message: Message<'ping'>): void {
  const { header } = message;
  const stranger = strangerGate(r, header);
  if (stranger === 'not_introduced') meet(r, header);
  const fields = {
    ...introductionFields(r, header),
    ...answeredCheckpoint(r, header),
    pingMonotonic: header.monotonic,
    pongWall: Math.max(0, Math.floor(r.wall)),
  };
  send(r, header.replica, 'pong', fields, toldFiles(r));
  if (stranger === 'other_incarnation') {
    drop(r, message, stranger); // Its pong has told it so.
    return;
  }
  // It has just come up, or this replica has: no reason to wait for the timer. Once a tick only:
  // two that are still writing each other down would answer each ping with another one, as fast as
  // their link is.
  const pinged = r.pingedAt[header.replica] === r.tick;
  if (!setHas(r.greeted, header.replica) && !pinged) sendPing(r, header.replica);
  if (stranger !== null) return;
  noteStatus(r, header);
  // Who takes part in nothing comes no nearer, however long the others wait for it.
  const waits = header.status === STATUS_CODES.introducing;
  noteExecuted(r, { slot: header.replica, op: waits ? null : header.commit });
  r.clockAgreed =
    header.clock === 1
      ? setAdd(r.clockAgreed, header.replica)
      : setRemove(r.clockAgreed, header.replica);
  followHigherView(r, message);
}

export function onPong(r: Replica, message: Message<'pong'>): void {
  const { header } = message;
  hearFiles(r, message);
  const stranger = strangerGate(r, header);
  if (stranger === 'other_incarnation') {
    drop(r, message, stranger);
    return;
  }
  if (stranger === 'not_introduced') meet(r, header);
  onIntroduction(r, message);
  if (stranger !== null) return;
  if (header.pingMonotonic > r.monotonic) {
    drop(r, message, 'stale_ping');
    return;
  }
  const sample = { sent: header.pingMonotonic, peerWall: header.pongWall };
  r.clock.learn(header.replica, sample, r.monotonic);
  learnRoundTrip(r, header.replica, r.monotonic - header.pingMonotonic);
  followHigherView(r, message);
}

/** A peer is durably in a higher view: this replica follows, and learns there whether it began. */
function followHigherView(r: Replica, { header }: Message): void {
  if (header.view <= r.view || isDenied(r)) return;
  if (r.status === 'recovering_head') askForView(r, header.view);
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (primarySlot(header.view) === header.replica) askForView(r, header.view);
  transitionToViewChange(r, header.view);
}
