import { describe, expect, it } from 'vitest';
import { ScriptedCluster } from './scripted-cluster.ts';

describe('scripted cluster', () => {
  it('answers requests and converges', () => {
    for (const replicaCount of [1, 2, 3, 5]) {
      const script = new ScriptedCluster({ replicaCount });
      expect(script.add(3, 5)).toBe(5);
      expect(script.add(3, 5)).toBe(10);
      expect(script.read(3)).toBe(10);
      script.runUntil(() => script.converged());
    }
  });

  it('keeps answered requests when the primary crashes', () => {
    const script = new ScriptedCluster({ replicaCount: 3 });
    expect(script.add(1, 7)).toBe(7);
    const primary = script.primary() ?? 0;
    script.crash(primary);
    expect(script.add(1, 1)).toBe(8);
    expect(script.primary()).not.toBe(primary);
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
  });

  it('catches packets by rule, and replays them', () => {
    const script = new ScriptedCluster({ replicaCount: 3 });
    script.add(1, 1);
    const primary = script.primary() ?? 0;
    const rules = [0, 1, 2]
      .filter((slot) => slot !== primary)
      .map((to) => script.drop({ from: primary, to, command: 'prepare' }));
    const answer = script.submit({ operation: 16, body: new Uint8Array([1, 1]) });
    script.run(5);
    expect(answer.body).toBeNull();
    expect(rules.every(({ packets }) => packets.length > 0)).toBe(true);
    const caught = rules[0]?.packets[0];
    if (caught === undefined) throw new Error('a prepare was caught');
    script.replay(caught);
    script.runUntil(() => answer.body !== null);
    script.heal();
    script.runUntil(() => script.converged());
  });

  it('lets a paused replica catch up', () => {
    const script = new ScriptedCluster({ replicaCount: 3 });
    script.add(1, 1);
    const backup = ((script.primary() ?? 0) + 1) % 3;
    script.pause(backup);
    for (let count = 0; count < 5; count += 1) script.add(1, 1);
    expect(script.state(backup).commitMin).toBeLessThan(6);
    script.unpause(backup);
    script.runUntil(() => script.converged());
    expect(script.read(1)).toBe(6);
  });
});
