import { setAdd, setRemove } from '../../std/bitset.ts';
import type { VoteReason } from '../reasons.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { broadcast } from '../send.ts';

/**
 * Votes to leave the *current* view (rule vote-to-leave). The view itself moves only on a quorum of
 * such votes, so a replica that can send but not hear, or is cut off, never inflates it.
 */
export function voteToLeave(r: Replica, reason: VoteReason): void {
  if (r.status !== 'normal' && r.status !== 'view_change') return;
  if (r.viewChange.voting === null) trace(r, { kind: 'vote', view: r.view, reason });
  r.viewChange.voting = reason;
  r.viewChange.votes = setAdd(r.viewChange.votes, r.slot);
  broadcast(r, 'startViewChange', {});
  r.timers.start('startViewChange');
  r.timers.ensure('startViewChangeWindow');
}

/** The reason to leave is gone: the primary was heard, or it hears its backups again. */
export function withdrawVote(r: Replica, reason: VoteReason): void {
  if (r.viewChange.voting !== reason) return;
  r.viewChange.voting = null;
  r.viewChange.votes = setRemove(r.viewChange.votes, r.slot);
  r.timers.stop('startViewChange');
}

export function onStartViewChangeTimeout(r: Replica): void {
  if (r.viewChange.voting !== null) voteToLeave(r, r.viewChange.voting);
}

/** Votes do not wait for ever: what was true five seconds ago is no reason to move. */
export function onVoteWindowTimeout(r: Replica): void {
  r.viewChange.votes = r.viewChange.voting === null ? 0 : setAdd(0, r.slot);
  if (r.viewChange.voting !== null) r.timers.start('startViewChangeWindow');
}
