import { isCommand, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

/** From a crash of the primary to the next one: silence with its jitter, and two round trips. */
const FAILOVER = 2 * TIMEOUTS_DEFAULT.silence;

function waitForOther(script: ScriptedCluster, slot: number, ticksMax: number): number {
  script.runUntil(() => script.primary() !== null && script.primary() !== slot, ticksMax);
  return script.primary() ?? slot;
}

describe('a crash of the primary', () => {
  it.each([3, 4, 5, 6])('of %i while idle brings the next one soon', (replicaCount) => {
    const { script, primary, backups } = settle({ replicaCount });
    script.crash(primary);
    expect(waitForOther(script, primary, FAILOVER)).toBe(at(backups, 0));
    script.runUntil(() => script.converged());
    expect(script.add(1, 1)).toBe(1);
    script.restart(primary);
    script.runUntil(() => script.converged());
    expect(script.state(primary).isPrimary).toBe(false);
  });

  it.each([3, 4, 5, 6])('of %i while busy loses and doubles nothing', (replicaCount) => {
    const { script, primary } = settle({ replicaCount, clientCount: 5 });
    for (let round = 0; round < 3; round += 1) {
      const answers = [0, 1, 2, 3, 4].map((client) => script.submit(addOne(1), client));
      script.run(round); // A tick later each time: before, during and after the votes.
      if (round === 1) script.crash(primary);
      script.runUntil(() => answers.every(({ body }) => body !== null));
    }
    script.restart(primary);
    expect(script.read(1)).toBe(15);
    script.runUntil(() => script.converged());
  });

  it('and of the next two of five brings the one after', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    script.crash(primary);
    script.crash(at(backups, 0));
    expect(waitForOther(script, primary, 1_000)).toBe(at(backups, 1));
    expect(script.add(1, 1)).toBe(1);
  });
});

describe('a new primary', () => {
  it('commits what it inherits, and its client is answered', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    script.drop({ to: primary, command: 'prepareOk' });
    const answers = [0, 1].map((client) => script.submit(addOne(4), client));
    script.run(10);
    const { op, commitMax, view } = script.state(primary);
    expect(commitMax).toBeLessThan(op);
    script.crash(primary);
    const next = waitForOther(script, primary, FAILOVER);
    expect(script.events('primary', next).at(-1)).toMatchObject({ op });
    script.runUntil(() => answers.every(({ body }) => body !== null));
    script.runUntil(() => script.converged());
    // The very same prepares: made in the old view, and committed in the new one.
    const committed = script.events('committed', at(backups, 1)).find((event) => event.op === op);
    expect(committed?.view).toBe(view);
    script.heal();
    expect(script.read(4)).toBe(2);
  });

  it('answers a request whose reply was lost, from what is stored', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const client = script.cluster.clients[0]?.node ?? 0;
    script.add(1, 1);
    const first = script.drop({ to: client, command: 'reply' });
    const answer = script.submit(addOne(1));
    script.runUntil(() => first.packets.length > 0);
    script.crash(primary);
    waitForOther(script, primary, FAILOVER);
    first.remove();
    const second = script.watch({ to: client, command: 'reply' });
    script.runUntil(() => answer.body !== null);
    const [lost, given] = [at(first.packets, 0), at(second.packets, 0)].map((packet) => {
      const message = messageIn(packet);
      return isCommand(message, 'reply') ? message : null;
    });
    expect(given?.header.op).toBe(lost?.header.op);
    expect(given?.body).toEqual(lost?.body);
    expect(given?.header.view).toBeGreaterThan(lost?.header.view ?? 0);
    expect(script.read(1)).toBe(2);
  });

  it('is given the ack of a backup that has executed the op already', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    const [next, knowing, ignorant, other] = [0, 1, 2, 3].map((place) => at(backups, place));
    // The op reaches three backups, and its commit one of them.
    script.drop({ to: ignorant ?? 0, command: 'prepare' });
    for (const slot of [next, ignorant, other]) {
      script.drop({ from: primary, to: slot ?? 0, command: 'commit' });
    }
    const { op } = script.state(primary);
    script.add(1, 1);
    script.runUntil(() => script.state(knowing ?? 0).commitMin === op + 1, 30);
    script.crash(primary);
    // It has no part in the choice of the log, and no other can make up the quorum of the op.
    const votes = script.drop({ from: knowing ?? 0, command: 'doViewChange' });
    script.drop({ from: ignorant ?? 0, command: 'prepareOk' });
    script.runUntil(() => script.events('primary', next).length > 0, FAILOVER);
    expect(votes.packets.length).toBeGreaterThan(0);
    expect(script.events('primary', next).at(-1)).toMatchObject({ op: op + 1, commit: op });
    script.runUntil(() => script.state(next ?? 0).commitMin === op + 1, 100);
    const acks = script.events('acknowledged', knowing).filter((event) => event.op === op + 1);
    expect(new Set(acks.map(({ view }) => view)).size).toBe(2);
  });

  it('does not count acks of a view in which it led before', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const { view, op } = script.state(primary);
    const acks = script.drop({ command: 'prepareOk' });
    script.submit(addOne(1));
    // Without a new ack each primary in turn gives way, until it is the first one's turn again.
    script.runUntil(() => script.state(primary).view > view && script.state(primary).isPrimary);
    script.run(5);
    const old = acks.packets.filter((packet) => {
      const { header } = messageIn(packet);
      return packet.to === primary && header.view === view;
    });
    expect(old.length).toBeGreaterThan(0);
    for (const packet of old) script.replay(packet);
    script.run(5);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, commitMax: op, op: op + 1 });
    expect(script.events('dropped', primary).at(-1)).toMatchObject({
      command: 'prepare_ok',
      reason: 'stale_view',
    });
    script.heal();
    script.runUntil(() => script.converged());
    expect(script.read(1)).toBe(1);
  });

  it('that was primary before it restarted does not lead on in that view', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    script.add(1, 1);
    script.crash(primary);
    const before = script.tap.seen.length;
    script.restart(primary);
    script.runUntil(() => script.events('started', primary).length === 2, 20);
    expect(script.events('started', primary).at(-1)).toMatchObject({ status: 'view_change', view });
    expect(script.events('vote', primary).at(-1)).toMatchObject({ reason: 'restarted_primary' });
    expect(waitForOther(script, primary, FAILOVER)).toBe(at(backups, 0));
    expect(script.add(1, 1)).toBe(2);
    const later = script.tap.seen.slice(before);
    expect(later.some((seen) => seen.slot === primary && seen.event.kind === 'prepared')).toBe(
      false,
    );
  });
});

describe('two that take themselves for primary', () => {
  it('never both commit: the older one has no quorum', () => {
    const { script, primary } = settle({ replicaCount: 3, clientCount: 2 });
    const old = script.cluster.clients[0]?.node ?? 0;
    const others = [0, 1, 2].filter((slot) => slot !== primary);
    script.cut([primary], others);
    script.cut(others, [primary]);
    script.cut([old], others);
    script.cut([...others, old + 1], [old]);
    const stranded = script.submit(addOne(1), 0);
    const next = waitForOther(script, primary, FAILOVER);
    expect(script.add(1, 1, 1)).toBe(1);
    expect(script.state(next).isPrimary).toBe(true);
    expect(stranded.body).toBeNull();
    script.heal();
    script.runUntil(() => script.converged());
    script.runUntil(() => stranded.body !== null);
    expect(script.read(1)).toBe(2);
    // What the old one prepared at that op was given up, on its own disk too.
    const own = script.events('prepared', primary).at(-1);
    const committed = script.events('committed', primary).find(({ op }) => op === own?.op);
    expect(committed).toBeDefined();
    expect(committed?.checksum).not.toBe(own?.checksum);
  });

  it('candidates of different views come to one in the end', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    const [first, second] = [at(backups, 0), at(backups, 1)];
    // The first candidate begins its view, but none of its logs arrives anywhere.
    const lost = script.drop({ from: first, command: 'startView' });
    const unheard = script.drop({ from: first, command: 'commit' });
    script.crash(primary);
    script.runUntil(() => script.state(second).isPrimary, 1_500);
    expect(lost.packets.length).toBeGreaterThan(0);
    expect(script.add(1, 1)).toBe(1);
    lost.remove();
    unheard.remove();
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2, 3, 4]));
    expect(script.state(second).isPrimary).toBe(true);
  });
});

describe('votes of long ago', () => {
  const { silence, startViewChangeWindow } = TIMEOUTS_DEFAULT;

  /** How far the view comes when three of five vote, each for itself, so many ticks apart. */
  function viewsMoved(ticks: number): number {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    const { view } = script.state(primary);
    for (const slot of backups.slice(0, 3)) {
      const deaf = script.cut([primary], [slot]);
      script.runUntil(() => script.events('vote', slot).some((vote) => vote.view === view), 100);
      for (const rule of deaf) rule.remove();
      script.run(ticks - silence);
    }
    script.runUntil(() => script.converged());
    return Math.max(...script.cluster.snapshots().map((state) => state.view)) - view;
  }

  it('are no reason to move now', () => {
    expect(viewsMoved(startViewChangeWindow + silence)).toBe(0);
    // Within the window they count together: nobody says that it has taken its own back.
    expect(viewsMoved(startViewChangeWindow / 4)).toBe(1);
  });
});

describe('a replica alone', () => {
  it('does not inflate the view, and disturbs nobody when it is back', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    const lonely = at(backups, 0);
    script.isolate(lonely);
    script.run(3_000);
    expect(script.state(lonely)).toMatchObject({ view, status: 'normal' });
    expect(script.events('vote', lonely).at(-1)).toMatchObject({ reason: 'primary_silent' });
    script.heal();
    script.run(100);
    for (const slot of [0, 1, 2])
      expect(script.state(slot)).toMatchObject({ view, status: 'normal' });
    expect(script.state(primary).isPrimary).toBe(true);
  });

  it('in a higher view than the others does not lock out a client', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { view } = script.state(primary);
    // Hears all, and is heard by nobody but clients: it alone counts the votes that pass.
    const lonely = at(backups, 0);
    const others = [primary, at(backups, 1)];
    const rules = script.cut([lonely], others);
    const silent = script.drop({ from: primary, command: 'commit' });
    script.runUntil(() => script.state(lonely).view > view, FAILOVER);
    silent.remove();
    script.run(100);
    expect(script.state(lonely)).toMatchObject({ status: 'view_change' });
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    const told = script.watch({ from: lonely });
    for (let count = 1; count <= 10; count += 1) expect(script.add(1, 1)).toBe(count);
    const said = told.packets.filter(({ to }) => to >= 3).map(({ command }) => command);
    for (const command of said) expect(['refusal', 'reply']).toContain(command);
    for (const rule of rules) rule.remove();
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(10);
  });
});

describe('messages of the wrong view', () => {
  it('a prepare of a later view is not appended before its start_view', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const late = at(backups, 1);
    script.isolate(late);
    script.crash(primary);
    script.restart(primary);
    waitForOther(script, primary, 3 * FAILOVER);
    const { view, op } = script.state(late);
    script.heal();
    const refused = script.drop({ to: late, where: ({ header }) => header.command !== 'prepare' });
    const prepares = script.watch({ to: late, command: 'prepare' });
    script.add(1, 1);
    script.run(5);
    expect(prepares.packets.length).toBeGreaterThan(0);
    expect(script.state(late)).toMatchObject({ view, op });
    refused.remove();
    script.runUntil(() => script.converged([0, 1, 2]));
  });

  it('a prepare of an older view is not appended', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const caught = script.drop({ from: primary, command: 'prepare' });
    const answer = script.submit(addOne(1));
    script.runUntil(() => caught.packets.length >= 2);
    script.crash(primary);
    const next = waitForOther(script, primary, FAILOVER);
    script.runUntil(() => script.converged());
    const others = backups.filter((slot) => slot !== next);
    const before = [next, ...others].map((slot) => script.state(slot).op);
    script.drop({ command: 'request' });
    for (const packet of caught.packets.slice()) script.replay(packet);
    script.run(10);
    expect([next, ...others].map((slot) => script.state(slot).op)).toEqual(before);
    script.heal();
    script.runUntil(() => answer.body !== null);
    expect(script.read(1)).toBe(1);
  });

  it('an old start_view moves nobody back', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const starts = script.watch({ command: 'startView' });
    script.crash(primary);
    waitForOther(script, primary, FAILOVER);
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    script.add(1, 1);
    script.crash(at(backups, 0));
    waitForOther(script, at(backups, 0), FAILOVER);
    script.runUntil(() => script.converged());
    const before = [primary, at(backups, 1)].map((slot) => script.state(slot));
    for (const packet of starts.packets.slice()) script.replay(packet);
    script.run(3);
    const after = [primary, at(backups, 1)].map((slot) => script.state(slot));
    expect(after.map(({ view, op }) => [view, op])).toEqual(
      before.map(({ view, op }) => [view, op]),
    );
  });

  it('a lost start_view is asked for', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const deaf = at(backups, 1);
    const lost = script.drop({ to: deaf, command: 'startView' });
    script.crash(primary);
    waitForOther(script, primary, FAILOVER);
    script.runUntil(() => lost.packets.length >= 3, 100);
    expect(script.state(deaf).status).toBe('view_change');
    const asked = script.watch({ from: deaf });
    lost.remove();
    script.runUntil(() => script.converged(), 100);
    const commands = asked.packets.map(({ command }) => command);
    expect(commands.includes('requestStartView') || commands.includes('doViewChange')).toBe(true);
  });
});

describe('a crash in the middle of a view change', () => {
  // The new primary, and the backup whose vote it needs, at every point of their part in it.
  const points = Array.from({ length: 12 }, (_, place) => 1 + 4 * place);
  it.each(points)('after %i events of the new primary is survived', (events) => {
    const { script, primary, backups } = settle({ replicaCount: 3, seed: BigInt(events) });
    const next = at(backups, 0);
    const answer = script.submit(addOne(1));
    script.crash(primary);
    script.runUntil(
      () => script.events('vote', next).at(-1)?.reason === 'primary_silent',
      FAILOVER,
    );
    script.cluster.replica(next).armCrash(events);
    script.runUntil(() => !script.cluster.replica(next).running, 200);
    script.restart(primary);
    script.restart(next);
    script.runUntil(() => answer.body !== null);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(1);
  });

  it.each(points)('after %i events of the voter is survived', (events) => {
    const { script, primary, backups } = settle({ replicaCount: 3, seed: BigInt(events) });
    const voter = at(backups, 1);
    const answer = script.submit(addOne(1));
    script.crash(primary);
    script.runUntil(
      () => script.events('vote', voter).at(-1)?.reason === 'primary_silent',
      FAILOVER,
    );
    script.cluster.replica(voter).armCrash(events);
    script.runUntil(() => !script.cluster.replica(voter).running, 200);
    script.restart(voter);
    script.runUntil(() => answer.body !== null);
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(1);
  });
});
