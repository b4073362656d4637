import { describe, expect, it } from 'vitest';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

type Cut = 'symmetric' | 'send-only' | 'receive-only';

/** Cuts some replicas off from the others; clients still reach everybody. */
function cutOff(script: ScriptedCluster, cut: Cut, slots: readonly number[]): void {
  const { replicaCount } = script.cluster.options;
  const all = Array.from({ length: replicaCount }, (_, slot) => slot);
  const others = all.filter((slot) => !slots.includes(slot));
  if (cut !== 'send-only') script.cut(slots, others);
  if (cut !== 'receive-only') script.cut(others, slots);
}

const CUTS: readonly Cut[] = ['symmetric', 'send-only', 'receive-only'];

describe.each(CUTS)('a %s partition', (cut) => {
  it('of a backup stops nobody, and it catches up afterwards', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    const lonely = at(backups, 0);
    cutOff(script, cut, [lonely]);
    for (let count = 1; count <= 10; count += 1) expect(script.add(1, 1)).toBe(count);
    script.run(300);
    // Its votes alone move no view, neither its own nor that of others.
    for (const slot of [0, 1, 2]) expect(script.state(slot).view).toBe(view);
    expect(script.state(primary).isPrimary).toBe(true);
    script.heal();
    script.runUntil(() => script.converged([0, 1, 2]), 200);
    expect(script.state(lonely)).toMatchObject({
      view,
      commitMin: script.state(primary).commitMin,
    });
  });

  it('of the primary brings another, and it follows afterwards', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    expect(script.add(1, 1)).toBe(1);
    cutOff(script, cut, [primary]);
    expect(script.add(1, 1)).toBe(2);
    script.runUntil(() => script.primary() !== primary && script.primary() !== null, 400);
    expect(script.add(1, 1)).toBe(3);
    script.heal();
    script.runUntil(() => script.converged([0, 1, 2]), 300);
    expect(script.state(primary).view).toBeGreaterThan(view);
    expect(script.read(1)).toBe(3);
  });

  it('of two of five leaves the rest serving', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    cutOff(script, cut, [primary, at(backups, 1)]);
    for (let count = 1; count <= 5; count += 1) expect(script.add(1, 1)).toBe(count);
    script.heal();
    script.runUntil(() => script.converged([0, 1, 2, 3, 4]), 400);
    expect(script.read(1)).toBe(5);
  });
});

describe('everybody cut off from everybody', () => {
  it('commits nothing, inflates no view, and goes on when healed', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view, commitMax } = script.state(primary);
    for (const slot of [0, 1, 2]) cutOff(script, 'symmetric', [slot]);
    const answer = script.submit(addOne(1));
    script.run(1_000);
    expect(answer.body).toBeNull();
    for (const slot of [0, 1, 2]) {
      expect(script.state(slot)).toMatchObject({ view, commitMax });
    }
    for (const slot of backups) expect(script.events('vote', slot)).not.toEqual([]);
    script.heal();
    script.runUntil(() => answer.body !== null, 200);
    expect(script.read(1)).toBe(1);
    script.runUntil(() => script.converged([0, 1, 2]));
  });
});

describe('a client cut off from the primary', () => {
  it('in sending, is heard through a backup', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const client = script.cluster.clients[0]?.node ?? 0;
    script.drop({ from: client, to: primary });
    const forwarded = script.watch({ to: primary, command: 'request' });
    for (let count = 1; count <= 5; count += 1) expect(script.add(1, 1)).toBe(count);
    expect(forwarded.packets.length).toBeGreaterThan(0);
    for (const { from } of forwarded.packets) expect(backups).toContain(from);
  });

  it('in receiving, gets the stored reply from a backup, and nothing executes twice', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const client = script.cluster.clients[0]?.node ?? 0;
    const lost = script.drop({ from: primary, to: client });
    const replies = script.watch({ to: client, command: 'reply' });
    for (let count = 1; count <= 5; count += 1) expect(script.add(1, 1)).toBe(count);
    expect(lost.packets.some(({ command }) => command === 'reply')).toBe(true);
    for (const { from } of replies.packets) expect(backups).toContain(from);
    expect(replies.packets.length).toBeGreaterThanOrEqual(5);
    expect(script.cluster.totals.duplicateRequests).toBe(0);
  });

  it('in both directions, is served by forwarding and stored replies', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const client = script.cluster.clients[0]?.node ?? 0;
    script.cut([client], [primary]);
    script.cut([primary], [client]);
    for (let count = 1; count <= 5; count += 1) expect(script.add(1, 1)).toBe(count);
  });

  it('and from one backup too, is served through the other one', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const client = script.cluster.clients[0]?.node ?? 0;
    const unreachable = [primary, at(backups, 0)];
    script.cut([client], unreachable);
    script.cut(unreachable, [client]);
    for (let count = 1; count <= 3; count += 1) expect(script.add(1, 1)).toBe(count);
  });

  it('is not forwarded twice between two heartbeats', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const client = script.cluster.clients[0]?.node ?? 0;
    script.drop({ from: client, to: primary });
    script.drop({ from: client, to: at(backups, 1) });
    const relay = at(backups, 0);
    const requests = script.watch({ from: client, to: relay, command: 'request' });
    // Swallowed behind the relay, so that the client goes on asking.
    const forwarded = script.drop({ from: relay, to: primary, command: 'request' });
    script.submit(addOne(1));
    script.runUntil(() => requests.packets.length > 0);
    script.drop({ from: primary, to: relay, command: 'commit' });
    script.run(2);
    const before = forwarded.packets.length;
    for (let count = 0; count < 5; count += 1) script.replay(at(requests.packets, 0));
    script.run(4);
    expect(forwarded.packets.length).toBe(before);
    expect(before).toBe(1);
  });
});
