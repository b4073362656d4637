import { describe, expect, it } from 'vitest';
import {
  type LogDisk,
  loseHeaderRing,
  loseSlot,
  rotBody,
  rotHeader,
  rotPadding,
} from '../testing/log-faults.ts';
import type { EventOf, ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

/** Crashes a replica, damages its disk, and starts it: returns what it made of it. */
function restartDamaged(
  script: ScriptedCluster,
  slot: number,
  damage: (disk: LogDisk) => void,
): EventOf<'started'> {
  const before = script.events('started', slot).length;
  if (script.cluster.replica(slot).running) script.crash(slot);
  damage(script.disk(slot));
  script.restart(slot);
  script.runUntil(() => script.events('started', slot).length > before, 50);
  return at(script.events('started', slot), -1);
}

interface Backup {
  readonly script: ScriptedCluster;
  readonly slot: number;
  /** Its head. */
  readonly op: number;
}

/** A backup of three replicas at rest that have executed that many requests. */
function backupAfter(requests: number): Backup {
  const { script, backups } = settle({ replicaCount: 3 });
  for (let count = 0; count < requests; count += 1) script.add(1, 1);
  script.runUntil(() => script.converged());
  const slot = at(backups, 0);
  return { script, slot, op: script.state(slot).op };
}

interface Place {
  readonly name: string;
  readonly ops: (head: number) => readonly number[];
}

const PLACES: readonly Place[] = [
  { name: 'at the head', ops: (head) => [head] },
  { name: 'left of the head', ops: (head) => [head - 1] },
  { name: 'far left of the head', ops: () => [1] },
  { name: 'at the root', ops: () => [0] },
  {
    name: 'everywhere up to the head',
    ops: (head) => Array.from({ length: head + 1 }, (_, op) => op),
  },
];

describe('a backup whose log is rotten', () => {
  it.each(PLACES)('in a body $name knows its head, and is repaired', ({ ops }) => {
    const { script, slot, op } = backupAfter(8);
    const started = restartDamaged(script, slot, (disk) => {
      for (const bad of ops(op)) rotBody(disk, bad);
    });
    expect(started).toMatchObject({ status: 'normal', op });
    script.runUntil(() => script.converged([0, 1, 2]));
    for (const bad of ops(op)) {
      if (bad > 0) expect(script.cluster.storage(slot).evidence.slotState(bad)).toBe('readable');
    }
    expect(script.read(1)).toBe(8);
  });

  it('behind a prepare, where nothing should stand, fetches that prepare anew', () => {
    const { script, slot, op } = backupAfter(8);
    const asked = script.watch({ from: slot, command: 'requestPrepare' });
    const started = restartDamaged(script, slot, (disk) => rotPadding(disk, op - 1));
    expect(started).toMatchObject({ status: 'normal', op });
    expect(script.events('corrupt', slot)).toMatchObject([{ what: 'prepare', place: op - 1 }]);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(asked.packets.length).toBeGreaterThan(0);
    expect(script.cluster.storage(slot).evidence.slotState(op - 1)).toBe('readable');
    restartDamaged(script, slot, () => {});
    expect(script.events('corrupt', slot)).toHaveLength(1);
  });

  it.each(PLACES)('in a redundant header $name is repaired', ({ ops }) => {
    const { script, slot, op } = backupAfter(8);
    const started = restartDamaged(script, slot, (disk) => {
      for (const bad of ops(op)) rotHeader(disk, bad);
    });
    expect(started.op).toBe(op);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(slot)).toMatchObject({ journalDirty: 0, journalFaulty: 0 });
    script.add(1, 1);
    script.run(20);
    const again = restartDamaged(script, slot, () => {});
    expect(again).toMatchObject({ status: 'normal' });
  });

  it('in header and body of the head, both at once, does not guess', () => {
    const { script, slot, op } = backupAfter(8);
    const started = restartDamaged(script, slot, (disk) => {
      rotHeader(disk, op);
      loseSlot(disk, op);
    });
    expect(started.status).toBe('recovering_head');
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(slot).op).toBe(op);
  });

  it('just right of its head, in a slot that was never used, takes it for a torn write', () => {
    const { script, slot, op } = backupAfter(5);
    const started = restartDamaged(script, slot, (disk) => loseSlot(disk, op + 1));
    expect(started).toMatchObject({ status: 'normal', op });
    expect(script.state(slot)).toMatchObject({ journalDirty: 0, journalFaulty: 0 });
    expect(script.events('corrupt', slot)).toMatchObject([{ what: 'prepare', place: op + 1 }]);
  });

  it('right of its head in header and body, may have acknowledged more, and asks', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    for (let count = 0; count < 5; count += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    const slot = at(backups, 0);
    const { op, view } = script.state(slot);
    const started = restartDamaged(script, slot, (disk) => {
      rotHeader(disk, op + 1);
      loseSlot(disk, op + 1);
    });
    expect(started).toMatchObject({ status: 'recovering_head', op });
    // An idle cluster: no request, no view change, and yet it comes back.
    script.runUntil(() => script.converged([0, 1, 2]), 100);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
  });

  it('in all its redundant headers, asks for its head and keeps every body', () => {
    const { script, slot } = backupAfter(8);
    const started = restartDamaged(script, slot, loseHeaderRing);
    expect(started.status).toBe('recovering_head');
    const bodies = script.watch({ from: slot, command: 'requestPrepare' });
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(bodies.packets).toEqual([]);
    expect(restartDamaged(script, slot, () => {}).op).toBe(script.state(slot).op);
    script.add(1, 1);
    script.runUntil(() => script.converged([0, 1, 2]));
  });
});

describe('torn writes', () => {
  it.each([1, 4])('%i of them, a wrap after the first use of their slots, are dropped', (count) => {
    const { script, backups } = settle({ replicaCount: 3 });
    const { walSlots } = script.cluster.options.config;
    for (let added = 0; added < walSlots + 4; added += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    const slot = at(backups, 0);
    const { op } = script.state(slot);
    const started = restartDamaged(script, slot, (disk) => {
      for (let torn = 1; torn <= count; torn += 1) loseSlot(disk, op + torn);
    });
    expect(started).toMatchObject({ status: 'normal', op });
    expect(script.state(slot)).toMatchObject({ journalDirty: 0, journalFaulty: 0 });
    expect(script.events('corrupt', slot)).toHaveLength(count);
    script.add(1, 1);
    script.runUntil(() => script.converged([0, 1, 2]));
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'by a crash of everybody with writes in flight lose nothing that was answered, seed %i',
    (seed) => {
      const { script } = settle({ replicaCount: 3, clientCount: 4, seed: BigInt(seed) });
      const { storage } = script.cluster.options;
      for (const disk of script.cluster.storages) {
        disk.setOptions({ ...storage, crashFaultProbability: 1 });
      }
      for (let round = 0; round < 4; round += 1) {
        for (const client of [0, 1, 2, 3]) script.submit(addOne(1), client);
        script.stepUntil(() => script.cluster.storages.some((disk) => disk.writesInFlight > 0));
        for (let step = 0; step < seed * 3; step += 1) script.cluster.step();
        for (const slot of [0, 1, 2]) script.crash(slot);
        const acknowledged = script.cluster.checkers.replies.answeredOp;
        for (const slot of [0, 1, 2]) script.restart(slot);
        script.runUntil(() => script.converged([0, 1, 2]));
        expect(script.state(0).commitMin).toBeGreaterThanOrEqual(acknowledged);
      }
      script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
      expect(script.read(1)).toBe(16);
      expect(script.cluster.totals.crashesWithWritesInFlight).toBeGreaterThan(0);
    },
  );
});

describe('a cluster of one', () => {
  function alone(): ScriptedCluster {
    const { script } = settle({ replicaCount: 1 });
    for (let count = 0; count < 8; count += 1) script.add(1, 1);
    script.tap.allowGivingUp(0);
    return script;
  }

  it.each(PLACES)('starts with a rotten redundant header $name', ({ ops }) => {
    const script = alone();
    const { op } = script.state(0);
    restartDamaged(script, 0, (disk) => {
      for (const bad of ops(op)) rotHeader(disk, bad);
    });
    expect(script.read(1)).toBe(8);
    expect(script.tap.givenUp).toEqual([]);
  });

  it('starts with what should not stand behind a prepare: nobody could give it anew', () => {
    const script = alone();
    const { op } = script.state(0);
    restartDamaged(script, 0, (disk) => {
      for (let bad = 1; bad <= op; bad += 1) rotPadding(disk, bad);
    });
    expect(script.read(1)).toBe(8);
    expect(script.events('corrupt', 0)).toEqual([]);
    expect(script.tap.givenUp).toEqual([]);
  });

  it('starts when its whole header ring is lost', () => {
    const script = alone();
    restartDamaged(script, 0, loseHeaderRing);
    expect(script.read(1)).toBe(8);
    restartDamaged(script, 0, () => {});
    expect(script.read(1)).toBe(8);
  });

  it('starts with a torn write right of its head', () => {
    const script = alone();
    const { op } = script.state(0);
    expect(restartDamaged(script, 0, (disk) => loseSlot(disk, op + 1)).op).toBe(op);
    expect(script.read(1)).toBe(8);
  });

  const left: readonly Place[] = PLACES.slice(0, 3);
  it.each(left)('refuses to start with a rotten body $name rather than guess', ({ ops }) => {
    const script = alone();
    const { op } = script.state(0);
    script.crash(0);
    for (const bad of ops(op)) rotBody(script.disk(0), bad);
    script.restart(0);
    script.run(50);
    expect(script.tap.givenUp).toEqual([{ slot: 0, reason: 'wal_corrupt' }]);
    expect(script.state(0).status).toBe('recovering');
  });
});

describe('a replica that does not know its head', () => {
  it('refuses a start_view that is not fresh, and takes the one that answers it', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const slot = at(backups, 0);
    const old = script.watch({ to: slot, command: 'startView' });
    // The answer to the first question is what comes again when it asks a second time.
    restartDamaged(script, slot, loseHeaderRing);
    script.runUntil(() => script.converged([0, 1, 2]));
    old.remove();
    expect(old.packets.length).toBeGreaterThan(0);
    for (let count = 0; count < 5; count += 1) script.add(1, 1);
    script.runUntil(() => script.converged([0, 1, 2]));
    const { op } = script.state(slot);

    const deaf = script.drop({
      from: primary,
      to: slot,
      where: ({ header }) => header.command !== 'pong',
    });
    restartDamaged(script, slot, loseHeaderRing);
    expect(script.state(slot).status).toBe('recovering_head');
    for (const packet of old.packets.slice()) script.replay(packet);
    script.run(20);
    expect(script.state(slot).status).toBe('recovering_head');
    expect(script.events('dropped', slot).at(-1)).toMatchObject({
      command: 'start_view',
      reason: 'not_fresh',
    });
    deaf.remove();
    script.runUntil(() => script.converged([0, 1, 2]), 100);
    expect(script.state(slot).op).toBe(op);
  });

  it('neither votes nor acknowledges, but serves what it has', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    for (let count = 0; count < 8; count += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    const slot = at(backups, 0);
    const other = at(backups, 1);
    const op = script.state(slot).op;
    const deaf = script.drop({ to: slot, command: 'startView' });
    restartDamaged(script, slot, (disk) => {
      rotHeader(disk, op + 1);
      loseSlot(disk, op + 1);
    });
    const said = script.watch({ from: slot });
    // The other backup has lost an early op, and may fetch it from the doubtful one alone.
    script.drop({ from: primary, to: other, command: 'prepare' });
    restartDamaged(script, other, (disk) => rotBody(disk, 2));
    script.runUntil(() => script.cluster.storage(other).evidence.slotState(2) === 'readable', 300);
    script.crash(primary);
    script.run(300);
    const commands = new Set(said.packets.map(({ command }) => command));
    expect(commands.has('prepare')).toBe(true);
    for (const never of [
      'prepareOk',
      'startViewChange',
      'doViewChange',
      'commit',
      'startView',
    ] as const) {
      expect(commands.has(never)).toBe(false);
    }
    script.heal();
    deaf.remove();
    script.restart(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(8);
  });

  it('stays one when it is restarted before it was helped', () => {
    const { script, slot, op } = backupAfter(8);
    script.isolate(slot);
    restartDamaged(script, slot, (disk) => {
      rotHeader(disk, op + 1);
      loseSlot(disk, op + 1);
    });
    script.run(50);
    expect(restartDamaged(script, slot, () => {}).status).toBe('recovering_head');
    script.heal();
    script.runUntil(() => script.converged([0, 1, 2]));
  });
});

describe('every disk rotten in another place', () => {
  it('loses nothing when all are started again', () => {
    const { script } = settle({ replicaCount: 3 });
    for (let count = 0; count < 12; count += 1) script.add(1, 1);
    script.runUntil(() => script.converged());
    for (const slot of [0, 1, 2]) script.crash(slot);
    for (let op = 1; op <= 12; op += 1) rotBody(script.disk(op % 3), op);
    for (const slot of [0, 1, 2]) script.restart(slot);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(12);
    for (const slot of [0, 1, 2]) {
      for (let op = 1; op <= 12; op += 1) {
        expect(script.cluster.storage(slot).evidence.slotState(op)).toBe('readable');
      }
    }
  });

  it.each([
    { what: 'a body', rot: rotBody },
    { what: 'the padding behind it', rot: rotPadding },
  ])('is healed though the rot of $what is only found when the new primary reads', ({ rot }) => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const next = at(backups, 0);
    script.drop({ command: 'prepareOk' });
    const answer = script.submit(addOne(1));
    script.run(10);
    const { op } = script.state(primary);
    restartDamaged(script, next, () => {}); // Nothing of it is in memory any more.
    rot(script.disk(next), op);
    script.heal();
    script.crash(primary);
    script.runUntil(() => script.events('primary', next).length > 0, 300);
    expect(script.events('corrupt', next)).toMatchObject([{ what: 'prepare', place: op }]);
    script.runUntil(() => answer.body !== null);
    expect(script.cluster.storage(next).evidence.slotState(op)).toBe('readable');
  });
});
