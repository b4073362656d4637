import { setAdd, setHas } from '../../std/bitset.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isBackup, isVoter, primaryOfView } from '../role.ts';

/**
 * A peer's machine answered that nobody listens where its process was: most likely it has died. No
 * proof, so nothing is decided by it; it only shortens a wait. What is heard of the peer takes the
 * hint back.
 */
export function onPeerGone(r: Replica, slot: number): void {
  if (slot === r.slot || !isVoter(r, slot) || r.status === 'recovering') return;
  trace(r, { kind: 'peer_refused', peer: slot });
  r.peersGone = setAdd(r.peersGone, slot);
  waitLessForGone(r);
}

/**
 * Where the primary of this view seems gone, one heartbeat is waited for instead of its silence, or
 * of a view change that it would have to lead. The view still moves on a quorum of votes only: who
 * hears the primary does not vote.
 */
export function waitLessForGone(r: Replica): void {
  if (!setHas(r.peersGone, primaryOfView(r))) return;
  const wait = r.timers.ticks('heartbeat');
  if (isBackup(r)) r.timers.shorten('silence', wait);
  else if (r.status === 'view_change') r.timers.shorten('viewChange', wait);
}
