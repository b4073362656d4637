import { assert } from '@kimberlite/store';
import { CONFIG_SIMULATION, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { loseSlot, rotBlock } from '../testing/log-faults.ts';
import { addOne, at, keepBusy, othersAfter, type Settled, settle } from '../testing/settled.ts';

/** Ticks after which samples of other clocks say nothing any more. */
const CLOCK_WINDOW = 2_000;

describe('a primary without an agreed clock', () => {
  it('gives way to a next primary that has one', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    script.run(100);
    const { view } = script.state(primary);
    script.drop({ to: primary, command: 'pong' });
    script.run(CLOCK_WINDOW);
    expect(script.events('abdicated')).toEqual([]);
    script.runUntil(() => script.events('abdicated').length > 0, 2 * TIMEOUTS_DEFAULT.clockLoss);
    expect(script.events('abdicated', primary)).toMatchObject([{ view, reason: 'clock_lost' }]);
    script.runUntil(() => script.primary() === at(backups, 0), 200);
    expect(script.add(1, 1)).toBe(1);
    // The new one has its clock: it stays.
    script.run(2 * TIMEOUTS_DEFAULT.clockLoss);
    expect(script.primary()).toBe(at(backups, 0));
    expect(script.events('abdicated')).toHaveLength(1);
  });

  it.each([2, 3, 5])('leads on while the next of %i has none either', (replicaCount) => {
    const { script, primary } = settle({ replicaCount });
    script.run(100);
    const { view } = script.state(primary);
    script.drop({ command: 'pong' });
    script.run(CLOCK_WINDOW + 3 * TIMEOUTS_DEFAULT.clockLoss);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    expect(script.state(primary).clockSynchronized).toBe(false);
    expect(script.events('abdicated')).toEqual([]);
    expect(script.add(1, 1)).toBe(1);
  });

  it('leads on when the one that has it is not heard', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    script.run(100);
    const { view } = script.state(primary);
    script.drop({ to: primary, command: 'pong' });
    script.run(CLOCK_WINDOW);
    script.crash(at(backups, 0));
    script.run(3 * TIMEOUTS_DEFAULT.clockLoss);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    expect(script.add(1, 1)).toBe(1);
  });
});

/** All have started anew above a checkpoint: nothing of it is in memory, and none is behind. */
function settleCold(replicaCount: number): Settled {
  const { script } = settle({ replicaCount, clientCount: 2 });
  for (let name = 0; script.state(0).op < 3 * CONFIG_SIMULATION.checkpointInterval; name += 1) {
    script.add(name, 1);
  }
  script.runUntil(() => script.converged());
  for (const { slot } of script.cluster.replicas) script.crash(slot);
  for (const { slot } of script.cluster.replicas) script.restart(slot);
  script.runUntil(() => script.primary() !== null && script.converged());
  const primary = script.primary();
  assert(primary !== null, 'waited for it');
  return { script, primary, backups: othersAfter(primary, replicaCount) };
}

describe('a primary that waits for a repair', () => {
  it.each([3, 5])('that does not come, gives way, and the others of %i go on', (replicaCount) => {
    const { script, primary, backups } = settleCold(replicaCount);
    const { view } = script.state(primary);
    const { blockSize } = CONFIG_SIMULATION;
    for (const offset of script.tap.blockOffsets.get(primary) ?? []) {
      rotBlock(script.disk(primary), Math.floor(offset / blockSize) + 1);
    }
    const asked = script.drop({ from: primary, command: 'requestBlocks' });
    const answer = script.submit(addOne(3));
    script.run(TIMEOUTS_DEFAULT.abdicate);
    // It commits, and cannot execute.
    expect(script.state(primary).commitMax).toBeGreaterThan(script.state(primary).commitMin);
    expect(asked.packets.length).toBeGreaterThan(0);
    expect(script.events('abdicated')).toEqual([]);
    script.runUntil(() => script.events('abdicated').length > 0, 20);
    expect(script.events('abdicated', primary)).toMatchObject([{ view, reason: 'repair_stuck' }]);
    expect(script.events('vote', primary)).toContainEqual(
      expect.objectContaining({ view, reason: 'repair_stuck' }),
    );
    script.runUntil(() => script.primary() === at(backups, 0), 100);
    script.runUntil(() => answer.body !== null, 100);
    expect(script.add(0, 1, 1)).toBe(2);
    script.heal();
    script.runUntil(() => script.converged());
    expect(script.events('abdicated')).toHaveLength(1);
  });

  it('that comes in time, leads on', () => {
    const { script, primary } = settleCold(3);
    const { view } = script.state(primary);
    const { blockSize } = CONFIG_SIMULATION;
    for (const offset of script.tap.blockOffsets.get(primary) ?? []) {
      rotBlock(script.disk(primary), Math.floor(offset / blockSize) + 1);
    }
    const asked = script.drop({ from: primary, command: 'requestBlocks' });
    const answer = script.submit(addOne(3));
    script.run(TIMEOUTS_DEFAULT.abdicate / 2);
    expect(asked.packets.length).toBeGreaterThan(0);
    asked.remove();
    script.runUntil(() => answer.body !== null, TIMEOUTS_DEFAULT.abdicate);
    script.run(2 * TIMEOUTS_DEFAULT.abdicate);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    expect(script.events('abdicated')).toEqual([]);
  });
});

describe('a candidate that waits for a repair', () => {
  it('that does not come, is passed over', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 3 });
    // Its disk lags: what its backups' votes commit is executed from memory; one body is lost.
    const { view } = script.state(primary);
    script.crash(primary);
    script.runUntil(() => script.primary() !== null && script.primary() !== primary, 200);
    script.restart(primary);
    script.runUntil(() => script.converged());
    script.add(1, 1);
    const next = script.primary() ?? at(backups, 0);
    const third = [0, 1, 2].filter((slot) => slot !== next && slot !== primary);
    script.runUntil(() => script.converged());
    const { op } = script.state(next);
    // All forget the op's body in memory by a restart; who leads next must read it, and can't.
    for (const slot of [0, 1, 2]) script.crash(slot);
    const leader = at(third, 0);
    loseSlot(script.disk(leader), op);
    script.drop({ to: leader, command: 'prepare' });
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.runUntil(() => script.primary() !== null && script.primary() !== leader, 3_000);
    expect(script.state(script.primary() ?? 0).view).toBeGreaterThan(view);
    expect(script.add(1, 1, 1)).toBe(2);
    script.heal();
    script.runUntil(() => script.converged());
  });
});

describe('a primary whose disk does not answer reads', () => {
  it('of a block, gives way though nothing else waits and one voter is missing', () => {
    const { script, primary, backups } = settleCold(3);
    const { view } = script.state(primary);
    // With one of the others gone nobody can show that it is this replica alone that is slow.
    script.crash(at(backups, 1));
    script.tap.hang(primary, 'block_reads');
    const answer = script.submit(addOne(3));
    script.run(TIMEOUTS_DEFAULT.abdicate);
    expect(script.state(primary).commitMax).toBeGreaterThan(script.state(primary).commitMin);
    expect(script.state(primary)).toMatchObject({ queueLength: 0, blocksMissing: 0 });
    expect(script.events('abdicated')).toEqual([]);
    script.runUntil(() => script.events('abdicated').length > 0, 20);
    expect(script.events('abdicated', primary)).toMatchObject([{ view, reason: 'disk_stall' }]);
    script.runUntil(() => script.primary() === at(backups, 0), 100);
    script.runUntil(() => answer.body !== null, 100);
    expect(script.add(0, 1, 1)).toBe(2);
    script.tap.release(primary);
    script.runUntil(() => script.converged());
  });

  it('gives way when a commit waits for one', () => {
    const { script, primary } = settle({ replicaCount: 5, clientCount: 3 });
    script.tap.hang(primary, 'all');
    keepBusy(script, 6 * TIMEOUTS_DEFAULT.abdicate);
    expect(script.primary()).not.toBe(primary);
    expect(keepBusy(script, 100)).toBeGreaterThan(0);
    script.tap.release(primary);
    script.runUntil(() => script.converged());
  });
});

describe('a primary that heard no quorum for as long as its backups wait', () => {
  it('gives no request a place in the log, and goes on when it hears them', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    // Nobody leaves, for nobody's votes arrive; and it does not hear its backups.
    script.drop({ command: 'startViewChange' });
    const deaf = script.cut(backups, [primary]);
    script.run(TIMEOUTS_DEFAULT.silence + 1);
    expect(script.events('abdicated')).toEqual([]);
    const { op } = script.state(primary);
    const answer = script.submit(addOne(1));
    script.run(10);
    expect(script.state(primary)).toMatchObject({ op, queueLength: 1, isPrimary: true });
    for (const rule of deaf) rule.remove();
    script.runUntil(() => answer.body !== null, 20);
    expect(script.state(primary)).toMatchObject({ view, op: op + 1 });
    expect(script.events('abdicated')).toEqual([]);
  });
});
