import { SLOT_COUNT } from '../../membership.ts';
import { type Header, STATUS_CODES } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { setAdd, setHas, setRemove, setSlots } from '../../std/bitset.ts';
import type { Replica } from '../replica.ts';

/**
 * Whether enough voters were heard in this view, within the time for which backups bear a silent
 * primary, to replicate anything with them. Without it a primary gives no request a place in the
 * log: they may have left its view already, and what is not begun can still be refused for sure. A
 * second guard, by one's own ticks alone: that nothing wrong commits is the quorums' doing.
 */
export function hearsReplicationQuorum(r: Replica): boolean {
  return heardInView(r, r.timers.ticks('silence')) >= r.quorums.replication;
}

/**
 * Whether a peer shows that it is in this view and serves in it: the primary counts on its acks.
 * One whose view change does not end is in the view too, but acknowledges nothing and confirms no
 * read.
 */
export function showsFollowing(r: Replica, header: Header): boolean {
  if (header.view !== r.view) return false;
  switch (header.command) {
    case 'ping':
      return header.status === STATUS_CODES.normal;
    case 'prepareOk':
    case 'viewConfirmed':
    case 'requestReadIndex':
      return true;
    default:
      return false;
  }
}

/** Voters heard in this view within the last `ticks` ticks, this replica included. */
export function heardInView(r: Replica, ticks: number): number {
  let heard = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (!setHas(r.voters, slot)) continue;
    if (slot === r.slot || isHeardInView(r, slot, ticks)) heard += 1;
  }
  return heard;
}

/** Primary: whether a peer was heard in this view within the last `ticks` ticks. */
export function isHeardInView(r: Replica, slot: number, ticks: number): boolean {
  const at = r.primary.heardInViewAt[slot] ?? Number.NEGATIVE_INFINITY;
  return r.tick - at <= ticks;
}

/** Primary: the other voters that were heard in this view of late enough not to give way. */
export function peersInView(r: Replica): number[] {
  const limit = r.timers.ticks('abdicate');
  return setSlots(r.voters).filter((slot) => slot !== r.slot && isHeardInView(r, slot, limit));
}

/** A peer that was not heard for so many heartbeats does not count. */
const HEARTBEATS = 2;

/**
 * Voters heard of late that take part, this replica included. One that waits for its introduction,
 * is denied, or does not know its log's head, is up and no help to a quorum.
 */
export function heardCount(r: Replica): number {
  let heard = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (!setHas(r.voters, slot)) continue;
    if (slot === r.slot || (isHeard(r, slot) && !setHas(r.aside, slot))) heard += 1;
  }
  return heard;
}

/** A peer's ping says what it is doing. */
export function noteStatus(r: Replica, { replica, status }: Message<'ping'>['header']): void {
  const waits = status === STATUS_CODES.introducing || status === STATUS_CODES.recovering_head;
  r.aside = waits ? setAdd(r.aside, replica) : setRemove(r.aside, replica);
}

/** Of late, in whatever view. */
export function isHeard(r: Replica, slot: number): boolean {
  const at = r.heardAt[slot] ?? Number.NEGATIVE_INFINITY;
  return r.tick - at <= HEARTBEATS * r.timers.ticks('heartbeat');
}
