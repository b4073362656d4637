import { present } from '@kimberlite/store';
import {
  CONFIG_SIMULATION,
  decodeRecovered,
  encodeRecovery,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  type Recovered,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { swapDisk } from '../run/swap-disk.ts';
import type { DiskCopy } from '../storage/storage.ts';
import { rotBody } from '../testing/log-faults.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

const INCARNATION = 4242n;

type FourSlots = [number, number, number, number];

/** The replica's disk is gone; a copy of it as it was turns up later. */
function lose(script: ScriptedCluster, slot: number): DiskCopy {
  script.run(20);
  script.crash(slot);
  const old = script.cluster.storage(slot).copy();
  script.cluster.loseDisk(slot);
  // The primary takes a member that was heard of late for alive.
  script.run(200);
  return old;
}

/** The op that names the new file, and a pipeline of others behind it. */
function replaceFile(
  script: ScriptedCluster,
  slot: number,
  { incarnation = INCARNATION, noops = CONFIG_SIMULATION.pipelineMax } = {},
): Recovered {
  const body = encodeRecovery({ slot, incarnation });
  const recovered = decodeRecovered(script.request({ operation: OPERATION_RECOVER, body }));
  for (let count = 0; count < noops; count += 1) {
    script.request({ operation: OPERATION_NOOP, body: new Uint8Array(0) });
  }
  return present(recovered);
}

function startNew(
  script: ScriptedCluster,
  slot: number,
  recovered: Recovered,
  incarnation: bigint = INCARNATION,
): void {
  const { view } = present(script.cluster.clients[0]);
  script.cluster.recoverDisk(slot, { incarnation, recovered, view });
}

/** Another disk is put into the replica; what it had is handed back. */
function swap(script: ScriptedCluster, slot: number, disk: DiskCopy): DiskCopy {
  script.crash(slot);
  const before = swapDisk(script.cluster, slot, disk);
  script.restart(slot);
  return before;
}

describe('a replica whose disk was replaced', () => {
  it.each([3, 5])('of %i takes part when a quorum of the others knows its file', (replicaCount) => {
    const { script, primary, backups } = settle({ replicaCount });
    const slot = at(backups, 0);
    expect(script.add(1, 1)).toBe(1);
    lose(script, slot);
    const recovered = replaceFile(script, slot);
    script.runUntil(() => script.state(primary).commitMin === script.state(primary).op);
    script.run(20);
    // Only the primary is there to say that it has executed the op.
    const others = backups.filter((backup) => backup !== slot);
    for (const other of others) script.crash(other);
    startNew(script, slot, recovered);
    script.run(300);
    expect(script.state(slot)).toMatchObject({ status: 'introducing', op: 0 });
    expect(script.events('acknowledged', slot).filter(({ op }) => op > recovered.since)).toEqual(
      [],
    );
    for (const other of others) script.restart(other);
    script.runUntil(() => script.converged());
    expect(script.state(slot).status).toBe('normal');
    expect(script.read(1)).toBe(1);
  });

  it.each([5, 6])(
    'of %i is followed by who was away, as two others tell of its file',
    (replicaCount) => {
      const { script, primary, backups } = settle({ replicaCount });
      const [away, slot] = [at(backups, 0), at(backups, 1)];
      const others = [primary, ...backups].filter((other) => other !== away);
      script.isolate(away);
      lose(script, slot);
      startNew(script, slot, replaceFile(script, slot));
      script.runUntil(() => script.converged(others));
      // The next in line is away, so that the new file leads.
      script.crash(primary);
      script.runUntil(() => script.primary() === slot, 6_000);
      script.restart(primary);
      script.runUntil(() => script.converged(others));
      script.heal();
      script.runUntil(() => script.converged(), 6_000);
      expect(script.state(away).status).toBe('normal');
      expect(script.primary()).toBe(slot);
      expect(script.add(1, 1)).toBe(1);
    },
  );

  it('of four may be the second, while one is away that knows neither', () => {
    const { script, primary, backups } = settle({ replicaCount: 4 });
    const [first, behind, away] = [at(backups, 0), at(backups, 1), at(backups, 2)];
    script.isolate(away);
    lose(script, first);
    startNew(script, first, replaceFile(script, first));
    const others = [primary, first, behind];
    script.runUntil(() => script.converged(others));
    // The first new file leads, and the next op replaces another one.
    script.crash(primary);
    script.restart(primary);
    script.runUntil(() => script.primary() === first);
    script.runUntil(() => script.converged(others));
    lose(script, primary);
    // Whoever acknowledges that op does not hear that it is committed.
    script.drop({ from: first, to: behind, command: 'commit' });
    const recovered = replaceFile(script, primary, { noops: 0, incarnation: 4343n });
    expect(script.state(behind).op).toBe(recovered.since);
    expect(script.state(behind).commitMin).toBeLessThan(recovered.since);
    script.crash(first);
    script.heal();
    script.restart(first);
    script.runUntil(() => script.converged([away, first, behind]), 12_000);
    startNew(script, primary, recovered, 4343n);
    script.runUntil(() => script.converged(), 6_000);
    expect(script.add(1, 1)).toBe(1);
  });

  it('takes part whoever was in the place of another member', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const [slot, member] = [at(backups, 0), at(backups, 1)];
    lose(script, slot);
    const recovered = replaceFile(script, slot);
    script.runUntil(() => script.state(primary).commitMin === script.state(primary).op);
    script.run(20);
    // The member's volume is not there, and a file is formatted in its place.
    const own = script.cluster.storage(member).copy();
    script.cut([primary], [member]);
    script.cluster.loseDisk(member);
    script.restart(member);
    startNew(script, slot, recovered);
    script.run(300);
    script.heal();
    swap(script, member, own);
    script.runUntil(() => script.converged());
    expect(script.add(1, 1)).toBe(1);
  });

  it('of five takes part though it first met the lost disk of one replaced after it', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    const [first, second, c, d] = [0, 1, 2, 3].map((place) => at(backups, place)) as FourSlots;
    lose(script, first);
    const old = lose(script, second);
    const one = replaceFile(script, first);
    const two = replaceFile(script, second, { incarnation: 4343n });
    startNew(script, second, two, 4343n);
    script.runUntil(() => script.converged([primary, second, c, d]));
    script.crash(d);
    script.tap.allowGivingUp(second);
    script.cut([primary, c], [second]);
    const current = swap(script, second, old);
    startNew(script, first, one);
    script.run(300);
    script.heal();
    swap(script, second, current);
    script.runUntil(() => script.state(first).status === 'normal');
    script.crash(primary);
    script.runUntil(() => script.primary() !== null && script.converged([first, second, c]));
    expect(script.add(1, 1)).toBe(1);
  });

  it('of four leads one that was away while two of them were replaced', () => {
    const { script, primary, backups } = settle({ replicaCount: 4 });
    const away = at(backups, 2);
    const lost = backups.slice(0, 2);
    script.isolate(away);
    lost.forEach((slot, index) => {
      lose(script, slot);
      const incarnation = 4343n + BigInt(index);
      startNew(script, slot, replaceFile(script, slot, { incarnation }), incarnation);
      script.runUntil(() => script.converged([primary, ...lost]), 6_000);
    });
    // Nobody is left whose file the one that comes back knows.
    script.crash(primary);
    script.heal();
    script.runUntil(() => script.primary() !== null && script.converged([away, ...lost]), 6_000);
    expect(script.add(1, 1)).toBe(1);
  });

  it('is not let in by an old copy of a member, which has heard of it from others', () => {
    const { script, primary, backups } = settle({ replicaCount: 4 });
    const [member, away, slot] = [at(backups, 0), at(backups, 1), at(backups, 2)];
    script.crash(member);
    const old = script.cluster.storage(member).copy();
    script.restart(member);
    for (let count = 1; count <= 12; count += 1) expect(script.add(1, 1)).toBe(count);
    script.runUntil(() => script.converged());
    lose(script, slot);
    script.isolate(away);
    // The member acknowledges the op and can't execute it: one far below has rotted.
    script.crash(member);
    rotBody(script.disk(member), 8);
    script.drop({
      to: member,
      where: ({ header }) => header.command === 'prepare' && header.op === 8,
    });
    script.restart(member);
    script.run(300);
    const recovered = replaceFile(script, slot);
    expect(script.state(member).commitMin).toBeLessThan(recovered.since);
    script.crash(member);
    script.cluster.storage(member).putBack(old);
    script.cluster.checkers.onOldFile(member, true);
    script.cluster.oldFiles.add(member);
    script.restart(member);
    startNew(script, slot, recovered);
    script.run(300);
    expect(script.events('denied', member)).toMatchObject([{ peer: primary }]);
    expect(script.events('recovered', member)).toMatchObject([{ peer: slot }]);
    expect(script.state(slot).status).toBe('introducing');
  });

  it('is the newer of two that were asked for at once', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 6 });
    const [slot, other] = [at(backups, 0), at(backups, 1)];
    lose(script, slot);
    // For a moment nothing commits, and what comes when the pipeline is full waits together.
    const held = script.drop({ from: other, to: primary, command: 'prepareOk' });
    const { pipelineMax } = CONFIG_SIMULATION;
    for (let client = 0; client < pipelineMax; client += 1) script.submit(addOne(1), client);
    script.run(5);
    const asked = [pipelineMax, pipelineMax + 1].map((client) => {
      const incarnation = INCARNATION + BigInt(client);
      const body = encodeRecovery({ slot, incarnation });
      return { incarnation, answer: script.submit({ operation: OPERATION_RECOVER, body }, client) };
    });
    script.run(5);
    expect(asked.map(({ answer }) => answer.body)).toEqual([null, null]);
    held.remove();
    script.runUntil(() => asked.every(({ answer }) => answer.body !== null));
    const files = asked.map(({ incarnation, answer }) => {
      return { incarnation, recovered: present(decodeRecovered(present(answer.body))) };
    });
    const [older, newer] = files.toSorted(
      (first, second) => first.recovered.since - second.recovered.since,
    );
    const { incarnation, recovered } = present(newer);
    expect(present(older).recovered.since).toBeLessThan(recovered.since);
    for (let count = 0; count < pipelineMax; count += 1) {
      script.request({ operation: OPERATION_NOOP, body: new Uint8Array(0) });
    }
    startNew(script, slot, recovered, incarnation);
    script.runUntil(() => script.converged());
    expect(script.add(1, 1)).toBe(pipelineMax + 1);
  });

  it('counts for an op that names it again, which then needs no third', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const [slot, other] = [at(backups, 0), at(backups, 1)];
    lose(script, slot);
    const recovered = replaceFile(script, slot);
    startNew(script, slot, recovered);
    script.runUntil(() => script.converged());
    script.crash(other);
    expect(replaceFile(script, slot)).toEqual(recovered);
    expect(script.add(1, 1)).toBe(1);
  });

  it('is not let in by an old copy of a member that has not heard from its primary', () => {
    const { script, primary, backups } = settle({ replicaCount: 4 });
    const [member, away, slot] = [at(backups, 0), at(backups, 1), at(backups, 2)];
    // Who is away never hears of what the member's newest file acknowledges.
    script.isolate(away);
    script.crash(member);
    const old = script.cluster.storage(member).copy();
    script.restart(member);
    for (let count = 1; count <= 6; count += 1) expect(script.add(1, 1)).toBe(count);
    script.runUntil(() => script.converged([primary, member, slot]));
    lose(script, slot);
    const recovered = replaceFile(script, slot, { noops: 0 });
    script.crash(member);
    swapDisk(script.cluster, member, old);
    script.cluster.oldFiles.add(member);
    script.heal();
    // Of those who answer the member it is the first, while prepares come from the primary.
    script.cut([away], [primary]);
    script.cut([primary], [away]);
    script.drop({ from: primary, to: member, command: 'pong' });
    script.restart(member);
    script.submit(addOne(1));
    script.run(100);
    startNew(script, slot, recovered);
    script.run(300);
    expect(script.state(slot).status).toBe('introducing');
    expect(script.events('greeted', member).at(-1)).toMatchObject({ peer: away });
    expect(script.state(member).commitMin).toBeLessThan(recovered.since);
  });

  it('is not let in by another new file that nobody else has let in', () => {
    const { script, primary, backups } = settle({ replicaCount: 5, clientCount: 2 });
    const [first, second, behind] = [at(backups, 0), at(backups, 1), at(backups, 2)];
    const other = at(backups, 3);
    lose(script, first);
    lose(script, second);
    // Three are left. One of them acknowledges both ops and hears of no commit, and is away then.
    script.drop({ from: primary, to: behind, command: 'commit' });
    const answers = [first, second].map((slot, client) => {
      const body = encodeRecovery({ slot, incarnation: INCARNATION + BigInt(slot) });
      return script.submit({ operation: OPERATION_RECOVER, body }, client);
    });
    script.runUntil(() => answers.every(({ body }) => body !== null));
    script.runUntil(() => script.state(other).commitMin === script.state(primary).op);
    script.isolate(behind);
    [first, second].forEach((slot, index) => {
      const recovered = present(decodeRecovered(present(answers[index]?.body)));
      expect(script.state(behind).commitMin).toBeLessThan(recovered.since);
      startNew(script, slot, recovered, INCARNATION + BigInt(slot));
    });
    script.run(500);
    for (const slot of [first, second]) expect(script.state(slot).status).toBe('introducing');
    script.heal();
    script.runUntil(() => script.converged());
    expect(script.add(1, 1)).toBe(1);
  });

  it('is waited for by no primary that its old disk alone acknowledges', () => {
    const { script, primary, backups } = settle({ replicaCount: 5 });
    const [next, other, slot] = [at(backups, 0), at(backups, 1), at(backups, 3)];
    const old = lose(script, slot);
    // These two hear nothing of the primary, and are two votes of three.
    script.cut([primary], [next, other]);
    const body = encodeRecovery({ slot, incarnation: INCARNATION });
    const answer = script.submit({ operation: OPERATION_RECOVER, body });
    script.run(5);
    script.tap.allowGivingUp(slot);
    swapDisk(script.cluster, slot, old);
    script.restart(slot);
    script.runUntil(() => answer.body !== null);
    expect(script.events('abdicated', primary)).toMatchObject([{ reason: 'no_new_ack' }]);
    const { since } = present(decodeRecovered(present(answer.body)));
    const acknowledged = script.events('acknowledged', slot).map(({ op }) => op);
    expect(acknowledged).toContain(since);
  });

  it.each([3, 4, 5, 6])('of %i is not mistaken for its old disk', (replicaCount) => {
    const { script, backups } = settle({ replicaCount });
    const slot = at(backups, 0);
    const old = lose(script, slot);
    startNew(script, slot, replaceFile(script, slot));
    script.runUntil(() => script.converged());
    expect(script.add(1, 1)).toBe(1);
    script.tap.allowGivingUp(slot);
    const current = swap(script, slot, old);
    script.run(200);
    expect(script.tap.givenUp[0]).toEqual({ slot, reason: 'other_incarnation' });
    expect(script.add(1, 1)).toBe(2);
    swap(script, slot, current);
    script.runUntil(() => script.converged());
    expect(script.read(1)).toBe(2);
  });

  it('leaves its old disk nothing to decide with one that lags', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const [slot, behind] = [at(backups, 0), at(backups, 1)];
    const old = lose(script, slot);
    startNew(script, slot, replaceFile(script, slot));
    script.runUntil(() => script.converged());
    // Known to the primary and the new disk alone; then only the other and the old one are left.
    const away = script.isolate(behind);
    expect(script.add(1, 1)).toBe(1);
    script.crash(behind);
    for (const rule of away) rule.remove();
    script.tap.allowGivingUp(slot);
    const current = swap(script, slot, old);
    script.crash(primary);
    script.restart(behind);
    script.run(1_000);
    expect(script.primary()).toBeNull();
    expect(script.state(slot)).toMatchObject({ status: 'introducing', deniedBy: [behind] });
    swap(script, slot, current);
    script.restart(primary);
    script.runUntil(() => script.converged());
    expect(script.read(1)).toBe(1);
  });
});
