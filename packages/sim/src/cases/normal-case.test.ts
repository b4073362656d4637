import { isCommand } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { replicationQuorum } from '../cluster/quorums.ts';
import { messageIn } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

const ONE_TO_SIX = [1, 2, 3, 4, 5, 6];

describe('normal case', () => {
  it.each(ONE_TO_SIX)('%i replicas answer every request once, and end equal', (replicaCount) => {
    const { script, primary } = settle({ replicaCount, clientCount: 3 });
    const { view } = script.state(primary);
    for (let round = 1; round <= 10; round += 1) {
      for (const client of [0, 1, 2]) {
        expect(script.add(7, 1, client)).toBe(3 * (round - 1) + client + 1);
      }
    }
    expect(script.read(7)).toBe(30);
    script.runUntil(() => script.converged());
    expect(script.state(primary)).toMatchObject({ isPrimary: true, view, sessions: 3 });
  });

  it.each(ONE_TO_SIX)(
    '%i replicas commit with a replication quorum and no more',
    (replicaCount) => {
      const { script, primary, backups } = settle({ replicaCount });
      const needed = replicationQuorum(replicaCount) - 1;
      for (const slot of backups.slice(needed)) script.crash(slot);
      expect(script.add(1, 1)).toBe(1);
      if (needed === 0) return;
      const last = at(backups, needed - 1);
      script.crash(last);
      const answer = script.submit(addOne(1));
      script.run(300);
      expect(answer.body).toBeNull();
      expect(script.state(primary).commitMax).toBe(script.state(primary).op - 1);
      script.restart(last);
      script.runUntil(() => answer.body !== null);
      expect(script.read(1)).toBe(2);
    },
  );

  it('a backup acknowledges what its disk has, and not before', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const slow = at(backups, 0);
    const acks = script.watch({ from: slow, command: 'prepareOk' });
    script.tap.hang(slow, 'writes');
    expect(script.add(1, 1)).toBe(1);
    script.run(20);
    expect(acks.packets).toEqual([]);
    script.tap.release(slow);
    script.run(20);
    expect(acks.packets.length).toBeGreaterThan(0);
  });

  it('a primary whose disk lags commits on the votes of its backups', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.tap.hang(primary, 'writes');
    expect(script.add(1, 1)).toBe(1);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, journalDirty: 1 });
    script.tap.release(primary);
    script.runUntil(() => script.converged());
  });

  it('a primary does not count itself before its own disk has the op', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    script.crash(at(backups, 1));
    script.tap.hang(primary, 'writes');
    const answer = script.submit(addOne(1));
    script.run(20);
    const acknowledged = script.events('acknowledged', at(backups, 0));
    expect(acknowledged.at(-1)?.op).toBe(script.state(primary).op);
    expect(answer.body).toBeNull();
    script.tap.release(primary);
    script.runUntil(() => answer.body !== null);
    expect(script.state(primary).view).toBe(view);
  });

  it('requests that wait together travel in one op', () => {
    const clients = [0, 1, 2, 3, 4, 5, 6];
    const { script, primary } = settle({ replicaCount: 3, clientCount: clients.length });
    const { pipelineMax } = script.cluster.options.config;
    const before = script.state(primary).op;
    const acks = script.drop({ command: 'prepareOk' });
    const answers = clients.map((client) => script.submit(addOne(9), client));
    script.run(10);
    expect(script.state(primary)).toMatchObject({
      pipelineLength: pipelineMax,
      queueLength: clients.length - pipelineMax,
    });
    acks.remove();
    script.runUntil(() => answers.every(({ body }) => body !== null));
    const counts = script.events('prepared').flatMap(({ op, count }) => (op > before ? count : []));
    expect(counts).toEqual([1, 1, 1, 1, clients.length - pipelineMax]);
    expect(script.read(9)).toBe(clients.length);
  });

  it('an idle cluster learns the commit number by heartbeat, and goes to rest', () => {
    const { script } = settle({ replicaCount: 3 });
    script.add(1, 1);
    script.runUntil(() => script.converged(), 30);
    const votes = script.events('vote').length;
    const prepares = script.watch({ command: 'prepare' });
    const repairs = script.watch({ command: 'requestPrepare' });
    script.run(500);
    expect([prepares.packets, repairs.packets]).toEqual([[], []]);
    expect(script.events('vote')).toHaveLength(votes);
  });

  it('a lost prepare is fetched by who sees the gap', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const deaf = at(backups, 0);
    const lost = script.drop({ to: deaf, command: 'prepare' });
    script.add(1, 1);
    script.add(1, 1);
    lost.remove();
    expect(lost.packets.length).toBeGreaterThanOrEqual(2);
    const repairs = script.watch({ from: deaf, command: 'requestPrepare' });
    script.runUntil(() => script.converged([0, 1, 2]), 100);
    expect(repairs.packets.length).toBeGreaterThan(0);
  });

  it('prepares that arrive in the wrong order are appended in the right one', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 3 });
    const head = script.state(primary).op;
    const receiver = at(backups, 0);
    const held = script.drop({ from: primary, to: receiver, command: 'prepare' });
    script.drop({ from: primary, to: at(backups, 1), command: 'prepare' });
    script.drop({ command: 'requestPrepare' });
    for (const client of [0, 1, 2]) {
      script.submit(addOne(client), client);
      script.run(2);
    }
    const ops = held.packets.map((packet) => {
      const message = messageIn(packet);
      return isCommand(message, 'prepare') ? message.header.op : 0;
    });
    expect(ops).toEqual([head + 1, head + 2, head + 3]);
    held.remove();
    for (const packet of [...held.packets].reverse()) script.replay(packet);
    script.run(5);
    expect(script.state(receiver).op).toBe(head + 3);
    const acknowledged = script.events('acknowledged', receiver).slice(-3);
    expect(new Set(acknowledged.map(({ op }) => op))).toEqual(new Set(ops));
    script.heal();
    script.runUntil(() => script.converged());
  });

  it('a prepare that comes twice is written and executed once', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const receiver = at(backups, 0);
    const prepares = script.watch({ from: primary, to: receiver, command: 'prepare' });
    for (let count = 0; count < 6; count += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    const { writes } = script.cluster.storage(receiver).counts;
    for (const packet of prepares.packets.slice()) script.replay(packet);
    script.run(20);
    expect(script.cluster.storage(receiver).counts.writes).toBe(writes);
    expect(script.read(1)).toBe(6);
  });

  it('an ack that comes ten times counts once', () => {
    const { script, primary } = settle({ replicaCount: 5 });
    const head = script.state(primary).op;
    const acks = script.drop({
      command: 'prepareOk',
      where: (message) => isCommand(message, 'prepareOk') && message.header.op > head,
    });
    const answer = script.submit(addOne(1));
    script.runUntil(() => acks.packets.length > 0);
    for (let count = 0; count < 10; count += 1) script.replay(at(acks.packets, 0));
    script.run(20);
    // The primary and one backup are two of the three that it takes.
    expect(answer.body).toBeNull();
    expect(script.state(primary).commitMax).toBe(head);
    script.heal();
    script.runUntil(() => answer.body !== null);
  });
});
