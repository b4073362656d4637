import { type KnownFile } from '../../message/known-files.ts';
import { setAdd, setHas, setSlots } from '../../std/bitset.ts';
import type { DvcLog } from './select-log.ts';

/** A log, and what its author knows of the files of all slots. */
export interface ToldLog extends DvcLog {
  readonly files: readonly KnownFile[];
}

/**
 * The logs that a new primary may count together: the most of them, its own among them, none of
 * which knows that the file of another has been replaced (rule recover-by-op). None when there are
 * no such.
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
): ToldLog[] {
  const outdates = dvcs.map(({ files }) => outdatedBy(files, own.files));
  if (outdates.every((slots) => slots === 0)) return [...dvcs];
  let most: ToldLog[] = [];
  for (let choice = 1; choice < 2 ** dvcs.length; choice += 1) {
    const chosen = dvcs.filter((_, index) => setHas(choice, index));
    if (chosen.length <= most.length || !chosen.some(({ replica }) => replica === own.self))
      continue;
    const outdated = setSlots(choice).reduce((slots, index) => slots | (outdates[index] ?? 0), 0);
    if (chosen.every(({ replica }) => !setHas(outdated, replica))) most = chosen;
  }
  return most;
}

/** Slots of which a replica with these files knows a newer one than `own`. */
function outdatedBy(files: readonly KnownFile[], own: readonly KnownFile[]): number {
  let outdated = 0;
  files.forEach(({ incarnation, since }, slot) => {
    const taken = own[slot];
    if (taken === undefined || since <= taken.since || incarnation === taken.incarnation) return;
    outdated = setAdd(outdated, slot);
  });
  return outdated;
}
