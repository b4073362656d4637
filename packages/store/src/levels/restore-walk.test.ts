import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockReference } from '../forest-types.ts';
import { present } from '../std/assert.ts';
import { type Checksum, mix128 } from '../std/checksum.ts';
import type { BlockDisk } from '../testing/block-disk.ts';
import { bytesOf } from '../testing/operations.ts';
import { PAGE_MAGIC, pageLevel } from './page.ts';
import { readU32 } from './reference.ts';
import { isLeafAlone } from './restore-walk.ts';
import { runViews } from './table-levels.ts';
import { LeveledHost, leveledForest } from './testing/leveled-disk.ts';
import { severalRuns } from './testing/several-runs.ts';
import type { Tree } from './tree.ts';

interface Target {
  readonly root: Uint8Array;
  readonly disk: BlockDisk;
  /** Blocks that name no others. */
  readonly last: readonly BlockReference[];
  /** How many do: metadata, index pages, leaves with values outside. */
  readonly inner: number;
}

/** Some states of one forest, each a checkpoint or two after the one before. */
function movingTargets(): { readonly source: Tree; readonly targets: readonly Target[] } {
  const host = severalRuns(mix128, 60);
  const targets: Target[] = [];
  for (let round = 0; round < 12; round += 1) {
    for (let n = 0; n < 40; n += 1) {
      host.forest.table(1).put(bytesOf(`key ${n}`), bytesOf(`value ${n} ${round % 2}`));
      host.forest.table(3).merge(bytesOf(`key ${n * 7 + (round % 3)}`), bytesOf('again'));
    }
    host.forest.table(1).put(bytesOf('large'), new Uint8Array(450).fill(round % 2));
    host.checkpoint();
    if (round % 2 === 0 && round < 11) continue;
    const { tree } = host.forest;
    const disk = host.disk.copy();
    const used = [...disk.blocks].filter(([address]) => tree.used.uses(address));
    const metadata = new Set(tree.metadata.map(({ address }) => address));
    const last = used
      .filter(([address, bytes]) => !metadata.has(address) && !namesOthers(bytes))
      .map(([address, bytes]) => ({ address, checksum: mix128.hash(bytes) }));
    targets.push({ root: tree.root, disk, last, inner: used.length - last.length });
  }
  return { source: host.forest.tree, targets };
}

function namesOthers(bytes: Uint8Array): boolean {
  return isLeafOrIndex(bytes) && (pageLevel(bytes) > 0 || !isLeafAlone(bytes));
}

/** Values are filled with small bytes. */
function isLeafOrIndex(bytes: Uint8Array): boolean {
  return readU32(bytes, 0) === PAGE_MAGIC;
}

describe('restoring one tree after the other', () => {
  // Targets overtake one another while they are fetched, as when peers are busy. Rows repeat what
  // was in them before, so that blocks come back with the same bytes at the same places.
  it('reads of a newer tree only what names others and what it has not seen yet', () => {
    const { source, targets } = movingTargets();
    expect(targets.some(({ inner }) => inner > 4)).toBe(true);
    const part = fc.double({ min: 0, max: 1.2, noNaN: true });
    fc.assert(
      fc.property(fc.array(part, { minLength: targets.length - 1 }), (parts) => {
        const forest = leveledForest({ cacheBlocks: 4 });
        const mirror = new Map<number, Uint8Array>();
        const names = new Map<number, Checksum>();
        targets.forEach((target, place) => {
          const last = place === targets.length - 1;
          const missing = target.last.filter(({ address, checksum }) => {
            return names.get(address) !== checksum;
          });
          const limit = last ? Number.POSITIVE_INFINITY : (parts[place] ?? 0) * missing.length;
          let reads = 0;
          forest.beginRestore(target.root, { whole: true });
          while (!forest.restored && reads < limit) {
            const wanted = forest.takeWanted(3);
            expect(wanted.length).toBeGreaterThan(0);
            for (const reference of wanted) {
              const { address, checksum } = reference;
              const bytes = target.disk.read(reference);
              expect(forest.provide(reference, bytes)).toBe('accepted');
              mirror.set(address, bytes);
              names.set(address, checksum);
              reads += 1;
            }
          }
          expect(reads).toBeLessThanOrEqual(missing.length + target.inner);
          if (!forest.restored) return;
          for (const { address, checksum } of target.last) {
            expect(mix128.hash(present(mirror.get(address)))).toBe(checksum);
          }
        });
        expect(forest.tree).toEqual(source);
      }),
      { numRuns: 40 },
    );
  });

  it('reads again what is said to be lost', () => {
    const { forest: source, disk } = severalRuns();
    const host = new LeveledHost(leveledForest(), disk);
    host.restore(source.root);
    const { reads } = host;
    host.restore(source.root);
    const again = host.reads - reads;
    expect(again).toBeLessThan(source.tree.used.used / 2);
    for (const address of disk.blocks.keys()) host.forest.forgetVerified(address);
    host.restore(source.root);
    expect(host.reads - reads - again).toBe(source.tree.used.used);
  });

  it('looks at small tables first', () => {
    const { forest: source, disk } = severalRuns();
    const seen: number[] = [];
    const forest = leveledForest();
    forest.beginRestore(source.root, { whole: true });
    while (!forest.restored) {
      for (const reference of forest.takeWanted(1)) {
        const bytes = disk.read(reference);
        forest.provide(reference, bytes);
        if (isLeafOrIndex(bytes) && pageLevel(bytes) === 0) seen.push(readU32(bytes, 8));
      }
    }
    const blocks = (id: number): number =>
      runViews(present(source.tree.tables.find(({ table }) => table === id)).levels).reduce(
        (sum, { run }) => sum + run.blocks,
        0,
      );
    const small = blocks(1) < blocks(3) ? 1 : 3;
    // Of the other one a few blocks are asked for beside the last of this one.
    const middle = (id: number): number => {
      const places = seen.flatMap((each, place) => (each === id ? [place] : []));
      return places.reduce((sum, place) => sum + place, 0) / places.length;
    };
    expect(middle(small)).toBeLessThan(middle(small === 1 ? 3 : 1));
  });
});
