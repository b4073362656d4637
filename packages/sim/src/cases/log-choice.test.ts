import { isCommand } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { loseSlot, rotBody, rotHeader } from '../testing/log-faults.ts';
import { messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, type Settled, settle } from '../testing/settled.ts';

/**
 * Three replicas with a head that the given backups have on disk, that nobody knows to be
 * committed, and that the primary has too. Its client still waits.
 */
function withOpenOp(holders: readonly number[]): Settled & { readonly op: number } {
  const settled = settle({ replicaCount: 3, clientCount: 2 });
  const { script, primary, backups } = settled;
  for (let count = 0; count < 5; count += 1) script.add(1, 1);
  script.runUntil(() => script.converged());
  backups.forEach((slot, place) => {
    if (!holders.includes(place)) script.drop({ from: primary, to: slot });
  });
  const acks = script.drop({ command: 'prepareOk' });
  script.submit(addOne(2), 1);
  const { op } = script.state(primary);
  const holding = holders.map((place) => at(backups, place));
  script.runUntil(
    () =>
      script.state(primary).op > op &&
      holding.every((slot) => script.events('acknowledged', slot).at(-1)?.op === op + 1),
    20,
  );
  script.run(5);
  acks.remove();
  return { ...settled, op: op + 1 };
}

/** Starts the two backups of a crashed cluster, and waits until their logs have been sent. */
function startBackups({ script, backups }: Settled): void {
  for (const slot of backups) script.restart(slot);
  const [next, voter] = [at(backups, 0), at(backups, 1)];
  const votes = script.watch({ from: voter, to: next, command: 'doViewChange' });
  script.runUntil(() => votes.packets.length > 0, 400);
}

/** The backups wait for a third voice: nobody has taken a log for that of a new view. */
function expectNoLogChosen({ script, backups }: Settled): void {
  const lastLed = script.events('primary').at(-1)?.view;
  for (const slot of backups) {
    expect(script.state(slot)).toMatchObject({ status: 'view_change', logView: lastLed });
  }
}

function crashAll(script: ScriptedCluster): void {
  for (const slot of [0, 1, 2]) script.crash(slot);
}

describe('a do_view_change', () => {
  it('neither denies nor offers an op whose body is rotten', () => {
    const settled = withOpenOp([0, 1]);
    const { script, backups, op } = settled;
    const voter = at(backups, 1);
    crashAll(script);
    rotBody(script.disk(voter), op);
    script.heal();
    script.drop({ to: voter, command: 'prepare' }); // Nobody helps it out before it votes.
    const votes = script.watch({ from: voter, command: 'doViewChange' });
    startBackups(settled);
    for (const packet of votes.packets) {
      const message = messageIn(packet);
      if (!isCommand(message, 'doViewChange')) throw new Error('only those were kept');
      expect(message.header.op).toBe(op);
      expect(message.header.nackBits & 1).toBe(0);
      expect(message.header.presentBits & 1).toBe(0);
      // The one below it is whole.
      expect(message.header.presentBits & 2).toBe(2);
    }
    script.heal();
    script.runUntil(() => script.converged(backups));
    expect(script.state(voter).op).toBeGreaterThanOrEqual(op);
    expect(script.read(2)).toBe(1);
  });

  it('tells of the same log after a crash of its sender', () => {
    const { script, primary, backups } = withOpenOp([0, 1]);
    const [next, voter] = [at(backups, 0), at(backups, 1)];
    const votes = script.drop({ from: voter, to: next, command: 'doViewChange' });
    script.crash(primary);
    script.runUntil(() => votes.packets.length >= 2, 400);
    const before = messageIn(at(votes.packets, 0));
    script.crash(voter);
    const count = votes.packets.length;
    script.restart(voter);
    script.runUntil(() => votes.packets.length > count, 100);
    const after = messageIn(at(votes.packets, count));
    if (!isCommand(before, 'doViewChange') || !isCommand(after, 'doViewChange')) throw new Error();
    const { view, logView, op, nackBits, presentBits } = before.header;
    expect(after.header).toMatchObject({ view, logView, op, nackBits, presentBits });
    expect(after.body).toEqual(before.body);
    script.heal();
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(2, 1)).toBe(1);
  });
});

describe('the head of a new view', () => {
  // Of the three copies so many are rotten; the old primary stays away as long as it can.
  it.each([
    { rotten: 0, stalls: false },
    { rotten: 1, stalls: false },
    { rotten: 2, stalls: true },
  ])('with $rotten of two copies rotten is kept, or waited for', ({ rotten, stalls }) => {
    const settled = withOpenOp([0, 1]);
    const { script, primary, backups, op } = settled;
    crashAll(script);
    for (const slot of backups.slice(0, rotten)) rotBody(script.disk(slot), op);
    script.heal();
    startBackups(settled);
    script.run(600);
    if (stalls) {
      expect(script.primary()).toBeNull();
      expectNoLogChosen(settled);
      for (const slot of backups) expect(script.state(slot).op).toBe(op);
      script.restart(primary);
    }
    script.runUntil(() => script.primary() !== null);
    script.runUntil(() => script.converged());
    expect(script.events('truncated')).toEqual([]);
    expect(script.read(2)).toBe(1);
  });

  it('that only the old primary has is dropped by two that never had it', () => {
    const settled = withOpenOp([]);
    const { script, primary, backups, op } = settled;
    script.crash(primary);
    script.heal();
    script.drop({ command: 'request' });
    script.runUntil(() => script.primary() !== null && script.converged(backups), 400);
    for (const slot of backups) expect(script.state(slot).op).toBe(op - 1);
    // The old primary gives it up when it hears of it, and does not get it back by a crash.
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.events('truncated', primary).at(-1)).toMatchObject({ op: op - 1, from: op });
    for (const slot of [0, 1, 2]) script.crash(slot);
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(primary).op).toBe(op - 1);
    script.heal();
    expect(script.read(2)).toBeLessThanOrEqual(1);
    script.runUntil(() => !(script.cluster.clients[1]?.busy ?? true));
    expect(script.read(2)).toBe(1);
  });

  it('with one rotten copy and one replica that never had it waits for the third', () => {
    const settled = withOpenOp([0]);
    const { script, primary, backups, op } = settled;
    crashAll(script);
    rotBody(script.disk(at(backups, 0)), op);
    script.heal();
    startBackups(settled);
    script.run(600);
    expect(script.primary()).toBeNull();
    expectNoLogChosen(settled);
    script.restart(primary);
    script.runUntil(() => script.primary() !== null);
    script.runUntil(() => script.converged());
    expect(script.state(primary).op).toBeGreaterThanOrEqual(op);
    expect(script.events('truncated')).toEqual([]);
    expect(script.read(2)).toBe(1);
  });

  it('with two rotten copies and one replica that never had it is never guessed', () => {
    const settled = withOpenOp([0]);
    const { script, primary, backups, op } = settled;
    crashAll(script);
    rotBody(script.disk(at(backups, 0)), op);
    rotBody(script.disk(primary), op);
    script.heal();
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.run(1_500);
    expect(script.primary()).toBeNull();
    expect(script.state(at(backups, 0)).op).toBe(op);
    expect(script.events('truncated')).toEqual([]);
  });

  it('is not judged by a replica that does not know its own', () => {
    const settled = withOpenOp([0]);
    const { script, primary, backups, op } = settled;
    const [holder, blind] = [at(backups, 0), at(backups, 1)];
    crashAll(script);
    rotHeader(script.disk(blind), op);
    loseSlot(script.disk(blind), op);
    script.heal();
    for (const slot of backups) script.restart(slot);
    script.run(600);
    expect(script.state(blind).status).toBe('recovering_head');
    expect(script.primary()).toBeNull();
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(holder).op).toBeGreaterThanOrEqual(op);
    expect(script.read(2)).toBe(1);
  });
});

/**
 * Two rival heads at one op. The first, of view v, is only on the disk of its primary; the second,
 * of a later view, only on the disk of that view's primary. The third replica has neither.
 */
function withRivalHeads(): Settled & {
  readonly op: number;
  readonly second: number;
  readonly third: number;
} {
  const settled = settle({ replicaCount: 3, clientCount: 2 });
  const { script, primary, backups } = settled;
  const [second, third] = [at(backups, 0), at(backups, 1)];
  const { op } = script.state(primary);
  script.isolate(primary);
  script.cut([primary, ...backups], [3]); // The client hears nothing, and goes on asking.
  const asked = script.drop({ from: 3, command: 'request' });
  script.submit(addOne(1), 0);
  script.runUntil(() => asked.packets.length > 0);
  const request = at(asked.packets, 0);
  script.replay({ ...request, to: primary });
  script.runUntil(() => script.state(primary).op === op + 1, 20);
  script.runUntil(() => script.state(second).isPrimary, 400);
  script.drop({ from: second, command: 'prepare' });
  script.drop({ from: second, command: 'commit' });
  script.submit(addOne(2), 1);
  script.runUntil(() => script.state(second).op === op + 1, 60);
  script.run(5);
  for (const slot of [0, 1, 2]) script.crash(slot);
  script.heal();
  script.drop({ command: 'request' });
  return { ...settled, op, second, third };
}

describe('two rival heads', () => {
  it('the one of the later log_view is kept by its only copy', () => {
    const { script, primary, op, second } = withRivalHeads();
    script.restart(primary);
    script.restart(second);
    script.runUntil(() => script.primary() !== null);
    script.runUntil(() => script.converged());
    const kept = script.events('committed', second).find((event) => event.op === op + 1);
    expect(kept?.checksum).toBe(
      script.events('prepared', second).find((event) => event.op === op + 1)?.checksum,
    );
    script.heal();
    script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
    expect([script.read(1), script.read(2, 1)]).toEqual([1, 1]);
  });

  it('a longer log of an older log_view does not win', () => {
    const { script, primary, op, third } = withRivalHeads();
    script.restart(primary);
    script.restart(third);
    script.runUntil(() => script.primary() !== null);
    script.runUntil(() => script.converged());
    expect(script.state(third).op).toBe(op);
    expect(script.events('truncated', primary).at(-1)).toMatchObject({ op, from: op + 1 });
    script.heal();
    script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
    expect([script.read(1), script.read(2, 1)]).toEqual([1, 1]);
  });

  it('another prepare in an older log denies the later one, with one that has none', () => {
    const { script, primary, op, second, third } = withRivalHeads();
    rotBody(script.disk(second), op + 1);
    script.restart(primary);
    script.restart(second);
    script.run(600);
    // One denial, no copy: it may have been committed.
    expect(script.primary()).toBeNull();
    script.restart(third);
    script.runUntil(() => script.primary() !== null);
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const slot of [0, 1, 2]) expect(script.state(slot).op).toBe(op);
    // Neither of them is back after a crash of all.
    for (const slot of [0, 1, 2]) script.crash(slot);
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const slot of [0, 1, 2]) expect(script.state(slot).op).toBe(op);
    script.heal();
    script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
    expect([script.read(1), script.read(2, 1)]).toEqual([1, 1]);
  });
});

describe('ops that were given up', () => {
  it('stand in the ring, and do not come back after a crash', () => {
    const settled = settle({ replicaCount: 3, clientCount: 3 });
    const { script, primary, backups } = settled;
    for (let count = 0; count < 3; count += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    const { op, view } = script.state(primary);
    script.cut([primary], backups);
    script.cut(backups, [primary]);
    for (const client of [0, 1, 2]) {
      script.submit(addOne(5), client);
      script.run(2);
    }
    const head = script.state(primary).op;
    expect(head).toBeGreaterThan(op);
    script.drop({ command: 'request' });
    script.runUntil(() => script.primary() !== primary, 400);
    script.heal();
    script.drop({ command: 'request' });
    // As soon as the cut is durable, and before anything new was written over it.
    script.stepUntil(() => (script.events('view_durable', primary).at(-1)?.logView ?? 0) > view);
    expect(script.events('truncated', primary).at(-1)).toMatchObject({ op, from: head });
    script.crash(primary);
    expect(script.cluster.storage(primary).evidence.slotState(head)).toBe('readable');
    script.restart(primary);
    script.runUntil(() => script.events('started', primary).length === 2, 20);
    expect(script.events('started', primary).at(-1)).toMatchObject({ op, status: 'normal' });
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const slot of [0, 1, 2]) expect(script.state(slot).op).toBe(op);
    script.heal();
    script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
    expect(script.read(5)).toBe(3);
  });

  it('come back to be given up again, when the crash was before the cut was durable', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 3 });
    const { op, view } = script.state(primary);
    script.cut([primary], backups);
    script.cut(backups, [primary]);
    script.submit(addOne(5), 0);
    script.run(5);
    const head = script.state(primary).op;
    script.drop({ command: 'request' });
    script.runUntil(() => script.primary() !== primary, 400);
    script.heal();
    script.drop({ command: 'request' });
    script.stepUntil(() => script.events('truncated', primary).length > 0);
    script.crash(primary);
    script.restart(primary);
    script.runUntil(() => script.events('started', primary).length === 2, 20);
    const started = at(script.events('started', primary), -1);
    if (started.view === view) expect(started.op).toBe(head);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(primary).op).toBe(op);
    script.heal();
    expect(script.add(5, 1, 1)).toBeLessThanOrEqual(2);
    script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
    expect(script.read(5)).toBe(2);
  });
});
