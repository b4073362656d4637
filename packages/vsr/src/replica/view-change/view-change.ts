import { assert } from '@kimberlite/store';
import { nextView, primarySlot } from '../../membership.ts';
import type { Message } from '../../message/message.ts';
import { setAdd, setCount } from '../../std/bitset.ts';
import type { View } from '../../std/numbers.ts';
import { updateSuperblock } from '../checkpoint/superblock-update.ts';
import { waitLessForGone } from '../liveness/peer-gone.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { isBackup } from '../role.ts';
import { clearViewState, transitionToStatus } from '../status.ts';
import { logSuffix } from './chain.ts';
import { backOff } from './view-change-pace.ts';
import { voteToLeave } from './vote.ts';

/** Enters a higher view: its do_view_change goes out when the view is durable. */
export function transitionToViewChange(r: Replica, view: View): void {
  assert(view > r.view, 'views only grow');
  assert(r.status === 'normal' || r.status === 'view_change', 'a replica with a certain log');
  r.viewChange.headers = logSuffix(r);
  clearViewState(r);
  r.view = view;
  r.viewChange.attempts += 1;
  transitionToStatus(r, 'view_change');
  updateSuperblock(r);
  startViewChangeTimer(r);
}

/** The longer, the more view changes in a row did not end. */
export function startViewChangeTimer(r: Replica): void {
  r.timers.start('viewChange', backOff(r));
  waitLessForGone(r);
}

/** A peer votes to leave its view. */
export function onStartViewChange(r: Replica, message: Message<'startViewChange'>): void {
  const { header } = message;
  if (header.view < r.view) {
    drop(r, message, 'stale_view');
    return;
  }
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (header.view > r.view) transitionToViewChange(r, header.view);
  r.viewChange.votes = setAdd(r.viewChange.votes, header.replica);
  r.timers.ensure('startViewChangeWindow');
  if (header.replica === primarySlot(r.view) && r.viewChange.voting === null) {
    // The primary itself gives way: there is nothing to wait for.
    voteToLeave(r, 'primary_voted');
  }
  // Jitter keeps backups from voting in step, and one of them has voted. Who has heard nothing for
  // all of the silence itself waits no longer; who hears the primary starts it anew, with jitter.
  if (isBackup(r)) r.timers.skipJitter('silence');
}

/** A quorum of votes moves the view; a set, so that a repeated vote counts once. */
export function leaveViewOnQuorum(r: Replica): void {
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (setCount(r.viewChange.votes) < r.quorums.viewChange) return;
  transitionToViewChange(r, nextView(r.view, r.voters));
}

/** The view change did not end: this view is left too. */
export function onViewChangeTimeout(r: Replica): void {
  if (r.status !== 'view_change') return;
  startViewChangeTimer(r);
  voteToLeave(r, 'view_change_stuck');
}
