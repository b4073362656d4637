import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockDisk } from '../testing/block-disk.ts';
import type { BlockHold } from './block-hold.ts';
import { LeveledHost, leveledForest } from './testing/leveled-disk.ts';

const BLOCK_SIZE = 1024;
const ROWS = 40;
/** Long enough for three blocks. */
const VALUE_SIZE = 2500;
const CACHE_BLOCKS = 12;

/** Rows on disk only. */
function coldHost(): LeveledHost {
  const disk = new BlockDisk(BLOCK_SIZE);
  const options = { blockSize: BLOCK_SIZE, cacheBlocks: CACHE_BLOCKS };
  const writer = new LeveledHost(leveledForest(options), disk);
  for (let row = 0; row < ROWS; row += 1) {
    writer.forest.table(1).put(Uint8Array.of(row), new Uint8Array(VALUE_SIZE).fill(row));
  }
  writer.checkpoint();
  const host = new LeveledHost(leveledForest(options), disk);
  host.restore(writer.forest.root, false);
  return host;
}

/** Blocks that the holds keep or wait for, each counted once. */
function blocksOf(holds: readonly BlockHold[]): number {
  const found = new Set(holds.flatMap((hold) => [...hold.found]));
  return found.size + new Set(holds.flatMap((hold) => [...hold.missing])).size;
}

describe('holds', () => {
  it('keep what their readers have found, and no more, in any order', () => {
    const step = fc.record({
      hold: fc.nat({ max: 4 }),
      row: fc.nat({ max: ROWS - 1 }),
      act: fc.constantFrom(
        ...[
          'look',
          'look',
          'look',
          'look',
          'provide',
          'provide',
          'provide',
          'release',
          'privilege',
        ],
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const host = coldHost();
        const { forest } = host;
        const holds = Array.from({ length: 5 }, () => forest.hold({ privileged: false }));
        const kept = holds.map((): Set<number> => new Set());
        for (const { hold: index, row, act } of steps) {
          const hold = holds[index];
          if (hold === undefined) continue;
          const look = (which: number): boolean =>
            forest.holding(hold, () => forest.table(1).lookup(Uint8Array.of(which))) !== 'wanted';
          if (act === 'provide') host.provide(3);
          else if (act === 'privilege') forest.privilege(hold);
          else if (act === 'release') {
            forest.release(hold);
            hold.privileged = false;
            kept[index]?.clear();
            expect([hold.size, hold.waits]).toEqual([0, false]);
          } else if (look(row)) kept[index]?.add(row);
          else expect(hold.waits).toBe(true);
          // Whatever one has found it finds again, however little the cache has room for.
          for (const found of kept[index] ?? []) expect(look(found)).toBe(true);
          const claimed = forest.claimedSize / BLOCK_SIZE;
          expect(claimed).toBe(blocksOf(holds));
          const limited = holds.filter(({ privileged }) => !privileged);
          expect(forest.limitedSize / BLOCK_SIZE).toBe(blocksOf(limited));
          expect(forest.cachedSize / BLOCK_SIZE).toBeLessThanOrEqual(CACHE_BLOCKS + claimed);
        }
        for (const hold of holds) forest.release(hold);
        expect(forest.claimedSize).toBe(0);
        expect(forest.cachedSize / BLOCK_SIZE).toBeLessThanOrEqual(CACHE_BLOCKS);
      }),
      { numRuns: 60 },
    );
  });

  it('want nothing any more once they are released, and share what two of them want', () => {
    const host = coldHost();
    const { forest } = host;
    const [first, other] = [forest.hold({ privileged: false }), forest.hold({ privileged: false })];
    const look = (): unknown => forest.table(1).lookup(Uint8Array.of(7));
    forest.holding(first, look);
    forest.holding(other, look);
    expect(forest.claimedSize).toBe(BLOCK_SIZE);
    forest.release(first);
    expect(forest.claimedSize).toBe(BLOCK_SIZE);
    forest.release(other);
    expect(forest.claimedSize).toBe(0);
    expect(forest.takeWanted(10)).toEqual([]);
    // Wanted again, it is read again.
    forest.holding(first, look);
    expect(forest.takeWanted(10)).toHaveLength(1);
  });

  it('are served in the order of asking, those with a privilege first', () => {
    const host = coldHost();
    const { forest } = host;
    const hold = forest.hold({ privileged: true });
    while (forest.holding(hold, () => forest.table(1).lookup(Uint8Array.of(0))) === 'wanted') {
      host.provide();
    }
    const queries = [20, 10].map((row) => ({ row, hold: forest.hold({ privileged: false }) }));
    const wantedBy = (row: number, by: typeof hold): number => {
      const before = forest.claimedSize;
      forest.holding(by, () => forest.table(1).lookup(Uint8Array.of(row)));
      return (forest.claimedSize - before) / BLOCK_SIZE;
    };
    const wanted = queries.map((query) => wantedBy(query.row, query.hold));
    expect(Math.min(...wanted)).toBeGreaterThan(0);
    const urgent = wantedBy(39, hold);
    expect(urgent).toBeGreaterThan(0);
    forest.takeWanted(urgent).forEach((reference) => {
      expect(forest.provide(reference, host.disk.read(reference))).toBe('accepted');
    });
    expect(hold.waits).toBe(false);
    expect(queries.map((query) => query.hold.waits)).toEqual([true, true]);
  });
});
