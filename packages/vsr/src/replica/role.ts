import { primarySlot, SLOT_COUNT } from '../membership.ts';
import { setHas } from '../std/bitset.ts';
import type { Replica } from './replica.ts';

/** Slot of the primary of the current view. */
export function primaryOfView(r: Replica): number {
  return primarySlot(r.view);
}

/** Primary in normal status: the only one that orders requests. */
export function isPrimary(r: Replica): boolean {
  return r.status === 'normal' && primarySlot(r.view) === r.slot;
}

export function isBackup(r: Replica): boolean {
  return r.status === 'normal' && primarySlot(r.view) !== r.slot;
}

export function isVoter(r: Replica, slot: number): boolean {
  return slot < SLOT_COUNT && setHas(r.voters, slot);
}
