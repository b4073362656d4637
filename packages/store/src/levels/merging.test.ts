import { describe, expect, it } from 'vitest';
import { bytesOf } from '../testing/operations.ts';
import { MERGE_WIDTH } from './advance-table.ts';
import type { TableLevels } from './table-levels.ts';
import { expectAccounted } from './testing/accounted.ts';
import { BLOCK_SIZE, countAndAppend, LeveledHost, leveledForest } from './testing/leveled-disk.ts';

// Aim: merging over hundreds of checkpoints. Method: writes in patterns that a real table sees, a
// checkpoint after each interval, and a look at what the tables then consist of.

class Numbers {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 4294967296) * limit);
  }
}

function keyOf(n: number): Uint8Array {
  return bytesOf(`key ${100000 + n}`);
}

function tableOf(host: LeveledHost, id: number): TableLevels {
  return host.forest.tree.tables.find(({ table }) => table === id) ?? { table: id, levels: [] };
}

/** Records in all runs of a table, merged or not. */
function recordsOf({ levels }: TableLevels): number {
  let records = 0;
  for (const { merge, runs } of levels) {
    const all = [...runs, ...(merge?.inputs ?? []), ...(merge?.output ? [merge.output] : [])];
    for (const run of all) records += run.records;
  }
  return records;
}

/** Random changes over many checkpoints, of older keys now and then, and a model of them. */
class History {
  readonly host: LeveledHost;
  readonly model: Map<string, Uint8Array> = new Map();
  private readonly numbers: Numbers;

  constructor(seed: number, cacheBlocks: number) {
    this.host = new LeveledHost(leveledForest({ cacheBlocks }));
    this.numbers = new Numbers(seed);
  }

  round(round: number): void {
    const { host, model, numbers } = this;
    const table = host.forest.table(3);
    for (let n = numbers.below(50); n >= 0; n -= 1) {
      const key = `key ${1000 + numbers.below(numbers.below(4) === 0 ? 900 : 50 + round * 4)}`;
      const older = model.get(key);
      const delta = Uint8Array.of(1, round & 0xff, n);
      const draw = numbers.below(4);
      if (draw === 0) {
        table.delete(bytesOf(key));
        model.delete(key);
      } else if (draw === 1) {
        table.put(bytesOf(key), delta);
        model.set(key, delta);
      } else {
        table.merge(bytesOf(key), delta);
        model.set(key, older === undefined ? delta : countAndAppend(older, delta));
      }
    }
    if (numbers.below(8) === 0) table.put(bytesOf('large'), new Uint8Array(500).fill(round));
  }

  expectEqual(): void {
    const all = this.host.range(3, bytesOf('key'), bytesOf('kez'), 1e9);
    const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
    const actual = new Map(all.map(({ key, value }) => [text(key), value]));
    expect(actual).toEqual(this.model);
    for (const [key, value] of this.model) {
      expect(this.host.get(3, bytesOf(key))).toEqual(value);
    }
  }
}

describe('merging', () => {
  it.each([1, 2, 3])('reads like a map through a long history (%i)', (seed) => {
    const history = new History(seed, seed === 1 ? 2 : 40);
    const { host } = history;
    for (let round = 0; round < 140; round += 1) {
      history.round(round);
      host.checkpoint();
      if (round % 3 === 0) expectAccounted(host);
      if (round % 20 === 9) history.expectEqual();
    }
    history.expectEqual();
    expect(tableOf(host, 3).levels.length).toBeGreaterThan(2);
  });

  it.each([1, 2, 3, 4])(
    'needs several blocks at one moment, whatever a cache of %d keeps',
    (room) => {
      const host = new LeveledHost(leveledForest({ cacheBlocks: room }));
      const numbers = new Numbers(room);
      const table = host.forest.table(1);
      for (let round = 1; round <= 400; round += 1) {
        // Values of one block and of two.
        for (let n = numbers.below(5); n >= 0; n -= 1) {
          const value = new Uint8Array(110 + numbers.below(380)).fill(round & 0xff);
          table.put(keyOf(numbers.below(30)), value);
        }
        // Leaves some blocks of a value in the cache, and others not.
        host.get(1, keyOf(numbers.below(30)));
        host.checkpoint();
        expect(host.forest.holdCount).toBe(0);
      }
    },
  );

  it('takes the lowest blocks that the durable tree does not use, in order', () => {
    const history = new History(9, 40);
    const { forest, disk } = history.host;
    for (let round = 0; round < 60; round += 1) {
      history.round(round);
      const taken: number[] = [];
      forest.freeze();
      while (!forest.checkpointSerialised) {
        for (const write of forest.nextWrites(4 * BLOCK_SIZE)) {
          disk.write(write);
          const count = write.bytes.length / BLOCK_SIZE;
          for (let at = 0; at < count; at += 1) taken.push(write.address + at);
        }
        history.host.provide();
      }
      const lowest: number[] = [];
      for (let address = 1; lowest.length < taken.length; address += 1) {
        if (!forest.tree.used.uses(address)) lowest.push(address);
      }
      expect(taken).toEqual(lowest);
      forest.checkpointDurable();
    }
  });

  it('is made in small slices and written in large pieces', () => {
    const blockSize = 4096;
    const forest = leveledForest({ cacheBlocks: 64, blockSize });
    const table = forest.table(3);
    for (let key = 0; key < 600; key += 1) table.put(keyOf(key), new Uint8Array(1_000).fill(key));
    forest.freeze();
    const sizes: number[] = [];
    for (let slices = 0; !forest.checkpointSerialised; slices += 1) {
      expect(slices).toBeLessThan(10_000);
      for (const { bytes } of forest.nextWrites(blockSize)) sizes.push(bytes.length);
    }
    expect(sizes.length).toBeGreaterThan(2);
    expect(new Set(sizes.slice(0, -1))).toEqual(new Set([128 * 1024]));
  });

  it('says how much of it is done, merges and changes', () => {
    const blockSize = 4096;
    const forest = leveledForest({ cacheBlocks: 4096, blockSize });
    const table = forest.table(3);
    for (let round = 0; round < 3 * MERGE_WIDTH; round += 1) {
      for (let key = round; key < 600; key += 3) {
        table.put(keyOf(key), new Uint8Array(1_000).fill(key));
      }
      expect(forest.checkpointProgress).toBe(1);
      forest.freeze();
      expect(forest.checkpointProgress).toBe(0);
      const told: number[] = [];
      while (!forest.checkpointSerialised) {
        forest.nextWrites(blockSize);
        told.push(forest.checkpointProgress);
      }
      expect(told.toSorted((first, other) => first - other)).toEqual(told);
      expect(told.at(-1)).toBe(1);
      // The last step of a merge may have less left than a step may take.
      expect(told.findLast((share) => share < 1)).toBeGreaterThan(0.6);
      expect(told[Math.floor(told.length / 2)]).toBeGreaterThan(0.25);
      expect(told[Math.floor(told.length / 2)]).toBeLessThan(0.75);
      forest.checkpointDurable();
    }
  });

  it('keeps a growing table in few runs of growing size', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 64 }));
    const numbers = new Numbers(7);
    const model = new Map<number, number>();
    let unfinished = 0;
    let deepest = 0;
    for (let round = 0; round < 300; round += 1) {
      for (let n = 0; n < 12; n += 1) {
        const key = numbers.below(1_000_000);
        host.forest.table(1).put(keyOf(key), bytesOf(`${round}`));
        model.set(key, round);
      }
      host.checkpoint();
      const { levels } = tableOf(host, 1);
      deepest = Math.max(deepest, levels.length);
      for (const { merge, runs } of levels) {
        expect(runs.length).toBeLessThan(2 * MERGE_WIDTH);
        if (merge !== null) unfinished += 1;
      }
    }
    expect(deepest).toBe(4);
    expect(unfinished).toBeGreaterThan(100);
    for (const [key, round] of model) expect(host.get(1, keyOf(key))).toEqual(bytesOf(`${round}`));
    const all = host.range(1, new Uint8Array(0), null, 1e9);
    expect(all.length).toBe(model.size);
    // A key that is not there costs few leaves, whatever the number of runs.
    const before = host.reads;
    for (let n = 0; n < 200; n += 1) host.get(1, bytesOf(`key ${numbers.below(1e6)}x`));
    expect(host.reads - before).toBeLessThan(2000);
  });

  it('does not let a table of few keys grow with its history', () => {
    const host = new LeveledHost(leveledForest());
    const numbers = new Numbers(11);
    let blocks = 0;
    for (let round = 0; round < 400; round += 1) {
      for (let n = 0; n < 60; n += 1) {
        host.forest.table(1).put(keyOf(numbers.below(80)), new Uint8Array(30).fill(round));
      }
      host.checkpoint();
      if (round === 40) blocks = host.forest.tree.used.used;
      // Four runs that are merged, three that wait, and an output.
      expect(recordsOf(tableOf(host, 1))).toBeLessThanOrEqual(8 * 80);
    }
    expect(host.forest.tree.used.used).toBeLessThan(2 * blocks);
    // The block area itself stays near what is in use.
    expect(Math.max(...host.disk.blocks.keys())).toBeLessThan(4 * blocks);
  });

  it('forgets what was deleted', () => {
    const host = new LeveledHost(leveledForest());
    for (let round = 0; round < 80; round += 1) {
      for (let n = 0; n < 20; n += 1) {
        host.forest.table(1).put(keyOf(round * 20 + n), new Uint8Array(30));
        host.forest.table(3).merge(keyOf(round * 20 + n), Uint8Array.of(1, 2, 3));
      }
      host.checkpoint();
      for (let n = 0; n < 20; n += 1) {
        host.forest.table(1).delete(keyOf(round * 20 + n));
        host.forest.table(3).delete(keyOf(round * 20 + n));
      }
    }
    for (let round = 0; round < 120; round += 1) {
      host.forest.table(7).put(keyOf(round), new Uint8Array(3));
      host.checkpoint();
    }
    expect(host.range(1, new Uint8Array(0), null, 10)).toEqual([]);
    expect(host.range(3, new Uint8Array(0), null, 10)).toEqual([]);
    // A level below four runs waits for more, which never come here.
    expect(recordsOf(tableOf(host, 1))).toBeLessThan(600);
  });

  it('moves a large run down instead of rewriting it for every few small ones', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 64 }));
    for (let n = 0; n < 3000; n += 1) host.forest.table(1).put(keyOf(n), new Uint8Array(30));
    const bulk = host.checkpoint();
    let written = 0;
    for (let round = 0; round < 63; round += 1) {
      host.forest.table(1).put(keyOf(5000 + round), new Uint8Array(30));
      written += host.checkpoint();
    }
    expect(written).toBeLessThan(4 * bulk);
    expect(tableOf(host, 1).levels.length).toBeGreaterThan(2);
  });

  it('needs room for a few steps of a merge, not for all of it', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 64 }));
    const numbers = new Numbers(5);
    let most = 0;
    for (let round = 0; round < 256; round += 1) {
      for (let n = 0; n < 40; n += 1) {
        host.forest.table(1).put(keyOf(numbers.below(1e6)), new Uint8Array(30));
      }
      host.checkpoint();
      most = Math.max(most, Math.max(...host.disk.blocks.keys()) / host.forest.tree.used.used);
    }
    const { used } = host.forest.tree.used;
    const addresses = Math.max(...host.disk.blocks.keys());
    expect(addresses).toBeLessThan(1.6 * used);
    expect(BLOCK_SIZE * used).toBeGreaterThan(256 * 40 * 40);
  });
});
