import { TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { STORAGE_CALM } from '../storage/storage.ts';
import { addOne, at, settle } from '../testing/settled.ts';

/** Ticks after which a disk that does nothing is said to hang. */
const LIMIT = TIMEOUTS_DEFAULT.abdicate;

describe('a disk that does nothing, with something asked of it', () => {
  it('is told by the backup that has it, once, and so is its end; no view changes', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 0);
    const { view } = script.state(primary);
    script.tap.hang(slot, 'writes');
    expect(script.add(1, 1)).toBe(1);
    script.run(LIMIT - 10);
    expect(script.events('disk_hangs')).toEqual([]);
    expect(script.state(slot).diskHangs).toBe(false);
    script.run(20);
    expect(script.add(1, 1)).toBe(2);
    script.run(2 * LIMIT);
    expect(script.events('disk_hangs')).toMatchObject([{ work: 'write' }]);
    expect(script.events('disk_hangs', slot)).toHaveLength(1);
    expect(script.state(slot).diskHangs).toBe(true);
    script.tap.release(slot);
    script.runUntil(() => script.converged([0, 1, 2]), 200);
    expect(script.events('disk_goes_on', slot)).toMatchObject([{ work: 'write' }]);
    expect(script.state(slot).diskHangs).toBe(false);
    expect(script.state(primary).view).toBe(view);
  });

  it('is told by a primary that gives way for it', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.tap.hang(primary, 'all');
    const answer = script.submit(addOne(1));
    script.runUntil(() => answer.body !== null);
    script.run(3 * LIMIT);
    expect(script.events('disk_hangs', primary)).toHaveLength(1);
  });

  it('is not told of one that nothing was asked of, or that is merely slow', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 0);
    script.tap.hang(slot, 'writes');
    script.run(4 * LIMIT);
    script.tap.release(slot);
    script.cluster.storage(slot).setOptions({ ...STORAGE_CALM, writeMinMicros: 500_000 });
    for (let turn = 0; turn < 10; turn += 1) script.add(1, 1);
    script.run(4 * LIMIT);
    expect(script.events('disk_hangs')).toEqual([]);
  });
});
