import { TICK_MICROS, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { replicationQuorum } from '../cluster/quorums.ts';
import { addOne, at, keepBusy, type Settled, settle } from '../testing/settled.ts';

/** Long after every reason to give way would have been noticed. */
const LONG = 8 * TIMEOUTS_DEFAULT.abdicate;
/** The same for a busy one, where more happens in a tick. */
const LONG_BUSY = 3 * TIMEOUTS_DEFAULT.abdicate;

/** The primary leads on in its view and never thought of giving way. */
function expectUndisturbed({ script, primary }: Settled, view: number): void {
  expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
  expect(script.events('abdicated')).toEqual([]);
}

describe('a primary that can still commit does not give way', () => {
  // For each size, the most voters that may be dead for good.
  it.each([1, 2, 3, 4, 5, 6])('idle, with all but a quorum of %i dead', (replicaCount) => {
    const settled = settle({ replicaCount });
    const { script, primary, backups } = settled;
    const { view } = script.state(primary);
    for (const slot of backups.slice(replicationQuorum(replicaCount) - 1)) script.crash(slot);
    script.run(LONG);
    expectUndisturbed(settled, view);
    expect(script.add(1, 1)).toBe(1);
  });

  it.each([1, 2, 3, 4, 5, 6])('busy, with all but a quorum of %i dead', (replicaCount) => {
    const settled = settle({ replicaCount, clientCount: 2 });
    const { script, primary, backups } = settled;
    const { view } = script.state(primary);
    for (const slot of backups.slice(replicationQuorum(replicaCount) - 1)) script.crash(slot);
    expect(keepBusy(settled.script, LONG_BUSY)).toBeGreaterThan(LONG_BUSY / 10);
    expectUndisturbed(settled, view);
  });

  it.each([3, 4, 5, 6])(
    'with one of %i dead for good, idle, busy and idle again',
    (replicaCount) => {
      const settled = settle({ replicaCount, clientCount: 2 });
      const { script, primary, backups } = settled;
      const { view } = script.state(primary);
      script.crash(at(backups, 0));
      script.run(LONG);
      expect(keepBusy(settled.script, LONG_BUSY)).toBeGreaterThan(0);
      script.run(LONG);
      expectUndisturbed(settled, view);
    },
  );

  it('with no client and nobody to hear, when it is a cluster of one', () => {
    const settled = settle({ replicaCount: 1 });
    const { script, primary } = settled;
    const { view } = script.state(primary);
    script.run(LONG);
    script.pause(0);
    script.run(LONG);
    script.unpause(0);
    script.run(LONG);
    expectUndisturbed(settled, view);
    expect(script.add(1, 1)).toBe(1);
  });
});

describe.each([3, 4, 5, 6])('a primary of %i that can hear but not send', (replicaCount) => {
  it('is left while idle', () => {
    const { script, primary } = settle({ replicaCount });
    const { view } = script.state(primary);
    script.drop({ from: primary });
    script.runUntil(() => script.primary() !== primary && script.primary() !== null, 400);
    expect(script.state(script.primary() ?? 0).view).toBeGreaterThan(view);
    // It hears the votes, so it does not lead on in the old view either.
    expect(script.state(primary)).toMatchObject({ isPrimary: false });
    expect(script.add(1, 1)).toBe(1);
    script.heal();
    script.runUntil(() => script.converged());
  });

  it('is left while busy', () => {
    const settled = settle({ replicaCount, clientCount: 3 });
    const { script, primary } = settled;
    const answers = [0, 1, 2].map((client) => {
      script.add(3, 1, client);
      script.drop({ from: primary });
      return client;
    });
    const asked = answers.map((client) => script.submit(addOne(3), client));
    script.runUntil(() => script.primary() !== primary && script.primary() !== null, 400);
    script.runUntil(() => asked.every(({ body }) => body !== null));
    script.heal();
    expect(script.read(3)).toBe(6);
    script.runUntil(() => script.converged());
  });
});

describe('a primary of 5 that hears everybody', () => {
  it('gives way when the only ack is the same one again and again', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    const willing = at(backups, 0);
    for (const slot of backups.slice(1)) script.drop({ from: slot, command: 'prepareOk' });
    const acks = script.watch({ from: willing, to: primary, command: 'prepareOk' });
    const answer = script.submit(addOne(1));
    script.runUntil(() => script.events('abdicated', primary).length > 0, 150);
    expect(acks.packets.length).toBeGreaterThan(3);
    expect(script.events('abdicated', primary)).toMatchObject([{ reason: 'no_new_ack' }]);
    script.heal();
    script.runUntil(() => answer.body !== null);
  });
});

describe('giving way is taken back', () => {
  it.each([2, 4, 6])('when a quorum of %i is heard again before the view moved', (replicaCount) => {
    const { script, primary, backups } = settle({ replicaCount });
    const { view } = script.state(primary);
    // In both directions, so that no backup learns of the vote, and none is silent for too long.
    const rules = [...script.cut(backups, [primary]), script.drop({ command: 'startViewChange' })];
    script.runUntil(() => script.events('abdicated', primary).length > 0, 150);
    const heartbeats = script.watch({ from: primary, command: 'commit' });
    script.run(5);
    expect(heartbeats.packets).toEqual([]);
    for (const rule of rules) rule.remove();
    script.drop({ command: 'startViewChange' });
    script.runUntil(() => script.events('abdication_withdrawn', primary).length > 0, 60);
    expect(heartbeats.packets.length).toBeGreaterThan(0);
    script.heal();
    expect(script.add(1, 1)).toBe(1);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
  });

  it('and no request is taken meanwhile', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    script.cut(backups, [primary]);
    script.drop({ command: 'startViewChange' });
    script.runUntil(() => script.events('abdicated', primary).length > 0, 150);
    const { op } = script.state(primary);
    const refusals = script.watch({ from: primary, command: 'refusal' });
    const answer = script.submit(addOne(1));
    script.run(20);
    expect(script.state(primary)).toMatchObject({ op, queueLength: 0 });
    expect(refusals.packets.length).toBeGreaterThan(0);
    script.heal();
    script.runUntil(() => answer.body !== null);
    expect(script.read(1)).toBe(1);
  });
});

describe('a primary whose disk hangs', () => {
  it('gives way while busy, and the others go on', () => {
    const settled = settle({ replicaCount: 3, clientCount: 3 });
    const { script, primary } = settled;
    script.tap.hang(primary, 'writes');
    keepBusy(settled.script, LONG);
    expect(script.primary()).not.toBe(primary);
    expect(keepBusy(settled.script, 100)).toBeGreaterThan(0);
    script.tap.release(primary);
    script.runUntil(() => script.converged());
  });

  it('says so when requests wait for a checkpoint that it cannot write', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const { checkpointInterval } = script.cluster.options.config;
    const { view } = script.state(primary);
    // The backups' votes commit without this disk, up to the deadline of the next checkpoint.
    script.tap.hang(primary, 'blocks');
    let asked = 0;
    while (script.state(primary).op < checkpointInterval * 1.5) {
      script.add(1, 1);
      asked += 1;
    }
    script.run(LONG);
    expect(script.events('abdicated')).toEqual([]);
    const answer = script.submit(addOne(1));
    script.runUntil(() => script.events('abdicated').length > 0, 5);
    expect(script.events('abdicated', primary)).toMatchObject([{ view, reason: 'disk_stall' }]);
    expect(script.events('vote', primary)).toContainEqual(
      expect.objectContaining({ view, reason: 'disk_stall' }),
    );
    script.runUntil(() => answer.body !== null, 300);
    expect(script.primary()).not.toBe(primary);
    script.tap.release(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(asked + 1);
  });

  it('harms nobody while idle, and gives way once there is work', () => {
    const settled = settle({ replicaCount: 5, clientCount: 3 });
    const { script, primary } = settled;
    const { view } = script.state(primary);
    script.tap.hang(primary, 'all');
    script.run(LONG);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
    keepBusy(settled.script, LONG);
    expect(script.primary()).not.toBe(primary);
    expect(keepBusy(settled.script, 100)).toBeGreaterThan(0);
    script.tap.release(primary);
    script.runUntil(() => script.converged());
  });
});

describe('a primary that stood still', () => {
  it.each([2, 3, 5])(
    'and comes back after the others of %i went on, follows them',
    (replicaCount) => {
      const settled = settle({ replicaCount });
      const { script, primary } = settled;
      const { view } = script.state(primary);
      script.add(1, 1);
      script.pause(primary);
      const answer = script.submit(addOne(1));
      script.run(200);
      if (replicaCount > 2) expect(answer.body).not.toBeNull();
      script.unpause(primary);
      script.runUntil(() => answer.body !== null);
      script.runUntil(() => script.converged());
      expect(script.read(1)).toBe(2);
      if (replicaCount > 2) expect(script.state(primary).view).toBeGreaterThan(view);
    },
  );

  it('for longer than the backups wait, gives way before it says anything in its view', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    for (const slot of backups) script.drop({ from: slot, command: 'startViewChange' });
    script.pause(primary);
    script.run(TIMEOUTS_DEFAULT.silence * 2);
    const said = script.watch({ from: primary });
    script.unpause(primary);
    expect(script.events('abdicated', primary)).toMatchObject([{ reason: 'loop_stall' }]);
    expect(said.packets.map(({ command }) => command)).not.toContain('commit');
    expect(said.packets.map(({ command }) => command)).toContain('startViewChange');
    script.heal();
    script.runUntil(() => script.converged());
  });

  it('takes no request that waited for it either', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    for (const slot of backups) script.drop({ from: slot, command: 'startViewChange' });
    const { op } = script.state(primary);
    script.pause(primary);
    const answer = script.submit(addOne(1));
    script.run(TIMEOUTS_DEFAULT.silence * 2);
    const said = script.watch({ from: primary });
    script.unpause(primary);
    expect(said.packets.map(({ command }) => command)).not.toContain('prepare');
    expect(script.state(primary)).toMatchObject({ op, queueLength: 0 });
    script.heal();
    script.runUntil(() => answer.body !== null);
    expect(script.read(1)).toBe(1);
  });

  it('for less than that, leads on', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    script.pause(primary);
    script.run(TIMEOUTS_DEFAULT.silence - 5);
    script.unpause(primary);
    script.run(TICK_MICROS / 1_000);
    expect(script.events('abdicated')).toEqual([]);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
    expect(script.add(1, 1)).toBe(1);
  });
});
