import { isCommand, REFUSAL_REASONS, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { type DiskCopy, STORAGE_CALM } from '../storage/storage.ts';
import { messageIn, ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, keepBusy, readAt, type Settled, settle } from '../testing/settled.ts';

describe('replicas that have never met', () => {
  it.each([1, 2, 3, 4, 5, 6])('%i of them meet, and serve', (replicaCount) => {
    const script = new ScriptedCluster({ replicaCount, introduced: false });
    expect(script.add(1, 1)).toBe(1);
    script.runUntil(() => script.converged());
  });

  it('begin only when all are there, and go on when one leaves after that', () => {
    const script = new ScriptedCluster({ replicaCount: 3, introduced: false });
    script.crash(2);
    script.run(500);
    expect(script.state(0)).toMatchObject({ status: 'introducing', unmet: [2] });
    expect(script.state(1)).toMatchObject({ status: 'introducing', unmet: [2] });
    expect(script.events('acknowledged')).toEqual([]);
    script.restart(2);
    expect(script.add(1, 1)).toBe(1);
    script.crash(2);
    expect(script.add(1, 1)).toBe(2);
  });

  it('do not send each other more and more pings while their disks are slow', () => {
    const storage = { ...STORAGE_CALM, writeMinMicros: 100_000 };
    const script = new ScriptedCluster({ replicaCount: 3, introduced: false, storage });
    const pings = script.watch({ from: 0, to: 1, command: 'ping' });
    const ticks = 100;
    script.run(ticks);
    expect(script.state(0).status).toBe('introducing');
    expect(pings.packets.length).toBeLessThanOrEqual(ticks + 1);
    script.runUntil(() => script.converged());
  });

  it('meet through links that lose, and over crashes in between', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const script = new ScriptedCluster({
        replicaCount: 3,
        introduced: false,
        seed: BigInt(seed),
      });
      const deaf = script.drop({ to: seed % 3, command: 'pong' });
      script.run(seed * 3);
      script.crash(seed % 3);
      script.run(5);
      script.restart(seed % 3);
      script.run(seed);
      deaf.remove();
      expect(script.add(1, 1)).toBe(1);
    }
  });
});

describe('a lost disk, formatted anew', () => {
  it.each([3, 4, 5, 6])('of one of %i is refused; the others go on', (replicaCount) => {
    const { script, backups } = settle({ replicaCount });
    expect(script.add(1, 1)).toBe(1);
    const slot = at(backups, 0);
    script.tap.allowGivingUp(slot);
    script.cluster.loseDisk(slot);
    script.restart(slot);
    script.run(100);
    expect(script.tap.givenUp).toEqual([{ slot, reason: 'other_incarnation' }]);
    expect(script.add(1, 1)).toBe(2);
  });

  it('elects nobody together with one that has missed what the old file acknowledged', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const [lost, behind] = [at(backups, 0), at(backups, 1)];
    // Acknowledged by the primary and the disk that will be lost.
    const away = script.isolate(behind);
    expect(script.add(1, 1)).toBe(1);
    // All lose their memory of the others' processes, but not of their files.
    for (const slot of [primary, lost, behind]) script.crash(slot);
    for (const rule of away) rule.remove();
    script.tap.allowGivingUp(lost);
    script.cluster.loseDisk(lost);
    script.restart(lost);
    script.restart(behind);
    script.run(1_000);
    // One peer alone keeps it from taking part, and does not end it.
    expect(script.tap.givenUp).toEqual([]);
    expect(script.state(lost)).toMatchObject({ status: 'introducing', deniedBy: [behind] });
    expect(script.primary()).toBeNull();
    script.restart(primary);
    script.run(100);
    expect(script.tap.givenUp[0]).toEqual({ slot: lost, reason: 'other_incarnation' });
    expect(script.read(1)).toBe(1);
  });
});

/** The file is an older copy of itself now: nobody is asked to keep what it promised since. */
function putBack(script: ScriptedCluster, slot: number, copy: DiskCopy): void {
  const { cluster } = script;
  cluster.storage(slot).putBack(copy);
  cluster.checkers.onDiskLost(slot);
  cluster.oldFiles.add(slot);
}

describe('a file put back from an old copy', () => {
  it.each([0, 1, 5, 40])('is refused by a peer that remembers, %i ops later', (ops) => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 0);
    script.run(50);
    script.crash(slot);
    const copy = script.cluster.storage(slot).copy();
    script.restart(slot);
    script.runUntil(() => script.converged());
    for (let op = 0; op < ops; op += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    script.run(20); // It tells everyone what it stands by.
    script.crash(slot);
    putBack(script, slot, copy);
    script.tap.allowGivingUp(slot);
    script.restart(slot);
    script.run(100);
    const refused = [{ slot, reason: 'rolled_back' }];
    expect(script.tap.givenUp.slice(0, 1)).toEqual(ops === 0 ? [] : refused);
    expect(script.primary()).toBe(primary);
  });

  it('takes part in nothing while one peer remembers, even when that one has forgotten', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const [slot, behind] = [at(backups, 0), at(backups, 1)];
    script.run(20);
    script.crash(slot);
    const copy = script.cluster.storage(slot).copy();
    script.restart(slot);
    script.runUntil(() => script.converged());
    // Acknowledged by the primary and this one, and known to nobody else.
    const away = script.isolate(behind);
    expect(script.add(1, 1)).toBe(1);
    script.crash(slot);
    script.crash(behind);
    putBack(script, slot, copy);
    script.restart(slot);
    script.run(100);
    expect(script.state(slot)).toMatchObject({ status: 'introducing', deniedBy: [primary] });
    script.crash(primary);
    for (const rule of away) rule.remove();
    script.restart(behind);
    script.run(1_000);
    expect(script.primary()).toBeNull();
    script.restart(primary);
    script.run(1_000);
    expect(script.state(slot)).toMatchObject({ status: 'introducing', deniedBy: [primary] });
    expect(script.read(1)).toBe(1);
    expect(script.tap.givenUp).toEqual([]);
  });

  it('is refused, though what a peer said of it to an earlier life comes late', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const [slot, behind] = [at(backups, 0), at(backups, 1)];
    script.run(20);
    const late = script.watch({ to: slot, command: 'pong' });
    script.run(50);
    late.remove();
    script.crash(slot);
    const copy = script.cluster.storage(slot).copy();
    script.restart(slot);
    script.runUntil(() => script.converged());
    // Acknowledged by the primary and this one, and known to nobody else.
    const away = script.isolate(behind);
    expect(script.add(1, 1)).toBe(1);
    script.run(20);
    script.crash(slot);
    putBack(script, slot, copy);
    const cut = script.drop({ to: slot });
    script.restart(slot);
    script.run(5);
    for (const packet of late.packets) script.replay(packet);
    script.run(5);
    cut.remove();
    script.run(100);
    expect(script.events('greeted', slot).length).toBeGreaterThan(0);
    expect(script.state(slot)).toMatchObject({ deniedBy: [3 - slot - behind] });
    for (const rule of away) rule.remove();
  });

  it('of a voter is refused when it holds a lower view than it had', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 0);
    script.crash(slot);
    const copy = script.cluster.storage(slot).copy();
    script.restart(slot);
    script.runUntil(() => script.converged());
    script.crash(primary);
    script.runUntil(() => script.primary() !== null && script.primary() !== primary);
    script.crash(slot);
    putBack(script, slot, copy);
    script.tap.allowGivingUp(slot);
    script.restart(slot);
    script.run(100);
    // Only one peer is there that could tell.
    const [witness] = script.state(slot).deniedBy;
    expect(script.state(slot).status).toBe('introducing');
    expect(witness).toBe(3 - slot - primary);
    expect(script.primary()).toBeNull();
  });
});

/** The last backup runs on an old copy of its file, and the primary alone knows that it is one. */
function settleWithMute(replicaCount: number, clientCount: number): Settled & { mute: number } {
  const settled = settle({ replicaCount, clientCount });
  const { script, primary, backups } = settled;
  const mute = at(backups, -1);
  script.run(50);
  script.crash(mute);
  const copy = script.cluster.storage(mute).copy();
  script.restart(mute);
  script.runUntil(() => script.converged());
  const unheard = script.cut([mute], backups);
  expect(script.add(1, 1)).toBe(1);
  script.crash(mute);
  for (const rule of unheard) rule.remove();
  putBack(script, mute, copy);
  script.restart(mute);
  script.run(100);
  expect(script.state(mute)).toMatchObject({ status: 'introducing', deniedBy: [primary] });
  return { ...settled, mute };
}

describe('a file that one peer denies', () => {
  it('keeps no primary in office that too few others hear', () => {
    const { script, primary, backups } = settleWithMute(5, 1);
    const [next, other, between] = [0, 1, 2].map((place) => at(backups, place));
    const away = [next, other].map((slot) => slot ?? 0);
    script.cut([primary], away);
    script.cut(away, [primary]);
    script.runUntil(() => script.primary() === next);
    // Nothing is written: that would have shown the old primary that it can do nothing.
    const answer = readAt(script, between ?? 0);
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(1);
  });

  it('is no help to a quorum, though it is heard: requests are refused for sure', () => {
    const { script, primary, backups, mute } = settleWithMute(3, 1);
    script.crash(backups.find((slot) => slot !== mute) ?? 0);
    script.run(2 * TIMEOUTS_DEFAULT.quorumLoss);
    expect(script.state(mute)).toMatchObject({ status: 'introducing', deniedBy: [primary] });
    expect(script.state(primary)).toMatchObject({ quorumSeen: false, votersHeard: 1 });
    const refusals = script.watch({ from: primary, command: 'refusal' });
    script.submit(addOne(1));
    script.runUntil(() => refusals.packets.length > 0);
    const refusal = messageIn(at(refusals.packets, 0));
    expect(isCommand(refusal, 'refusal') && refusal.header.reason).toBe(REFUSAL_REASONS.noQuorum);
  });

  it('slows no commits, for it cannot come nearer', () => {
    const { script, primary, mute } = settleWithMute(3, 3);
    keepBusy(script, 6 * TIMEOUTS_DEFAULT.voterLag);
    const slowedFor = script.events('commits_slowed', primary).map(({ voter }) => voter);
    expect(slowedFor).not.toContain(mute);
    expect(script.state(mute).deniedBy).toEqual([primary]);
  }, 60_000);
});
