import { describe, expect, it } from 'vitest';
import { BlockDisk } from '../testing/block-disk.ts';
import { LeveledHost, leveledForest } from './testing/leveled-disk.ts';

const BLOCK_SIZE = 1024;
const VALUES = 60;
/** Long enough for six blocks. */
const VALUE_SIZE = 5500;

/** A key that sorts by its number. */
function keyOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number & 0xff);
}

/** Long values in runs, none of them in memory. */
function coldHost(): LeveledHost {
  const disk = new BlockDisk(BLOCK_SIZE);
  const options = { blockSize: BLOCK_SIZE, cacheBlocks: 4 };
  const writer = new LeveledHost(leveledForest(options), disk);
  for (let number = 0; number < VALUES; number += 1) {
    writer.forest.table(1).put(keyOf(number), new Uint8Array(VALUE_SIZE).fill(number));
  }
  writer.checkpoint();
  for (let number = 0; number < VALUES; number += 3) {
    writer.forest.table(1).delete(keyOf(number));
    writer.forest.table(1).put(keyOf(number + 1), new Uint8Array(VALUE_SIZE).fill(255));
  }
  writer.checkpoint();
  const host = new LeveledHost(leveledForest(options), disk);
  host.restore(writer.forest.root, false);
  return host;
}

describe('fetching a range', () => {
  it('wants the values of many rows at once, and then the range can be read', () => {
    const host = coldHost();
    const table = host.forest.table(1);
    let rounds = 0;
    const hold = host.forest.hold({ privileged: true });
    host.forest.holding(hold, () => {
      while (!table.fetch(new Uint8Array(0), null, VALUES)) {
        rounds += 1;
        expect(host.provide(10_000)).toBeGreaterThan(0);
      }
    });
    // Pages of two runs, level by level, then leaf by leaf; never value by value.
    expect(rounds).toBeLessThan(20);
    const before = host.reads;
    const rows = host.forest.holding(hold, () => table.range(new Uint8Array(0), null, VALUES));
    expect(host.reads).toBe(before);
    expect(rows.map(({ key, value }) => [key[1], value[0]])).toEqual(
      Array.from({ length: VALUES }, (_, number) => number)
        .filter((number) => number % 3 !== 0)
        .map((number) => [number, number % 3 === 1 ? 255 : number]),
    );
  });

  it('reads no more than a scan, and stops at the limit', () => {
    for (const limit of [1, 2, 7]) {
      const host = coldHost();
      const table = host.forest.table(1);
      host.read(() => (table.fetch(new Uint8Array(0), null, limit) ? true : 'wanted'));
      const fetched = host.reads;
      const other = coldHost();
      other.range(1, new Uint8Array(0), null, limit);
      expect(fetched).toBe(other.reads);
      expect(host.range(1, new Uint8Array(0), null, limit)).toHaveLength(limit);
    }
  });
});
