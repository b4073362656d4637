import { describe, expect, it } from 'vitest';
import { setAdd } from '../std/bitset.ts';
import { Op } from '../std/numbers.ts';
import { firstIntroductions, isKnownByEnough, mutualIntroductions } from './introductions.ts';

/** By number of replicas, as docs/protocol.md has them. */
const REPLICATION = [1, 2, 2, 2, 3, 3];

function isEnough(replicaCount: number, since: number, knownBy: readonly number[]): boolean {
  let voters = 0;
  for (let slot = 0; slot < replicaCount; slot += 1) voters = setAdd(voters, slot);
  const first = firstIntroductions(0, { incarnation: 9n, since: Op(since) });
  const introductions = { ...first, knownBy: knownBy.reduce(setAdd, 0) };
  const replication = REPLICATION[replicaCount - 1] ?? 0;
  return isKnownByEnough(introductions, { self: 0, voters, replication });
}

describe('a file takes part', () => {
  it('as the first of its member when every other voter knows it', () => {
    expect(isEnough(1, 0, [])).toBe(true);
    expect(isEnough(3, 0, [1])).toBe(false);
    expect(isEnough(3, 0, [1, 2])).toBe(true);
  });

  it('in the place of a lost one when a replication quorum of the others knows it', () => {
    expect(isEnough(3, 5, [1])).toBe(false);
    expect(isEnough(3, 5, [1, 2])).toBe(true);
    expect(isEnough(5, 5, [1, 2])).toBe(false);
    expect(isEnough(5, 5, [2, 3, 4])).toBe(true);
  });

  it.each([1, 2, 3, 4, 5, 6])('of %i that all begin with a state and know each other', (count) => {
    const incarnations = Array.from({ length: count }, (_, slot) => BigInt(slot + 1));
    const introductions = mutualIntroductions(0, incarnations, Op(48));
    let voters = 0;
    for (let slot = 0; slot < count; slot += 1) voters = setAdd(voters, slot);
    const replication = REPLICATION[count - 1] ?? 0;
    expect(isKnownByEnough(introductions, { self: 0, voters, replication })).toBe(true);
  });

  it('of two that begin with a state, not before the other knows it', () => {
    expect(isEnough(2, 48, [])).toBe(false);
    expect(isEnough(2, 48, [1])).toBe(true);
  });
});
