import { primarySlot } from '../../membership.ts';
import type { View } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { isVoter } from '../role.ts';
import { broadcast, send } from '../send.ts';

/**
 * A view above ours has begun: asks its primary for the log. Not limited by any budget: until it
 * comes this replica is of no use to the cluster. Asking shows a view that is not durable here, and
 * may: it promises nothing.
 */
export function askForView(r: Replica, view: View): void {
  const primary = primarySlot(view);
  if (primary === r.slot || !isVoter(r, primary)) return;
  if (r.timers.isRunning('requestStartView') && r.viewChange.nonce !== 0n) return;
  r.viewChange.nonce = r.prng.u128();
  r.timers.start('requestStartView');
  send(r, primary, 'requestStartView', { nonce: r.viewChange.nonce });
}

/** Everyone is asked: whoever is the primary answers. */
export function askEveryone(r: Replica): void {
  r.timers.start('requestStartView');
  if (r.viewChange.nonce === 0n) r.viewChange.nonce = r.prng.u128();
  broadcast(r, 'requestStartView', { nonce: r.viewChange.nonce });
}
