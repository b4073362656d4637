import { describe, expect, it } from 'vitest';
import { at, settle } from '../testing/settled.ts';

describe('backups that sleep while their primary is well', () => {
  it.each([70, 100, 200])('for %i ticks, one after the other, do not leave it', (ticks) => {
    for (const seed of [1n, 2n, 3n]) {
      const { script, primary, backups } = settle({ replicaCount: 3, seed });
      script.run(100);
      const { view } = script.state(primary);
      for (const backup of backups) {
        script.pause(backup);
        script.run(ticks);
        script.unpause(backup);
        script.run(300 - ticks);
      }
      expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
      expect(script.events('vote').filter((vote) => vote.view === view)).toEqual([]);
    }
  });

  it('leave one that died meanwhile, after its silence', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    script.run(100);
    for (const backup of backups) script.pause(backup);
    script.crash(primary);
    script.run(200);
    for (const backup of backups) script.unpause(backup);
    script.runUntil(() => script.primary() === at(backups, 0), 120);
    expect(script.add(1, 1)).toBe(1);
  });
});
