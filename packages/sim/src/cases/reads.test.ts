import { TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { Packet } from '../network/network.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, readAt, type Settled, settle } from '../testing/settled.ts';

describe('a linearizable read', () => {
  it('takes no place in the log', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.add(1, 1);
    const { op } = script.state(primary);
    const answer = readAt(script, primary);
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(1);
    expect(script.state(primary).op).toBe(op);
  });

  it('asks again when the confirmation is lost, and waits for a quorum of it', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.add(1, 1);
    const lost = script.drop({ from: primary, command: 'confirmView' });
    const answer = readAt(script, primary);
    script.run(40);
    expect(answer.value).toBeNull();
    expect(lost.packets.length).toBeGreaterThan(2);
    lost.remove();
    script.runUntil(() => answer.value !== null, 50);
    expect(answer.value).toBe(1);
  });

  it.each([2, 60])(
    'that lay before a primary which slept %i ticks longer than the others waited sees their write',
    (longer) => {
      for (const seed of [1n, 2n]) {
        const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2, seed });
        script.add(1, 1);
        script.pause(primary);
        // What would tell it of their view comes later than the questions.
        const late = script.cut(backups, [primary]);
        // From before the others' write, and from after: only that one owes it.
        const before = readAt(script, primary);
        script.runUntil(() => script.primary() !== primary, 500);
        expect(script.add(1, 1, 1)).toBe(2);
        const after = readAt(script, primary);
        script.run(longer);
        script.unpause(primary);
        script.run(5);
        for (const rule of late) rule.remove();
        script.runUntil(() => before.value !== null && after.value !== null);
        expect(after.value).toBe(2);
        expect([1, 2]).toContain(before.value);
      }
    },
  );

  it('waits at a new primary for the log that it began with', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    const next = at(backups, 0);
    script.add(1, 1);
    // Acknowledged by the old primary, and not known to be committed by those who go on.
    script.drop({ from: primary, command: 'commit' });
    // To another client: what the one that asks has seen itself would be waited for in any case.
    expect(script.add(1, 1, 1)).toBe(2);
    script.crash(primary);
    // The last backup has it too, but its word is lost: the new one cannot commit what it inherits.
    const acks = script.drop({ to: next, command: 'prepareOk' });
    script.runUntil(() => script.state(next).isPrimary, 500);
    const { commitMin, op } = script.state(next);
    expect(commitMin).toBeLessThan(op);
    const asked = script.watch({ to: next, command: 'query' });
    const answer = readAt(script, next);
    script.runUntil(() => asked.packets.length > 0, 40);
    script.run(15);
    expect(script.state(next)).toMatchObject({ isPrimary: true, commitMin });
    expect(answer.value).toBeNull();
    acks.remove();
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(2);
  });

  it('is not answered by a primary that was cut off while others went on without it', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    script.add(1, 1);
    script.cut([primary], backups);
    script.cut(backups, [primary]);
    script.runUntil(() => script.primary() !== primary, 500);
    expect(script.add(1, 1, 1)).toBe(2);
    const answer = readAt(script, primary);
    script.run(100);
    expect(answer.value === null || answer.value === 2).toBe(true);
    script.heal();
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(2);
  });

  it('is not confirmed by peers that have gone on, where their answers alone get through', () => {
    const { script, primary, backups } = deposedUnawares();
    const asked = script.watch({ from: primary, command: 'confirmView' });
    const answer = readAt(script, primary);
    script.runUntil(() => asked.packets.length >= backups.length, 5);
    script.run(10);
    expectHeldBack(script, primary, answer);
  });

  it('is not confirmed by a ping that a peer sent before it went on', () => {
    const { script, primary, pings } = deposedUnawares();
    const asked = script.watch({ from: primary, command: 'confirmView' });
    const answer = readAt(script, primary);
    script.runUntil(() => asked.packets.length > 0, 5);
    expect(pings.length).toBeGreaterThan(1);
    for (const ping of pings) script.replay(ping);
    script.run(10);
    expectHeldBack(script, primary, answer);
  });
});

/** The old primary still leads, in its own eyes, and answers when it has heard of the new one. */
function expectHeldBack(
  script: ScriptedCluster,
  primary: number,
  answer: ReturnType<typeof readAt>,
): void {
  expect(script.state(primary)).toMatchObject({ isPrimary: true, queries: 1 });
  expect(script.events('abdicated')).toEqual([]);
  expect(answer.value).toBeNull();
  script.heal();
  script.runUntil(() => answer.value !== null);
  expect(answer.value).toBe(2);
}

/**
 * Counter 1 is at 2, by a primary of which the one before has not heard: between that one and the
 * others nothing passes but its questions whether its view stands, and their answers to these.
 */
function deposedUnawares(): Settled & { readonly pings: readonly Packet[] } {
  const settled = settle({ replicaCount: 3, clientCount: 2 });
  const { script, primary, backups } = settled;
  script.add(1, 1);
  const { view } = script.state(primary);
  // Sent in its view, and for so long on their way.
  const late = script.drop({ to: primary, command: 'ping' });
  script.run(2 * TIMEOUTS_DEFAULT.ping);
  const pings = [...late.packets];
  late.remove();
  for (const slot of backups) {
    script.drop({
      from: slot,
      to: primary,
      where: ({ header }) => header.command !== 'viewConfirmed',
    });
    script.drop({
      from: primary,
      to: slot,
      where: ({ header }) => header.command !== 'confirmView',
    });
    // It is known to be gone, so that it is left before it can notice anything.
    script.cluster.replica(slot).peerRefused(primary);
  }
  script.runUntil(() => script.primary() === at(backups, 0), 40);
  expect(script.add(1, 1, 1)).toBe(2);
  expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
  // Nobody else may answer what it is asked.
  for (const slot of backups) script.drop({ to: slot, command: 'query' });
  return { ...settled, pings };
}
