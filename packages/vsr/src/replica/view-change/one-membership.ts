import type { KnownFile } from '../../message/known-files.ts';
import { type SlotSet, setAdd, setCount, setHas } from '../../std/bitset.ts';
import type { DvcLog } from './select-log.ts';

/** A log, and what its author knows of the files of all slots. */
export interface ToldLog extends DvcLog {
  readonly files: readonly KnownFile[];
}

/**
 * The logs that a new primary may count together, its own among them: none of their authors knows
 * that the file of another has been replaced (rule recover-by-op). Where all agree that is one set
 * of all logs; else several, none within another, the largest first.
 *
 * A file that was replaced and came back to life speaks in the same slot as the new one: counted
 * beside those that go by the new one, it makes a quorum that need not meet theirs. Which of two
 * that disagree is right this replica can't tell before it has executed what they have, and need
 * not: no two of a quorum may. To leave out the one who knows more, always, would be as safe, but
 * of four replicas two that were replaced one after the other could stop the other two for good.
 */
export function logsOfOneMembership(
  dvcs: readonly ToldLog[],
  own: { readonly self: number; readonly files: readonly KnownFile[] },
): readonly (readonly ToldLog[])[] {
  const outdates = dvcs.map(({ files }) => outdatedBy(files, own.files));
  if (outdates.every((slots) => slots === 0)) return [dvcs];
  const sets: number[] = [];
  for (let set = 1; set < 2 ** dvcs.length; set += 1) {
    const logs = dvcs.filter((_, index) => setHas(set, index));
    const agree = isOneMembership(dvcs, set, outdates);
    if (agree && logs.some(({ replica }) => replica === own.self)) sets.push(set);
  }
  sets.sort((first, other) => setCount(other) - setCount(first));
  const largest = sets.filter(
    (set, place) => !sets.slice(0, place).some((other) => (other & set) === set),
  );
  return largest.map((set) => dvcs.filter((_, index) => setHas(set, index)));
}

/** Whether no author of the set takes the file of another of them for replaced. */
function isOneMembership(
  dvcs: readonly ToldLog[],
  set: number,
  outdates: readonly SlotSet[],
): boolean {
  let outdated = 0;
  let authors = 0;
  dvcs.forEach(({ replica }, index) => {
    if (!setHas(set, index)) return;
    outdated |= outdates[index] ?? 0;
    authors = setAdd(authors, replica);
  });
  return (outdated & authors) === 0;
}

/** Slots of which a replica with these files knows a newer one than `own`. */
function outdatedBy(files: readonly KnownFile[], own: readonly KnownFile[]): SlotSet {
  let outdated = 0;
  files.forEach(({ incarnation, since }, slot) => {
    const taken = own[slot];
    if (taken === undefined || since <= taken.since || incarnation === taken.incarnation) return;
    outdated = setAdd(outdated, slot);
  });
  return outdated;
}
