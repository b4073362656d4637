import { describe, expect, it } from 'vitest';
import { SLOT_COUNT } from '../../membership.ts';
import { type KnownFile, UNKNOWN_FILE } from '../../message/known-files.ts';
import { Op, View } from '../../std/numbers.ts';
import { logsOfOneMembership, type ToldLog } from './one-membership.ts';

type Files = Readonly<Record<number, KnownFile>>;

const NEW = { incarnation: 77n, since: Op(9) };

function filesOf(known: Files): KnownFile[] {
  return Array.from({ length: SLOT_COUNT }, (_, slot) => known[slot] ?? UNKNOWN_FILE);
}

/** The log of a replica that knows of these files. */
function told(replica: number, known: Files = {}): ToldLog {
  const log = { logView: View(1), op: Op(3), commitMin: Op(0), nackBits: 0, presentBits: 0 };
  return { replica, ...log, headers: [], files: filesOf(known) };
}

/** The sets that replica 0 may count, by their authors; it knows of these files. */
function setsOf(logs: readonly ToldLog[], known: Files = {}): number[][] {
  const sets = logsOfOneMembership(logs, { self: 0, files: filesOf(known) });
  return sets.map((set) => set.map(({ replica }) => replica));
}

describe('the logs that are counted together', () => {
  it('are all, where nobody knows more, or all the more is known here too', () => {
    expect(setsOf([told(0), told(1), told(2)])).toEqual([[0, 1, 2]]);
    const knowing = told(1, { 2: NEW });
    expect(setsOf([told(0, { 2: NEW }), knowing, told(2)], { 2: NEW })).toEqual([[0, 1, 2]]);
  });

  it('are without the lost file, or without those that know of it, the most of them first', () => {
    const logs = [told(0), told(1), told(2, { 1: NEW }), told(3, { 1: NEW })];
    expect(setsOf(logs)).toEqual([
      [0, 2, 3],
      [0, 1],
    ]);
    // A tie is no matter: the second is tried where the first does not do.
    const three = [told(0), told(1), told(2, { 1: NEW })];
    expect(setsOf(three)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  it('are whichever of them have this own one, and none where all know that it is lost', () => {
    expect(setsOf([told(0), told(1, { 0: NEW }), told(2)])).toEqual([[0, 2]]);
    expect(setsOf([told(1), told(2, { 1: NEW })])).toEqual([]);
  });

  it('are not parted by a file that was only noted later, or is older than what is known', () => {
    const noted = { incarnation: 5n, since: Op(0) };
    const named = { incarnation: 5n, since: Op(9) };
    expect(setsOf([told(0, { 2: noted }), told(1, { 2: named })], { 2: noted })).toEqual([[0, 1]]);
    expect(setsOf([told(0, { 2: NEW }), told(1, { 2: noted })], { 2: NEW })).toEqual([[0, 1]]);
  });
});
