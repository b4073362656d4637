import { describe, expect, it } from 'vitest';
import { FETCH_WINDOW } from './block-fetch.ts';
import { Forest, isForestRoot } from './forest.ts';
import { present } from './std/assert.ts';
import { Checksum, type ChecksumFunction, mix128 } from './std/checksum.ts';
import { BlockDisk, checkpoint, restore } from './testing/block-disk.ts';
import { bytesOf, TEST_TABLES } from './testing/operations.ts';

const BLOCK_SIZE = 128;

function forestNew(checksum: ChecksumFunction = mix128): Forest {
  return new Forest({ checksum, blockSize: BLOCK_SIZE, tables: TEST_TABLES });
}

/** A forest whose manifest has several levels, its root, and the disk that it is on. */
function written(
  checksum: ChecksumFunction = mix128,
  keys = 120,
): { root: Uint8Array; disk: BlockDisk } {
  const forest = forestNew(checksum);
  const disk = new BlockDisk(BLOCK_SIZE);
  for (let n = 0; n < keys; n += 1) {
    forest.table(1).put(bytesOf(`key ${n}`), bytesOf(`value ${n}`));
    forest.table(3).merge(bytesOf(`key ${n}`), bytesOf('first'));
  }
  checkpoint(forest, disk, 1 << 16);
  for (let n = 0; n < 9; n += 1) {
    forest.table(3).merge(bytesOf('key 5'), bytesOf(`${n}`));
    forest.table(3).merge(bytesOf('key 6'), bytesOf(`${n}`));
    forest.table(3).delete(bytesOf(`key ${20 + n}`));
    forest.table(3).put(bytesOf(`key ${n * 10 + 30}`), bytesOf('other'));
  }
  forest.table(3).merge(bytesOf('key 7'), bytesOf('second'));
  return { root: checkpoint(forest, disk, 1 << 16), disk };
}

describe('restore', () => {
  it('names a block once, and takes it whenever the right bytes come', () => {
    const { root, disk } = written();
    const forest = forestNew();
    forest.beginRestore(root);
    const [top] = forest.takeWanted(10);
    expect(forest.takeWanted(10)).toEqual([]);
    const reference = present(top);
    expect(forest.provide(reference, new Uint8Array(BLOCK_SIZE))).toBe('bad');
    expect(forest.provide(reference, disk.read(reference).subarray(1))).toBe('bad');
    expect(forest.takeWanted(10)).toEqual([]);
    const elsewhere = { address: 9999, checksum: reference.checksum };
    expect(forest.provide(elsewhere, disk.read(reference))).toBe('unwanted');
    const stale = { address: reference.address, checksum: Checksum(reference.checksum ^ 2n) };
    expect(forest.provide(stale, disk.read(reference))).toBe('unwanted');
    expect(forest.provide(reference, disk.read(reference))).toBe('accepted');
    expect(forest.provide(reference, disk.read(reference))).toBe('unwanted');
    expect(forest.restored).toBe(false);
    expect(forest.references()).toEqual([]);
  });

  it('bounds what arrives early', () => {
    const { root, disk } = written();
    const forest = forestNew();
    forest.beginRestore(root);
    let most = 0;
    while (!forest.restored) {
      const wanted = forest.takeWanted(1000);
      most = Math.max(most, wanted.length);
      const first = present(wanted[0]);
      for (const reference of wanted.slice(1)) forest.provide(reference, disk.read(reference));
      const more = forest.takeWanted(1000);
      expect(more).toEqual([]);
      forest.provide(first, disk.read(first));
    }
    expect(most).toBe(FETCH_WINDOW);
  });

  it('finds every flipped byte of every block', () => {
    const { root, disk } = written();
    const forest = forestNew();
    forest.beginRestore(root);
    let blocks = 0;
    while (!forest.restored) {
      for (const reference of forest.takeWanted(4)) {
        const bytes = disk.read(reference);
        for (let at = 0; at < BLOCK_SIZE; at += 1) {
          const spoilt = bytes.slice();
          spoilt[at] = (spoilt[at] ?? 0) ^ (1 << (at & 7));
          expect(forest.provide(reference, spoilt)).toBe('bad');
        }
        expect(forest.provide(reference, bytes)).toBe('accepted');
        blocks += 1;
      }
    }
    expect(blocks).toBe(forest.references().length);
    expect(forest.table(3).get(bytesOf('key 21'))).toBe(null);
  });

  // With a checksum that accepts all, only the checks of shape stand between a foreign block and
  // the tables: header and tail are checked whole, and nothing in a payload may break a replica.
  it('stands any change of a block whose checksum says nothing', () => {
    const blind: ChecksumFunction = { name: 'mix128', hash: () => Checksum(1n) };
    const { root, disk } = written(blind, 40);
    const forest = forestNew(blind);
    restore(forest, root, disk);
    for (const reference of forest.references()) {
      const bytes = disk.read(reference);
      for (let at = 0; at < BLOCK_SIZE; at += 1) {
        const spoilt = bytes.slice();
        spoilt[at] = (spoilt[at] ?? 0) ^ 0x81;
        const spoiltDisk = disk.copy();
        spoiltDisk.blocks.set(reference.address, spoilt);
        const result = tryRestore(forestNew(blind), root, spoiltDisk);
        const payloadEnd = 32 + (bytes[8] ?? 0);
        if (at < 32 || at >= payloadEnd) expect(result).toBe('bad');
        else expect(['bad', 'restored']).toContain(result);
      }
    }
  });

  it('refuses a root that names no forest', () => {
    const { root } = written();
    expect(isForestRoot(root, BLOCK_SIZE)).toBe(true);
    expect(isForestRoot(new Uint8Array(64), BLOCK_SIZE)).toBe(true);
    expect(isForestRoot(root, 4096)).toBe(false);
    expect(isForestRoot(root.subarray(1), BLOCK_SIZE)).toBe(false);
    for (const at of [0, 3, 4, 63]) {
      const spoilt = root.slice();
      spoilt[at] = (spoilt[at] ?? 0) ^ 1;
      expect(isForestRoot(spoilt, BLOCK_SIZE)).toBe(false);
    }
    const forest = forestNew();
    expect(() => forest.beginRestore(new Uint8Array(64).fill(1))).toThrow('root is checked');
  });

  it('begins anew when it is told to in the middle', () => {
    const { root, disk } = written();
    const forest = forestNew();
    forest.beginRestore(root);
    for (const reference of forest.takeWanted(3)) {
      forest.provide(reference, disk.read(reference));
    }
    restore(forest, root, disk, 100);
    expect(forest.root).toEqual(root);
    expect(forest.table(1).count).toBe(120);
  });
});

function tryRestore(forest: Forest, root: Uint8Array, disk: BlockDisk): 'restored' | 'bad' {
  forest.beginRestore(root);
  while (!forest.restored) {
    const wanted = forest.takeWanted(50);
    if (wanted.length === 0) return 'bad';
    for (const reference of wanted) {
      const bytes = disk.blocks.get(reference.address) ?? new Uint8Array(BLOCK_SIZE);
      if (forest.provide(reference, bytes) !== 'accepted') return 'bad';
    }
  }
  return 'restored';
}
