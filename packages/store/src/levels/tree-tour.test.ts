import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockReference } from '../forest-types.ts';
import { present } from '../std/assert.ts';
import { bytesOf } from '../testing/operations.ts';
import { BLOCK_SIZE, LeveledHost, leveledForest } from './testing/leveled-disk.ts';
import type { TreeTour } from './tree-tour.ts';

/** Several runs, a merge under way, values in blocks of their own, metadata of several blocks. */
function grow(host: LeveledHost, rounds: number, seed = 0): void {
  for (let round = seed; round < seed + rounds; round += 1) {
    for (let n = 0; n < 60; n += 1) {
      host.forest.table(1).put(bytesOf(`key ${(n * 7 + round * 13) % 400}`), bytesOf(`v ${round}`));
      host.forest.table(3).merge(bytesOf(`key ${n * 5 + round}`), bytesOf('first'));
    }
    host.forest.table(1).put(bytesOf(`large ${round % 9}`), new Uint8Array(400).fill(round));
    host.checkpoint();
  }
}

function bytesAt(host: LeveledHost, references: readonly BlockReference[]): Uint8Array {
  const bytes = new Uint8Array(references.length * BLOCK_SIZE);
  references.forEach(({ address }, at) => {
    bytes.set(host.disk.blocks.get(address) ?? new Uint8Array(BLOCK_SIZE), at * BLOCK_SIZE);
  });
  return bytes;
}

/** One read of the tour; null at its end. */
function read(host: LeveledHost, tour: TreeTour, limit: number): readonly BlockReference[] | null {
  tour.follow(host.forest.tree);
  const references = tour.next(limit);
  if (references.length === 0) return null;
  expect(references.length).toBeLessThanOrEqual(limit);
  references.forEach(({ address }, at) => {
    expect(address).toBe((references[0]?.address ?? 0) + at);
    expect(host.forest.tree.used.uses(address)).toBe(true);
  });
  return references;
}

function usedOf(host: LeveledHost): Set<number> {
  const used = new Set<number>();
  for (const address of host.disk.blocks.keys()) {
    if (host.forest.tree.used.uses(address)) used.add(address);
  }
  return used;
}

describe('a tour', () => {
  it('is over at once where there is nothing', () => {
    const host = new LeveledHost(leveledForest());
    expect(host.forest.tour(0.5).next(8)).toEqual([]);
  });

  it('names each block of the tree once, wherever it begins', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 100 }));
    grow(host, 9);
    const levels = host.forest.tree.tables.flatMap((table) => table.levels);
    expect(levels.some(({ merge }) => merge !== null)).toBe(true);
    const origins = new Set<number>();
    for (let step = 0; step < 100; step += 1) {
      const tour = host.forest.tour(step / 100);
      const seen: number[] = [];
      for (let names = read(host, tour, 8); names !== null; names = read(host, tour, 8)) {
        seen.push(...names.map(({ address }) => address));
        expect(tour.take(bytesAt(host, names))).toEqual([]);
      }
      // Index pages on the way to the origin are read twice.
      expect(seen.length).toBeLessThanOrEqual(host.forest.tree.used.used + 8);
      expect(tour.seen).toBe(seen.length);
      expect(new Set(seen)).toEqual(usedOf(host));
      origins.add(seen[0] ?? 0);
    }
    expect(origins.size).toBeGreaterThan(5);
  });

  it('finds every block that is not what was written, and looks below a mended one', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 100 }));
    grow(host, 9);
    for (const address of usedOf(host)) {
      const right = host.disk.blocks.get(address) ?? new Uint8Array(0);
      host.disk.blocks.set(
        address,
        right.map((byte, at) => (at === 77 ? byte ^ 1 : byte)),
      );
      const tour = host.forest.tour((address % 10) / 10);
      const found: number[] = [];
      const seen = new Set<number>();
      for (let names = read(host, tour, 8); names !== null; names = read(host, tour, 8)) {
        const rotten = tour.take(bytesAt(host, names));
        for (const name of names) seen.add(name.address);
        found.push(...rotten.map((name) => name.address));
        if (rotten.length > 0) host.disk.blocks.set(address, right);
      }
      expect(found).toEqual([address]);
      expect(seen).toEqual(usedOf(host));
    }
  });

  it('goes on past what stays rotten', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 100 }));
    grow(host, 9);
    const tour = host.forest.tour(0.3);
    const found = new Set<number>();
    for (let names = read(host, tour, 8); names !== null; names = read(host, tour, 8)) {
      for (const { address } of tour.take(null)) found.add(address);
    }
    expect(found.size).toBeGreaterThan(3);
  });

  it('does not get longer while the same keys are written again and again', () => {
    const host = new LeveledHost(leveledForest({ cacheBlocks: 100 }));
    const write = (round: number): void => {
      for (let n = 0; n < 30; n += 1)
        host.forest.table(1).put(bytesOf(`${n}`), bytesOf(`${round}`));
      host.checkpoint();
    };
    for (let round = 0; round < 9; round += 1) write(round);
    const tour = host.forest.tour(0.5);
    for (let round = 9; round < 300; round += 1) {
      const names = present(read(host, tour, 1));
      tour.take(bytesAt(host, names));
      write(round);
    }
    let reads = 0;
    for (let names = read(host, tour, 1); names !== null; names = read(host, tour, 1)) {
      tour.take(bytesAt(host, names));
      reads += 1;
    }
    expect(reads).toBeLessThan(3 * host.forest.tree.used.used);
  });

  it('misses nothing that stays while the tree moves on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 99 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (origin, pauses, rounds) => {
          const host = new LeveledHost(leveledForest({ cacheBlocks: 100 }));
          grow(host, rounds);
          const tour = host.forest.tour(origin / 100);
          let stays = usedOf(host);
          const seen = new Set<number>();
          let reads = 0;
          let next = 0;
          for (let names = read(host, tour, 3); names !== null; names = read(host, tour, 3)) {
            const bytes = bytesAt(host, names);
            reads += 1;
            if (next < pauses.length && reads % (pauses[next] ?? 1) === 0) {
              next += 1;
              grow(host, 1, rounds + next);
              const { used } = host.forest.tree;
              stays = new Set([...stays].filter((address) => used.uses(address)));
              // What is in flight now was read before: it must not be judged by the new tree.
              tour.follow(host.forest.tree);
            } else {
              for (const { address } of names) seen.add(address);
            }
            expect(tour.take(bytes)).toEqual([]);
          }
          expect([...stays].filter((address) => !seen.has(address))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
