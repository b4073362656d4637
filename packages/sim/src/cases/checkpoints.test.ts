import { describe, expect, it } from 'vitest';
import { rotBlock } from '../testing/log-faults.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

/** Sizes of the cluster under test: a ring of 32 slots, a checkpoint every 16 ops, deadline 8. */
const INTERVAL = 16;
const DEADLINE = 8;
const SLOTS = 32;

/** Requests until the given op is committed at the primary; a different counter each. */
function fillTo(script: ScriptedCluster, op: number): void {
  for (;;) {
    const head = Math.max(...script.cluster.snapshots().map((state) => state.commitMax));
    if (head >= op) return;
    script.add(head % 200, 1);
  }
}

/** Addresses of all blocks that a replica ever wrote. */
function blocksOf(script: ScriptedCluster, slot: number): number[] {
  const { blockSize } = script.cluster.options.config;
  const offsets = script.tap.blockOffsets.get(slot) ?? new Set();
  return [...new Set([...offsets].map((offset) => Math.floor(offset / blockSize) + 1))];
}

function checkpointsOf(script: ScriptedCluster, slot: number): number[] {
  return script.events('checkpoint_durable', slot).map(({ op }) => op);
}

describe('checkpoints', () => {
  it.each([1, 3, 5])('%i replicas wrap the ring many times and forget nothing', (replicaCount) => {
    const { script } = settle({ replicaCount });
    for (let count = 1; count <= 5 * SLOTS; count += 1) expect(script.add(1, 1)).toBe(count);
    script.runUntil(() => script.converged());
    expect(script.cluster.totals.walWraps).toBeGreaterThanOrEqual(4 * replicaCount);
    for (let slot = 0; slot < replicaCount; slot += 1) {
      const ops = checkpointsOf(script, slot);
      expect(ops).toEqual(ops.map((_, place) => (place + 1) * INTERVAL));
      expect(ops.length).toBeGreaterThanOrEqual(9);
    }
    for (let slot = 0; slot < replicaCount; slot += 1) script.crash(slot);
    for (let slot = 0; slot < replicaCount; slot += 1) script.restart(slot);
    expect(script.read(1)).toBe(5 * SLOTS);
    script.runUntil(() => script.converged());
  });

  it('replay begins at the checkpoint, not before', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    fillTo(script, 2 * INTERVAL + 4);
    script.runUntil(() => script.converged());
    const slot = at(backups, 0);
    const before = script.events('committed', slot).length;
    script.crash(slot);
    script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    const replayed = script.events('committed', slot).slice(before);
    expect(replayed[0]?.op).toBe(2 * INTERVAL + 1);
  });

  it('a primary prepares nothing above the deadline of a checkpoint that it lacks', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.tap.hang(primary, 'blocks');
    fillTo(script, INTERVAL + DEADLINE);
    const answer = script.submit(addOne(1));
    script.run(30);
    expect(answer.body).toBeNull();
    expect(script.state(primary)).toMatchObject({
      op: INTERVAL + DEADLINE,
      checkpointOp: 0,
      queueLength: 1,
    });
    script.tap.release(primary);
    script.runUntil(() => answer.body !== null);
    expect(script.state(primary)).toMatchObject({ checkpointOp: INTERVAL, isPrimary: true });
  });

  it('a backup acknowledges nothing above the deadline of a checkpoint that it lacks', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    for (const slot of backups) script.tap.hang(slot, 'blocks');
    fillTo(script, INTERVAL + DEADLINE);
    const answer = script.submit(addOne(1));
    script.run(30);
    expect(answer.body).toBeNull();
    expect(script.state(primary)).toMatchObject({
      op: INTERVAL + DEADLINE + 1,
      commitMax: INTERVAL + DEADLINE,
      checkpointOp: INTERVAL,
    });
    for (const slot of backups) {
      expect(script.state(slot).op).toBe(INTERVAL + DEADLINE + 1);
      expect(script.events('acknowledged', slot).at(-1)?.op).toBe(INTERVAL + DEADLINE);
    }
    script.tap.release(at(backups, 0));
    script.runUntil(() => answer.body !== null, 100);
    script.tap.release(at(backups, 1));
    script.runUntil(() => script.converged());
  });

  it('the primary has one and both backups crash before theirs', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    for (const slot of backups) script.tap.hang(slot, 'blocks');
    fillTo(script, INTERVAL + DEADLINE);
    expect(script.state(primary).checkpointOp).toBe(INTERVAL);
    for (const slot of backups) script.crash(slot);
    for (const slot of backups) script.tap.release(slot);
    for (const slot of backups) script.restart(slot);
    fillTo(script, 3 * INTERVAL);
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const slot of backups) expect(checkpointsOf(script, slot)).toContain(INTERVAL);
  });

  it('a backup has one and the primary crashes before its own', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    script.tap.hang(primary, 'blocks');
    fillTo(script, INTERVAL + DEADLINE);
    script.runUntil(() => backups.every((slot) => script.state(slot).checkpointOp === INTERVAL));
    script.crash(primary);
    script.tap.release(primary);
    fillTo(script, 2 * INTERVAL);
    script.restart(primary);
    fillTo(script, 3 * INTERVAL);
    script.runUntil(() => script.converged([0, 1, 2]));
  });

  const points = Array.from({ length: 16 }, (_, place) => 1 + 5 * place);
  it.each(points)('a crash %i events after the freeze is survived', (events) => {
    const { script, primary, backups } = settle({ replicaCount: 3, seed: BigInt(events) });
    const slot = events % 2 === 0 ? primary : at(backups, 0);
    fillTo(script, INTERVAL - 1);
    script.runUntil(() => script.converged());
    const answer = script.submit(addOne(1));
    script.stepUntil(() => script.state(slot).commitMin === INTERVAL || answer.body !== null);
    script.cluster.replica(slot).armCrash(events);
    script.runUntil(() => !script.cluster.replica(slot).running, 200);
    script.restart(slot);
    fillTo(script, 2 * INTERVAL + 1);
    script.runUntil(() => script.converged([0, 1, 2]));
    script.runUntil(() => script.state(slot).checkpointOp === 2 * INTERVAL);
  });
});

describe('a replica that lags', () => {
  it('by less than the ring catches up by prepares', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 1);
    script.isolate(slot);
    fillTo(script, SLOTS - 4);
    script.heal();
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.events('sync_started')).toEqual([]);
    expect(checkpointsOf(script, slot)).toEqual([INTERVAL]);
  });

  it.each([2, 5])('by %i rings fetches a whole checkpoint', (rings) => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 1);
    script.isolate(slot);
    fillTo(script, rings * SLOTS + 5);
    const { view } = script.state(primary);
    script.heal();
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.events('sync_started', slot).length).toBeGreaterThan(0);
    expect(script.events('sync_finished', slot).length).toBe(1);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    // Its state is the real one: it leads, and answers from it.
    script.crash(primary);
    script.crash(at(backups, 0));
    script.restart(primary);
    expect(script.read(7)).toBe(1);
  });

  it('and was down meanwhile fetches one after its restart', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 1);
    fillTo(script, INTERVAL + 2);
    script.crash(slot);
    fillTo(script, 3 * SLOTS);
    script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.events('sync_finished', slot)).toHaveLength(1);
  });

  it('fetches one while the others go on', () => {
    const { script, backups } = settle({ replicaCount: 3, clientCount: 2 });
    const slot = at(backups, 1);
    script.isolate(slot);
    fillTo(script, 2 * SLOTS);
    script.heal();
    let asked = 0;
    while (!(script.events('sync_finished', slot).length > 0) && asked < 300) {
      script.add(asked % 50, 1, 1);
      asked += 1;
    }
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.events('sync_finished', slot).length).toBeGreaterThan(0);
  });

  const points = Array.from({ length: 16 }, (_, place) => 1 + 4 * place);
  it.each(points)('and crashes %i events into its state transfer begins again', (events) => {
    const { script, backups } = settle({ replicaCount: 3, seed: BigInt(events) });
    const slot = at(backups, 1);
    script.isolate(slot);
    fillTo(script, 2 * SLOTS + 1);
    script.heal();
    script.stepUntil(() => script.events('sync_started', slot).length > 0);
    script.cluster.replica(slot).armCrash(events);
    script.runUntil(() => !script.cluster.replica(slot).running, 100);
    script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(slot).checkpointOp).toBeGreaterThanOrEqual(SLOTS + INTERVAL);
  });

  it.each([0, 3, 10, 25])('goes on when the primary crashes %i events into it', (events) => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 1);
    script.isolate(slot);
    fillTo(script, 2 * SLOTS + 1);
    script.heal();
    script.stepUntil(() => script.events('sync_started', slot).length > 0);
    for (let step = 0; step < events; step += 1) script.cluster.step();
    script.crash(primary);
    script.runUntil(() => script.primary() !== null, 1_000);
    script.runUntil(() => script.converged());
    script.add(1, 1);
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
  });

  it('takes no checkpoint that a quorum does not provably hold', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 1);
    script.isolate(slot);
    fillTo(script, 2 * SLOTS + 1);
    // The newest checkpoint, 64, is not proven by op 65: the one before is.
    expect(script.state(primary).checkpointOp).toBe(2 * SLOTS);
    script.heal();
    script.runUntil(() => script.events('sync_started', slot).length > 0);
    expect(at(script.events('sync_started', slot), 0).target).toBe(2 * SLOTS - INTERVAL);
    script.runUntil(() => script.converged([0, 1, 2]));
  });
});

describe('a new primary behind the others', () => {
  it('by more than its ring gives way, and catches up', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const [next, other] = [at(backups, 0), at(backups, 1)];
    script.isolate(next);
    fillTo(script, 3 * SLOTS);
    script.heal();
    script.crash(primary);
    script.runUntil(() => script.primary() !== null, 2_000);
    expect(script.primary()).toBe(other);
    expect(script.events('vote', next).map(({ reason }) => reason)).toContain('behind_checkpoint');
    script.runUntil(() => script.converged());
    expect(script.events('sync_finished', next)).toHaveLength(1);
    expect(script.add(250, 1)).toBe(1);
  });

  it('by less repairs its log first, then leads', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const next = at(backups, 0);
    script.isolate(next);
    fillTo(script, SLOTS - 6);
    script.heal();
    script.crash(primary);
    script.runUntil(() => script.primary() !== null, 2_000);
    script.runUntil(() => script.converged());
    expect(script.events('sync_started')).toEqual([]);
    expect(script.add(250, 1)).toBe(1);
  });

  it('without its own checkpoint finishes it before it prepares above the deadline', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const next = at(backups, 0);
    script.tap.hang(next, 'blocks');
    fillTo(script, INTERVAL + DEADLINE);
    script.crash(primary);
    const answer = script.submit(addOne(1));
    script.runUntil(() => script.state(next).isPrimary, 400);
    script.run(20);
    expect(script.state(next)).toMatchObject({ op: INTERVAL + DEADLINE, checkpointOp: 0 });
    expect(answer.body).toBeNull();
    script.tap.release(next);
    script.runUntil(() => answer.body !== null);
  });
});

describe('rotten blocks', () => {
  it('of one replica are fetched from its peers at its start', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    fillTo(script, 3 * INTERVAL + 3);
    script.runUntil(() => script.converged());
    const slot = at(backups, 0);
    script.crash(slot);
    const blocks = blocksOf(script, slot);
    expect(blocks.length).toBeGreaterThan(2);
    for (const address of blocks) rotBlock(script.disk(slot), address);
    script.restart(slot);
    script.runUntil(
      () => script.converged([0, 1, 2]) && script.events('repaired', slot).length > 0,
    );
    const repaired = script.events('repaired', slot).filter(({ what }) => what === 'block');
    expect(repaired.length).toBe(script.events('corrupt', slot).length);
    expect(repaired.length).toBeGreaterThan(1);
    fillTo(script, 5 * INTERVAL);
    script.runUntil(() => script.converged([0, 1, 2]));
  });

  it('on every disk, each in another place, heal each other after a crash of all', () => {
    const { script } = settle({ replicaCount: 3 });
    fillTo(script, 3 * INTERVAL + 3);
    script.runUntil(() => script.converged());
    for (const slot of [0, 1, 2]) script.crash(slot);
    const blocks = blocksOf(script, 0);
    for (const slot of [0, 1, 2]) {
      // Each block stays intact on one disk alone.
      for (const address of blocks) if (address % 3 !== slot) rotBlock(script.disk(slot), address);
    }
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const slot of [0, 1, 2]) {
      const repaired = script.events('repaired', slot).filter(({ what }) => what === 'block');
      expect(repaired.length).toBeGreaterThan(0);
    }
    expect(script.add(250, 1)).toBe(1);
  });

  it('hold up only who has them: no ack on top of a state that is not there', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    fillTo(script, INTERVAL + DEADLINE + 2);
    script.runUntil(() => script.converged());
    const slot = at(backups, 0);
    script.crash(slot);
    for (const address of blocksOf(script, slot)) rotBlock(script.disk(slot), address);
    const refused = script.drop({ to: slot, command: 'block' });
    const before = script.events('acknowledged', slot).length;
    script.restart(slot);
    const op = script.state(primary).op;
    for (let count = 0; count < 4; count += 1) script.add(251, 1);
    script.run(20);
    expect(refused.packets.length).toBeGreaterThan(0);
    const acknowledged = script.events('acknowledged', slot).slice(before);
    for (const event of acknowledged) expect(event.op).toBeLessThanOrEqual(INTERVAL + DEADLINE);
    expect(script.state(slot).commitMin).toBe(INTERVAL);
    refused.remove();
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(slot).commitMin).toBe(op + 4);
  });

  it('stop a cluster of one with a reason', () => {
    const { script } = settle({ replicaCount: 1 });
    fillTo(script, INTERVAL + 3);
    script.crash(0);
    for (const address of blocksOf(script, 0)) rotBlock(script.disk(0), address);
    script.tap.allowGivingUp(0);
    script.restart(0);
    script.run(50);
    expect(script.tap.givenUp).toEqual([{ slot: 0, reason: 'checkpoint_corrupt' }]);
  });
});
