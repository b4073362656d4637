import { STATUS_CODES } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { setSlots } from '../../std/bitset.ts';
import { fileOf } from '../../superblock/introductions.ts';
import type { Following } from '../primary-state.ts';
import type { Replica } from '../replica.ts';
import { isPrimary } from '../role.ts';

/*
 * Giving way to be followed (rule abdication). A voter that was away when a lost file was replaced
 * takes the new file for a stranger. It learns of it from the log or a checkpoint, and those come
 * from a primary alone: when the new file itself leads, the voter takes no word of it and stays in
 * its view change for ever. So the new file gives way, once in a view, to let one lead whom the
 * voter knows. Others do not tell the voter of the new file instead: one that lied could make it
 * deaf to a living member for good.
 */

/** Primary: a voter tells how it is. */
export function noteFollowing(r: Replica, { header }: Message<'ping'>): void {
  if (!isPrimary(r) || header.view !== r.view) return;
  const { replica: slot, status, commit } = header;
  r.primary.following.set(slot, { tick: r.tick, status, commit });
  if (status === STATUS_CODES.normal) r.primary.unknowing.delete(slot);
}

/** Primary: a voter of this view still takes the file that was lost for that of this slot. */
export function noteUnknowing(
  r: Replica,
  { replica: slot, view }: Message<'pong'>['header'],
): void {
  if (!isPrimary(r) || view !== r.view) return;
  const { following, unknowing } = r.primary;
  if (following.get(slot)?.status !== STATUS_CODES.view_change) return;
  if (!unknowing.has(slot)) unknowing.set(slot, r.tick);
}

/**
 * Whether to give way for such a voter: it has waited for longer than a view change takes, and
 * another replica could lead it. Where nobody could, views would change for nothing.
 */
export function isUnfollowed(r: Replica): boolean {
  const limit = r.timers.ticks('viewChange');
  const { unknowing, gaveWayForUnknowingAt } = r.primary;
  // In vain, for as long again: this view is not worth another try.
  if (gaveWayForUnknowingAt !== null && r.tick - gaveWayForUnknowingAt > limit) return false;
  return [...unknowing].some(([slot, since]) => r.tick - since > limit && canBeLed(r, slot));
}

function canBeLed(r: Replica, unknowing: number): boolean {
  const told = recent(r, unknowing);
  if (told?.status !== STATUS_CODES.view_change) return false;
  return setSlots(r.voters).some((slot) => {
    if (slot === r.slot || slot === unknowing) return false;
    if (recent(r, slot)?.status !== STATUS_CODES.normal) return false;
    return fileOf(r.introductions, slot).since <= told.commit;
  });
}

function recent(r: Replica, slot: number): Following | null {
  const told = r.primary.following.get(slot);
  return told !== undefined && r.tick - told.tick <= r.timers.ticks('abdicate') ? told : null;
}
