import { CONFIG_SIMULATION, type ScrubOptions, SUPERBLOCK_COPIES } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { checkpointTables } from '../checkers/whole-checkpoint.ts';
import {
  loseBlockEnd,
  loseHeaderRing,
  loseSlot,
  rotBlock,
  rotBody,
  rotHeader,
  rotPadding,
  rotSuperblock,
} from '../testing/log-faults.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

const INTERVAL = CONFIG_SIMULATION.checkpointInterval;
const SLOTS = CONFIG_SIMULATION.walSlots;
/** A tour in about a second. */
const FAST: ScrubOptions = { tourTicks: 100, bytesPerTick: 1_000_000 };

/** Adds until the head of the log is `op`, and waits until all is level. */
function fillTo(script: ScriptedCluster, op: number): void {
  while (script.state(script.primary() ?? 0).op < op) script.add(script.state(0).op % 200, 1);
  script.runUntil(() => script.converged());
}

/** Whole tours from now on, of each of these. */
function tour(script: ScriptedCluster, slots: readonly number[], count = 2): void {
  const wanted = slots.map((slot) => script.state(slot).scrubTours + count);
  script.runUntil(() =>
    slots.every((slot, place) => script.state(slot).scrubTours >= (wanted[place] ?? 0)),
  );
}

/** Addresses that were written by this replica. */
function blocksOf(script: ScriptedCluster, slot: number): number[] {
  const offsets = script.tap.blockOffsets.get(slot) ?? new Set();
  const { blockSize } = CONFIG_SIMULATION;
  return [...new Set([...offsets].map((offset) => Math.floor(offset / blockSize) + 1))];
}

function foundBy(script: ScriptedCluster, slot: number): Record<string, number> {
  const found: Record<string, number> = {};
  for (const event of script.events('corrupt', slot)) {
    const name = `${event.found} ${event.what}`;
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
}

/** Every block is as its parent names it, and a start, which reads the whole log, finds nothing. */
function expectSound(script: ScriptedCluster, slots: readonly number[]): void {
  const tables = checkpointTables(script.cluster.options.workload);
  for (const slot of slots) {
    expect(script.cluster.storage(slot).evidence.rottenBlocks(tables)).toEqual([]);
    script.crash(slot);
    const before = script.events('corrupt', slot).length;
    script.restart(slot);
    script.runUntil(() => script.converged());
    script.run(100);
    expect(script.events('corrupt', slot).slice(before)).toEqual([]);
  }
}

describe('a scrubber', () => {
  it('goes round and round at its own pace, and finds nothing on a sound disk', () => {
    const { script } = settle({ replicaCount: 3, scrub: FAST });
    fillTo(script, 2 * INTERVAL + 2);
    tour(script, [0, 1, 2], 3);
    expect(script.events('corrupt')).toEqual([]);
    expect(script.cluster.totals.scrubTours).toBeGreaterThanOrEqual(9);
  });

  it('reads ten times a second, at least, when a tour has a day', () => {
    const { script } = settle({ replicaCount: 3 });
    const units = 1 + SLOTS / 16 + SLOTS;
    const before = script.state(0).scrubTours;
    script.run(units * 10 - 100);
    expect(script.state(0).scrubTours - before).toBeLessThanOrEqual(1);
    script.run(units * 10 + 200);
    expect(script.state(0).scrubTours - before).toBeGreaterThanOrEqual(1);
  });

  it('never reads more than its share of the disk, whatever the tour would need', () => {
    const scrub: ScrubOptions = { tourTicks: 1, bytesPerTick: 410 };
    const { script } = settle({ replicaCount: 3, scrub });
    // A sector in ten ticks: the log alone is 34 of them, and the superblock 16.
    const before = script.state(1).scrubTours;
    script.run(400);
    expect(script.state(1).scrubTours - before).toBeLessThanOrEqual(1);
  });

  it('mends whatever rots on one disk, in every zone, without a restart', () => {
    const { script, backups } = settle({ replicaCount: 3, scrub: FAST });
    fillTo(script, 3 * INTERVAL + 3);
    tour(script, [0, 1, 2], 1);
    const slot = at(backups, 0);
    const disk = script.disk(slot);
    const { op } = script.state(slot);
    rotBody(disk, op);
    rotPadding(disk, op - 1);
    loseSlot(disk, op - 2);
    // Of the lap before: nobody needs these any more.
    rotBody(disk, op + 1);
    loseSlot(disk, op + 3);
    rotHeader(disk, op - 4);
    const blocks = blocksOf(script, slot);
    for (const address of blocks) rotBlock(disk, address);
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) rotSuperblock(disk, copy);
    tour(script, [slot], 3);
    const found = foundBy(script, slot);
    expect(found).toMatchObject({
      'scrub prepare': 5,
      'scrub header': 1,
      'scrub superblock': SUPERBLOCK_COPIES,
    });
    expect(found['scrub block']).toBeGreaterThan(1);
    expect(script.state(slot)).toMatchObject({ journalFaulty: 0, blocksMissing: 0 });
    expect(script.add(1, 1)).toBeGreaterThan(0);
    expectSound(script, [slot]);
  });

  it('mends a ring of headers that the device refuses as a whole', () => {
    for (const replicaCount of [1, 3]) {
      const { script } = settle({ replicaCount, scrub: FAST });
      fillTo(script, INTERVAL + 3);
      loseHeaderRing(script.disk(0));
      tour(script, [0], 2);
      expect(foundBy(script, 0)).toEqual({ 'scrub header': SLOTS });
      expectSound(script, [0]);
    }
  });

  // A sector that the device refuses is read as zeros, and many a block ends with them.
  it('leaves alone what the device refuses where zeros are right', () => {
    const { script } = settle({ replicaCount: 3, scrub: FAST });
    fillTo(script, INTERVAL + 3);
    const blocks = blocksOf(script, 0);
    for (const address of blocks) loseBlockEnd(script.disk(0), address);
    tour(script, [0]);
    expect(foundBy(script, 0)['scrub block'] ?? 0).toBeLessThan(blocks.length);
    expectSound(script, [0]);
  });

  it('heals disks that are rotten in another place each, all at once', () => {
    const { script } = settle({ replicaCount: 3, scrub: FAST });
    fillTo(script, 3 * INTERVAL + 3);
    const blocks = blocksOf(script, 0);
    const op: number = script.state(0).op;
    for (const slot of [0, 1, 2]) {
      // Each block, and each op that is still needed, stays intact on one disk alone.
      for (const address of blocks) if (address % 3 !== slot) rotBlock(script.disk(slot), address);
      for (let old = op; old > 2 * INTERVAL; old -= 1) {
        if (old % 3 !== slot) rotBody(script.disk(slot), old);
      }
    }
    tour(script, [0, 1, 2], 3);
    script.runUntil(() => script.converged());
    // What an index page names is found only when the page is mended.
    script.runUntil(() => [0, 1, 2].every((slot) => script.state(slot).blocksMissing === 0));
    for (const slot of [0, 1, 2]) {
      expect(foundBy(script, slot)['scrub prepare']).toBeGreaterThan(3);
      expect(script.state(slot)).toMatchObject({ journalFaulty: 0 });
    }
    expectSound(script, [0, 1, 2]);
    expect(script.add(250, 1)).toBe(1);
  });

  it('never takes what rotted for absent: an acknowledged op is not given up', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, scrub: FAST });
    script.add(1, 1);
    script.runUntil(() => script.converged());
    const [witness, other] = [at(backups, 0), at(backups, 1)];
    script.isolate(other);
    // Acknowledged by the primary and one backup, which does not hear that it is committed. There
    // it rots on the disk, and then what was in memory is gone too.
    script.drop({ from: primary, to: witness, command: 'commit' });
    script.add(1, 1);
    const { op } = script.state(primary);
    script.crash(primary);
    script.crash(witness);
    script.restart(witness);
    script.runUntil(() => script.state(witness).status === 'normal');
    expect(script.state(witness)).toMatchObject({ op, journalFaulty: 0 });
    expect(script.state(witness).commitMin).toBeLessThan(op);
    rotBody(script.disk(witness), op);
    script.runUntil(() => script.state(witness).journalFaulty === 1);
    expect(foundBy(script, witness)).toEqual({ 'scrub prepare': 1 });
    script.crash(witness);
    script.restart(witness);
    script.heal();
    script.run(600);
    // Only the primary's disk has it whole: the others wait rather than go on without it.
    const answer = script.submit(addOne(1));
    script.run(200);
    expect(answer.body).toBeNull();
    script.restart(primary);
    script.runUntil(() => answer.body !== null && script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(3);
  });

  it('tells a cluster of one what it cannot mend', () => {
    const { script } = settle({ replicaCount: 1, scrub: FAST });
    fillTo(script, INTERVAL + 3);
    const address = at(blocksOf(script, 0), 0);
    rotBlock(script.disk(0), address);
    tour(script, [0], 2);
    expect(foundBy(script, 0)['scrub block']).toBeGreaterThan(0);
    const { evidence } = script.cluster.storage(0);
    const rotten = evidence.rottenBlocks(checkpointTables(script.cluster.options.workload));
    expect(rotten.map((fault) => fault.address)).toEqual([address]);
    expect(script.add(1, 1)).toBeGreaterThan(0);
  });
});
