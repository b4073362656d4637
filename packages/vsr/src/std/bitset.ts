import { assert } from '@kimberlite/store';

/**
 * A set of member slots (0–15) in one number. Votes are kept in sets, never in counters: a second
 * message of the same replica is absorbed (rule quorum-distinct).
 */
export type SlotSet = number;

export function setAdd(set: SlotSet, slot: number): SlotSet {
  assert(slot >= 0 && slot < 16, 'slot in range');
  return set | (1 << slot);
}

export function setRemove(set: SlotSet, slot: number): SlotSet {
  return set & ~(1 << slot);
}

export function setHas(set: SlotSet, slot: number): boolean {
  return (set & (1 << slot)) !== 0;
}

export function setCount(set: SlotSet): number {
  let rest = set;
  let count = 0;
  while (rest !== 0) {
    rest &= rest - 1;
    count += 1;
  }
  return count;
}

export function setSlots(set: SlotSet): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < 16; slot += 1) if (setHas(set, slot)) slots.push(slot);
  return slots;
}
