import {
  isCommand,
  REFUSAL_REASONS,
  TIMEOUTS_DEFAULT,
  type TimeoutTable,
  timeoutsOfProfile,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { replicationQuorum } from '../cluster/quorums.ts';
import { type LinkRule, messageIn } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

const { heartbeat, quorumLoss } = TIMEOUTS_DEFAULT;
/** Within two heartbeats, and the tick in which it looks. */
const NOTICED = noticedBy(TIMEOUTS_DEFAULT);

function noticedBy(timeouts: TimeoutTable): number {
  return 2 * timeouts.heartbeat + 1;
}

function noQuorum({ packets }: LinkRule): number {
  return packets.filter((packet) => {
    const message = messageIn(packet);
    return isCommand(message, 'refusal') && message.header.reason === REFUSAL_REASONS.noQuorum;
  }).length;
}

describe.each([2, 3, 4, 5, 6])('a primary of %i that loses its quorum', (replicaCount) => {
  it('says so within two heartbeats, and takes it back by itself', () => {
    const { script, primary, backups } = settle({ replicaCount });
    const lost = backups.slice(replicationQuorum(replicaCount) - 2);
    script.run(20);
    expect(script.state(primary).quorumSeen).toBe(true);
    for (const slot of lost) script.crash(slot);
    script.run(NOTICED);
    expect(script.state(primary)).toMatchObject({
      quorumSeen: false,
      votersHeard: replicaCount - lost.length,
    });
    script.run(2 * quorumLoss);
    for (const slot of lost) script.restart(slot);
    script.runUntil(() => script.state(primary).quorumSeen, 60);
    expect(script.add(1, 1)).toBe(1);
    script.runUntil(() => script.converged());
  });

  it('does not say so while it has just enough', () => {
    const { script, primary, backups } = settle({ replicaCount });
    for (const slot of backups.slice(replicationQuorum(replicaCount) - 1)) script.crash(slot);
    script.run(10 * heartbeat);
    expect(script.events('quorum', primary).filter(({ seen }) => !seen)).toEqual([]);
    expect(script.add(1, 1)).toBe(1);
  });
});

describe.each(['default', 'lan', 'wan'] as const)('with the timeouts of %s', (profile) => {
  const timeouts = timeoutsOfProfile(profile);

  it('a replica that hears nobody says so within two heartbeats, whoever it is', () => {
    for (const slot of [0, 1, 2]) {
      const { script } = settle({ replicaCount: 3, timeouts });
      script.run(100);
      // In whichever phase of its timers: from the last that it heard, not from a tick of its own.
      script.run(slot);
      script.drop({ to: slot });
      script.run(noticedBy(timeouts));
      expect(script.state(slot)).toMatchObject({ quorumSeen: false, votersHeard: 1 });
      script.heal();
      script.run(noticedBy(timeouts));
      expect(script.state(slot)).toMatchObject({ quorumSeen: true });
    }
  });

  it('and nobody says so while all is well, whatever the load', () => {
    const { script } = settle({ replicaCount: 3, clientCount: 2, timeouts });
    for (let round = 0; round < 40; round += 1) {
      script.run(round % 7);
      script.add(1, 1, round % 2);
    }
    script.run(20 * timeouts.heartbeat);
    expect(script.events('quorum').filter(({ seen }) => !seen)).toEqual([]);
  });
});

describe('requests without a quorum', () => {
  it('are refused for sure after the time for it, and never execute', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    for (const slot of backups) script.crash(slot);
    const refusals = script.watch({ from: primary, command: 'refusal' });
    script.run(quorumLoss + NOTICED + 2);
    const client = at(script.cluster.clients, 0);
    const node = client.node;
    const asked = script.watch({ from: node, command: 'request' });
    const { definiteRefusals } = script.cluster.totals;
    // What is sent to the dead ones is lost; in the end a single copy reaches the one that lives.
    for (
      let round = 0;
      round < 20 && script.cluster.totals.definiteRefusals === definiteRefusals;
    ) {
      if (!client.busy) {
        client.submit(addOne(1), null);
        round += 1;
      }
      script.run(1);
    }
    expect(noQuorum(refusals)).toBeGreaterThan(0);
    expect(script.state(primary).queueLength).toBe(0);
    expect(asked.packets.length).toBeGreaterThan(0);
    for (const slot of backups) script.restart(slot);
    script.runUntil(() => script.converged());
    // The checkers watch that what was refused for sure is in no log.
    script.runUntil(() => !client.busy, 500);
    expect(script.add(2, 1, 1)).toBe(1);
  });

  it('that wait at the primary already are refused too; what is prepared may still happen', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 7 });
    const { pipelineMax } = script.cluster.options.config;
    for (const slot of backups) script.crash(slot);
    const answers: ReturnType<typeof script.submit>[] = [];
    for (let client = 0; client < 7; client += 1) {
      answers.push(script.submit(addOne(1), client));
      script.run(2);
    }
    expect(script.state(primary)).toMatchObject({ pipelineLength: pipelineMax, queueLength: 3 });
    const refusals = script.watch({ from: primary, command: 'refusal' });
    const { op } = script.state(primary);
    script.run(quorumLoss + NOTICED + 2);
    expect(noQuorum(refusals)).toBeGreaterThanOrEqual(3);
    expect(script.state(primary)).toMatchObject({ op, queueLength: 0 });
    for (const slot of backups) script.restart(slot);
    // No copy was the only one by now: every client asks on, and every request executes once.
    script.runUntil(() => answers.every(({ body }) => body !== null));
    expect(script.read(1)).toBe(7);
  });

  it('are not passed on by a backup that hears nobody', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const alone = at(backups, 0);
    script.cut([alone], [0, 1, 2]);
    script.cut([0, 1, 2], [alone]);
    script.run(quorumLoss + NOTICED + 2);
    expect(script.state(alone)).toMatchObject({ quorumSeen: false, votersHeard: 1 });
    const forwarded = script.watch({ from: alone, command: 'request' });
    const refusals = script.watch({ from: alone, command: 'refusal' });
    const node = at(script.cluster.clients, 0).node;
    for (const slot of [0, 1, 2]) if (slot !== alone) script.cut([node], [slot]);
    const client = at(script.cluster.clients, 0);
    client.submit(addOne(1), null);
    script.runUntil(() => noQuorum(refusals) > 0, 100);
    expect(forwarded.packets).toEqual([]);
  });

  it('are taken at once when the quorum is back, before the next tick says so', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    for (const slot of backups) script.crash(slot);
    script.run(2 * quorumLoss);
    for (const slot of backups) script.restart(slot);
    script.runUntil(() => script.converged());
    const refusals = script.watch({ command: 'refusal' });
    expect(script.add(1, 1)).toBe(1);
    expect(noQuorum(refusals)).toBe(0);
    expect(script.state(primary).quorumSeen).toBe(true);
  });
});

describe('two of four without their primary', () => {
  it('see no quorum: three must vote for the next view', () => {
    const { script, primary, backups } = settle({ replicaCount: 4 });
    script.crash(primary);
    script.crash(at(backups, 2));
    script.run(NOTICED);
    for (const slot of backups.slice(0, 2)) {
      expect(script.state(slot)).toMatchObject({ quorumSeen: false, votersHeard: 2 });
    }
    script.restart(at(backups, 2));
    script.runUntil(() => script.primary() !== null);
    expect(script.add(1, 1)).toBe(1);
  });
});
