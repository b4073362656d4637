import type { Message } from '../../message/message.ts';
import type { FatalReason } from '../fatal-reasons.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import type { Status } from '../status.ts';

/*
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

/** A peer denies this replica's file. */
export function deny(r: Replica, pong: Message<'pong'>['header'], reason: Denial): void {
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
export function withdrawDenial(r: Replica, pong: Message<'pong'>['header']): boolean {
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
 * What this replica says that it is doing. Denied, it waits for what all others say of its file, as
 * when it was new. Otherwise: its primary takes it for one that serves, stays in office for its
 * sake, and slows commits until it has caught up, which it never does.
 */
export function statusTold(r: Replica): Status {
  return isDenied(r) && r.status !== 'recovering' ? 'introducing' : r.status;
}
