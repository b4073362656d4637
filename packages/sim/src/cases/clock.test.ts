import { describe, expect, it } from 'vitest';
import { CLOCK_CALM, EPOCH_MICROS } from '../cluster/clock.ts';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, settle } from '../testing/settled.ts';

const SECOND = 1_000_000;
const HOUR = 3_600 * SECOND;

describe('the clock of the cluster', () => {
  it('is agreed upon soon after the start', () => {
    const { script } = settle({ replicaCount: 3 });
    script.run(100);
    for (const slot of [0, 1, 2]) expect(script.state(slot).clockSynchronized).toBe(true);
  });

  it('is not needed to go on: a primary without agreement commits, and does not give way', () => {
    // Nobody agrees with anybody.
    const clocks = [2, 1, 0].map((hours) => ({ ...CLOCK_CALM, skewMicros: hours * HOUR }));
    const script = new ScriptedCluster({ replicaCount: 3, clocks });
    for (let count = 1; count <= 20; count += 1) {
      expect(script.add(1, 1)).toBe(count);
      script.run(20);
    }
    const primary = script.primary() ?? 0;
    expect(script.state(primary)).toMatchObject({ clockSynchronized: false, isPrimary: true });
    expect(script.events('abdicated')).toEqual([]);
    expect(script.events('clock')).toEqual([]);
  });

  it('may be lost later, is told of, and time goes on', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.add(1, 1);
    script.run(50);
    script.drop({ command: 'pong' });
    script.runUntil(() => !script.state(primary).clockSynchronized, 3_000);
    expect(script.events('clock', primary).map(({ synchronized }) => synchronized)).toEqual([
      true,
      false,
    ]);
    expect(script.add(1, 1)).toBe(2);
    const [first, second] = script.events('committed', primary).slice(-2);
    const passed = (second?.timestamp ?? 0) - (first?.timestamp ?? 0);
    expect(passed).toBeGreaterThan(19 * SECOND);
    expect(passed).toBeLessThan(31 * SECOND);
    script.heal();
    script.run(50);
    expect(script.state(primary).clockSynchronized).toBe(true);
  });

  it.each([HOUR, -HOUR])('overrules a primary whose own is %i microseconds off', (skewMicros) => {
    const clocks = [0, 1, 2].map((slot) => ({
      ...CLOCK_CALM,
      skewMicros: slot === 1 ? skewMicros : 0,
    }));
    const script = new ScriptedCluster({ replicaCount: 3, clocks });
    const client = at(script.cluster.clients, 0).node;
    // The first request comes when there is agreement: before, its own clock is all it has.
    const early = script.drop({ from: client });
    script.run(200);
    early.remove();
    expect(script.primary()).toBe(1);
    expect(script.add(1, 1)).toBe(1);
    const committed = at(script.events('committed', 1), -1);
    const truth = EPOCH_MICROS + script.cluster.queue.now;
    expect(Math.abs(committed.timestamp - truth)).toBeLessThan(SECOND);
  });

  it('never goes back when a new primary has an earlier one', () => {
    // Nobody agrees with anybody: each goes by its own.
    const clocks = [2, 1, 0].map((hours) => ({ ...CLOCK_CALM, skewMicros: hours * HOUR }));
    const { script, primary } = settle({ replicaCount: 3, clocks });
    expect(script.add(1, 1)).toBe(1);
    script.run(100);
    expect(script.state(primary).clockSynchronized).toBe(false);
    script.crash(primary);
    expect(script.add(1, 1)).toBe(2);
    expect(script.add(1, 1)).toBe(3);
    const times = script
      .events('committed', script.primary() ?? 0)
      .map(({ timestamp }) => timestamp);
    for (let place = 1; place < times.length; place += 1) {
      expect(times[place]).toBeGreaterThan(times[place - 1] ?? 0);
    }
    expect(at(times, -1)).toBeGreaterThan(EPOCH_MICROS + HOUR);
  });
});
