import { primarySlot } from '../membership.ts';
import type { Message } from '../message/message.ts';
import { askForView } from './ask-view.ts';
import type { Replica } from './replica.ts';
import { broadcast, drop, send, trace } from './send.ts';
import type { Status } from './trace.ts';
import { transitionToViewChange } from './view-change.ts';

export const STATUS_CODES: Readonly<Record<Status, number>> = {
  recovering: 0,
  normal: 1,
  view_change: 2,
  recovering_head: 3,
};

/** To every peer: asks for its clock, and shows the durable view. */
export function onPingTimeout(r: Replica): void {
  r.timers.start('ping');
  broadcast(r, 'ping', {
    checkpointId: r.checkpointId,
    checkpointOp: r.checkpoint.op,
    op: r.op,
    commit: r.commitMin,
    monotonic: r.monotonic,
    status: STATUS_CODES[r.status],
  });
  if (r.clock.synchronize({ monotonic: r.monotonic, wall: r.wall })) {
    trace(r, { kind: 'clock', synchronized: r.clock.synchronized });
  }
}

export function onPing(r: Replica, message: Message<'ping'>): void {
  const { header } = message;
  send(r, header.replica, 'pong', {
    pingMonotonic: header.monotonic,
    pongWall: Math.max(0, Math.floor(r.wall)),
  });
  followHigherView(r, message);
}

export function onPong(r: Replica, message: Message<'pong'>): void {
  const { header } = message;
  if (header.pingMonotonic > r.monotonic) {
    drop(r, message, 'stale_ping');
    return;
  }
  const sample = { sent: header.pingMonotonic, peerWall: header.pongWall };
  r.clock.learn(header.replica, sample, r.monotonic);
  followHigherView(r, message);
}

/** A peer is durably in a higher view: this replica follows, and learns there whether it began. */
function followHigherView(r: Replica, { header }: Message): void {
  if (header.view <= r.view) return;
  if (r.status === 'recovering_head') askForView(r, header.view);
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (primarySlot(header.view) === header.replica) askForView(r, header.view);
  transitionToViewChange(r, header.view);
}
