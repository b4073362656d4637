import { describe, expect, it } from 'vitest';
import { rotSuperblock } from '../testing/log-faults.ts';
import { addOne, at, settle } from '../testing/settled.ts';

describe('the superblock', () => {
  it.each([[[0]], [[3]], [[0, 1]], [[1, 3]]])(
    'opens with copies %j rotten, and is repaired',
    (copies) => {
      for (const replicaCount of [1, 3]) {
        const { script } = settle({ replicaCount });
        script.add(1, 1);
        script.crash(0);
        for (const copy of copies) rotSuperblock(script.disk(0), copy);
        script.restart(0);
        script.runUntil(() => script.converged());
        expect(script.events('corrupt', 0)).toMatchObject(
          copies.map((copy) => ({ what: 'superblock', place: copy, found: 'start' })),
        );
        script.crash(0);
        // Those that were whole before rot now: the repaired ones carry it.
        for (const copy of [0, 1, 2, 3])
          if (!copies.includes(copy)) rotSuperblock(script.disk(0), copy);
        if (copies.length < 2) {
          script.tap.allowGivingUp(0);
          script.restart(0);
          script.run(20);
          expect(script.tap.givenUp).toEqual([{ slot: 0, reason: 'superblock_quorum_lost' }]);
          continue;
        }
        script.restart(0);
        expect(script.add(1, 1)).toBe(2);
        script.runUntil(() => script.converged());
      }
    },
  );

  it('that is wholly rotten is not a data file', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 0);
    script.crash(slot);
    for (const copy of [0, 1, 2, 3]) rotSuperblock(script.disk(slot), copy);
    script.tap.allowGivingUp(slot);
    script.restart(slot);
    script.run(20);
    expect(script.tap.givenUp).toEqual([{ slot, reason: 'superblock_not_found' }]);
    // The others do not notice.
    expect(script.add(1, 1)).toBe(1);
  });

  const points = Array.from({ length: 24 }, (_, place) => 1 + place);
  it.each(points)(
    'torn by a power loss %i events into a view change keeps what was promised',
    (events) => {
      const { script, primary, backups } = settle({ replicaCount: 3, seed: BigInt(events) });
      const slot = at(backups, events % 2);
      const { storage } = script.cluster.options;
      script.cluster.storage(slot).setOptions({ ...storage, crashFaultProbability: 1 });
      const answer = script.submit(addOne(1));
      script.crash(primary);
      script.stepUntil(() => script.state(slot).status === 'view_change');
      script.cluster.replica(slot).armCrash(events);
      script.runUntil(() => !script.cluster.replica(slot).running, 300);
      script.restart(slot);
      script.runUntil(() => answer.body !== null);
      script.restart(primary);
      script.runUntil(() => script.converged([0, 1, 2]));
      expect(script.read(1)).toBe(1);
    },
  );
});
