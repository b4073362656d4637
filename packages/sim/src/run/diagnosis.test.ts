import { assert } from '@kimberlite/store';
import { isCommand, type PrepareMessage, SECTOR_SIZE } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { checkpointTables } from '../checkers/whole-checkpoint.ts';
import { loseSlot, tearBody } from '../testing/log-faults.ts';
import { type LinkRule, messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, type Settled, settle } from '../testing/settled.ts';
import { unrecoverableReason } from './diagnosis.ts';

/** Ticks in which a cluster that can go on does. */
const LONG = 1_000;

/** The prepare of an op among what a rule caught. */
function prepareOf({ packets }: LinkRule, op: number): PrepareMessage {
  for (const packet of packets) {
    const message = messageIn(packet);
    if (isCommand(message, 'prepare') && message.header.op === op) return message;
  }
  assert(false, 'the op was sent');
}

interface Unheard extends Settled {
  /** The op that nobody has acknowledged to the primary. */
  readonly op: number;
  readonly prepare: PrepareMessage;
}

/**
 * The primary prepares one more op, which reaches these backups only and is on their disks; it
 * never hears of it and goes away for good.
 */
function unheardOp(
  replicaCount: number,
  reached: (backups: readonly number[]) => number[],
): Unheard {
  const settled = settle({ replicaCount });
  const { script, primary, backups } = settled;
  script.add(1, 1);
  script.runUntil(() => script.converged());
  script.drop({ command: 'prepareOk' });
  for (const slot of backups) {
    if (!reached(backups).includes(slot)) script.drop({ to: slot, command: 'prepare' });
  }
  const sent = script.watch({ from: primary, command: 'prepare' });
  script.submit(addOne(1));
  script.run(10);
  const { op } = script.state(primary);
  expect(script.state(primary).commitMax).toBe(op - 1);
  script.crash(primary);
  return { ...settled, op, prepare: prepareOf(sent, op) };
}

/** Crashes a replica, tears its copy of the prepare, and starts it again. */
function restartTorn(script: ScriptedCluster, slot: number, prepare: PrepareMessage): void {
  script.crash(slot);
  tearBody(script.disk(slot), prepare);
  script.restart(slot);
  script.runUntil(() => script.state(slot).status !== 'recovering', 50);
}

/** The members agree and serve. */
function goesOn(script: ScriptedCluster, core: readonly number[]): boolean {
  for (let tick = 0; tick < LONG; tick += 1) {
    if (script.converged(core) && script.primary() !== null) return true;
    script.run(1);
  }
  return false;
}

describe('why a core stands still', () => {
  it('is no question while it is sound', () => {
    const { script } = settle({ replicaCount: 3 });
    script.add(1, 1);
    expect(unrecoverableReason(script.cluster, [0, 1, 2])).toBeNull();
  });

  it('is an op whose only copy in it was torn, and may be committed outside', () => {
    const { script, backups, op, prepare } = unheardOp(3, ([first]) => [first ?? 0]);
    restartTorn(script, at(backups, 0), prepare);
    script.heal();
    expect(goesOn(script, backups)).toBe(false);
    const reason = `op ${op} can be neither kept nor dropped`;
    expect(unrecoverableReason(script.cluster, backups)).toBe(reason);
  });

  it('is an op whose only copy in it is rotten', () => {
    const { script, backups, op } = unheardOp(3, ([first]) => [first ?? 0]);
    const slot = at(backups, 0);
    script.crash(slot);
    loseSlot(script.disk(slot), op);
    script.restart(slot);
    script.heal();
    expect(goesOn(script, backups)).toBe(false);
    const reason = `op ${op} can be neither kept nor dropped`;
    expect(unrecoverableReason(script.cluster, backups)).toBe(reason);
  });

  it('is not a torn op that another member can give', () => {
    const { script, backups, op, prepare } = unheardOp(3, (all) => [...all]);
    // Nothing can be repaired, so it stands still; but it should not.
    script.drop({ command: 'doViewChange' });
    script.drop({ command: 'prepare' });
    restartTorn(script, at(backups, 0), prepare);
    script.run(LONG);
    expect(script.primary()).toBeNull();
    expect(script.cluster.storage(at(backups, 0)).evidence.slotState(op)).toBe('damaged');
    expect(unrecoverableReason(script.cluster, backups)).toBeNull();
    script.heal();
    expect(goesOn(script, backups)).toBe(true);
    expect(script.read(1)).toBe(2);
  });

  it('is not a torn op that enough others never had', () => {
    const { script, backups, op, prepare } = unheardOp(5, ([first]) => [first ?? 0]);
    script.drop({ command: 'doViewChange' });
    restartTorn(script, at(backups, 0), prepare);
    script.run(LONG);
    expect(script.primary()).toBeNull();
    expect(script.cluster.storage(at(backups, 0)).evidence.slotState(op)).toBe('damaged');
    expect(unrecoverableReason(script.cluster, backups)).toBeNull();
    script.heal();
    expect(goesOn(script, backups)).toBe(true);
  });

  it('is a committed op of which no body is left in it', () => {
    const { script, backups } = settle({ replicaCount: 3 });
    script.add(1, 1);
    script.runUntil(() => script.converged());
    const op = script.state(at(backups, 0)).op;
    for (const slot of [0, 1, 2]) script.crash(slot);
    for (const slot of backups) loseSlot(script.disk(slot), op);
    for (const slot of backups) script.restart(slot);
    expect(goesOn(script, backups)).toBe(false);
    const reason = `no readable copy of committed op ${op} is in the core`;
    expect(unrecoverableReason(script.cluster, backups)).toBe(reason);
  });
});

describe('an op that a view change gave up', () => {
  interface LeftBehind extends Settled {
    readonly op: number;
    /** Led first, and has the op alone; cut off from the others. */
    readonly old: number;
    /** Leads now. Its log ends below the op. */
    readonly next: number;
    readonly third: number;
    /** The client that asked for the op; nobody hears it any more. */
    readonly asker: number;
  }

  function leftBehind(): LeftBehind {
    const settled = settle({ replicaCount: 3, clientCount: 2 });
    const { script, primary: old, backups } = settled;
    script.add(1, 1);
    script.runUntil(() => script.converged());
    script.cut([old], backups);
    script.cut(backups, [old]);
    const asker = script.cluster.clients[0]?.node ?? 0;
    script.cut([asker], backups);
    script.submit(addOne(1), 0);
    script.run(10);
    const { op } = script.state(old);
    script.cut([asker], [old]);
    script.runUntil(() => script.primary() !== old && script.primary() !== null, 400);
    const next = script.primary() ?? 0;
    const third = at(
      backups.filter((slot) => slot !== next),
      0,
    );
    expect(script.state(next).op).toBe(op - 1);
    return { ...settled, op, old, next, third, asker };
  }

  interface GivenUp extends LeftBehind {
    /** The op of that number now: who leads has it, and nobody else. */
    readonly prepare: PrepareMessage;
  }

  function givenUpOp(): GivenUp {
    const story = leftBehind();
    const { script, op, old, next, asker } = story;
    script.heal();
    script.cut([asker], [0, 1, 2]);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.state(old).op).toBe(op - 1);
    const sent = script.drop({ from: next, command: 'prepare' });
    script.drop({ command: 'requestPrepare' });
    script.submit(addOne(2), 1);
    script.run(5);
    expect(script.state(next).op).toBe(op);
    return { ...story, prepare: prepareOf(sent, op) };
  }

  it('is no reason while it stands, damaged, in a log of the older view', () => {
    const { script, op, old, next, third } = leftBehind();
    script.crash(third);
    script.crash(old);
    loseSlot(script.disk(old), op);
    script.restart(old);
    script.run(LONG);
    expect(script.state(old)).toMatchObject({ op });
    expect(script.state(next)).toMatchObject({ op: op - 1 });
    expect(script.state(old).logView).toBeLessThan(script.state(next).logView);
    expect(unrecoverableReason(script.cluster, [old, next])).toBeNull();
    script.heal();
    expect(goesOn(script, [old, next])).toBe(true);
  });

  it('is no copy of the op that has its number now', () => {
    const { script, op, old, next, third, prepare } = givenUpOp();
    script.crash(third);
    restartTorn(script, next, prepare);
    script.heal();
    expect(goesOn(script, [old, next])).toBe(false);
    expect(script.state(old)).toMatchObject({ op: op - 1, logView: script.state(next).logView });
    expect(script.cluster.storage(old).evidence.slotState(op)).toBe('readable');
    expect(script.cluster.storage(next).evidence.slotState(op)).toBe('damaged');
    const reason = `op ${op} can be neither kept nor dropped`;
    expect(unrecoverableReason(script.cluster, [old, next])).toBe(reason);
  });

  it('denies that op, and with another denial it can be dropped', () => {
    const { script, op, old, next, third, prepare } = givenUpOp();
    script.drop({ command: 'doViewChange' });
    restartTorn(script, next, prepare);
    script.run(LONG);
    expect(script.primary()).toBeNull();
    expect(script.state(next).op).toBe(op);
    expect(unrecoverableReason(script.cluster, [old, next, third])).toBeNull();
    script.heal();
    expect(goesOn(script, [old, next, third])).toBe(true);
  });
});

describe('a block of which two disks have lost different sectors', () => {
  it('has no copy, though each of its sectors has', () => {
    const { script, backups } = settle({
      replicaCount: 3,
      scrub: { tourTicks: 100, bytesPerTick: 1_000_000 },
    });
    const { config, workload } = script.cluster.options;
    while (script.state(0).checkpointOp === 0) script.add(1, 1);
    script.runUntil(() => script.converged());
    const [first, other] = [script.primary() ?? 0, at(backups, 0)];
    script.crash(at(backups, 1));
    const perBlock = config.blockSize / SECTOR_SIZE;
    const held = (slot: number): number => {
      const { evidence } = script.cluster.storage(slot);
      return evidence.rottenBlocks(checkpointTables(workload)).length;
    };
    // The block that the checkpoint begins with: its address is the lowest that is in use.
    const damage = (slot: number, sector: number): void => {
      for (let address = 1; held(slot) === 0; address += 1) {
        const at = (address - 1) * perBlock + sector;
        script.cluster.storage(slot).damage('blocks', at, { kind: 'flip', bit: 0 });
      }
    };
    damage(first, 0);
    damage(other, perBlock - 1);
    script.run(300);
    expect([held(first), held(other)]).toEqual([1, 1]);
    const core = [first, other];
    expect(unrecoverableReason(script.cluster, core)).toMatch(/^block \d+ of replica \d has no/);
  });
});
