import { describe, expect, it } from 'vitest';
import { compareBytes } from '../bytes.ts';
import { present } from '../std/assert.ts';
import { Checksum, type ChecksumFunction, mix128 } from '../std/checksum.ts';
import type { BlockDisk } from '../testing/block-disk.ts';
import { bytesOf } from '../testing/operations.ts';
import { type Forest, isForestRoot } from './forest.ts';
import { inspectTree, type TreeFault } from './inspect-tree.ts';
import { BLOCK_SIZE, LEVELED_TABLES, LeveledHost, leveledForest } from './testing/leveled-disk.ts';
import { severalRuns } from './testing/several-runs.ts';

/** Restores on another forest; 'bad' when a block is refused or nothing more is wanted. */
function tryRestore(forest: Forest, root: Uint8Array, disk: BlockDisk): 'restored' | 'bad' {
  forest.beginRestore(root, { whole: true });
  while (!forest.restored) {
    const wanted = forest.takeWanted(50);
    if (wanted.length === 0) return 'bad';
    for (const reference of wanted) {
      const bytes = disk.blocks.get(reference.address) ?? null;
      if (forest.provide(reference, bytes) !== 'accepted') return 'bad';
    }
  }
  return 'restored';
}

describe('restore', () => {
  it('is tried on a tree that has everything', () => {
    const { tables, metadata } = severalRuns().forest.tree;
    expect(tables.some(({ levels }) => levels.some(({ merge }) => merge !== null))).toBe(true);
    expect(metadata.length).toBeGreaterThan(3);
  });

  it('names a block once, and takes it whenever the right bytes come', () => {
    const { forest: source, disk } = severalRuns();
    const forest = leveledForest();
    forest.beginRestore(source.root, { whole: true });
    const [top] = forest.takeWanted(10);
    expect(forest.takeWanted(10)).toEqual([]);
    const reference = present(top);
    expect(forest.provide(reference, new Uint8Array(BLOCK_SIZE))).toBe('bad');
    expect(forest.provide(reference, disk.read(reference).subarray(1))).toBe('bad');
    expect(forest.provide(reference, null)).toBe('bad');
    expect(forest.takeWanted(10)).toEqual([]);
    const elsewhere = { address: 9999, checksum: reference.checksum };
    expect(forest.provide(elsewhere, disk.read(reference))).toBe('unwanted');
    const stale = { address: reference.address, checksum: Checksum(reference.checksum ^ 2n) };
    expect(forest.provide(stale, disk.read(reference))).toBe('unwanted');
    expect(forest.provide(reference, disk.read(reference))).toBe('accepted');
    expect(forest.provide(reference, disk.read(reference))).toBe('unwanted');
    expect(forest.restored).toBe(false);
  });

  it('wants a bounded number of blocks at a time', () => {
    const { forest: source, disk } = severalRuns();
    const forest = leveledForest();
    forest.beginRestore(source.root, { whole: true });
    let most = 0;
    while (!forest.restored) {
      const wanted = forest.takeWanted(1000);
      most = Math.max(most, wanted.length);
      for (const reference of wanted) forest.provide(reference, disk.read(reference));
    }
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(64);
  });

  it('reads every block of the tree once, or only its metadata', () => {
    const { forest: source, disk } = severalRuns();
    const whole = new LeveledHost(leveledForest({ cacheBlocks: 1000 }), disk);
    whole.restore(source.root);
    expect(whole.reads).toBe(source.tree.used.used);
    const quick = new LeveledHost(leveledForest(), disk);
    quick.restore(source.root, false);
    expect(quick.reads).toBe(source.tree.metadata.length);
    expect(quick.forest.tree).toEqual(source.tree);
    expect(quick.get(1, bytesOf('key 7'))).toEqual(bytesOf('value 7 4'));
    expect(quick.get(1, bytesOf('large'))).toEqual(new Uint8Array(400).fill(4));
  });

  it('finds every flipped byte of every block', () => {
    const { forest: source, disk } = severalRuns();
    const forest = leveledForest();
    forest.beginRestore(source.root, { whole: true });
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
    expect(blocks).toBeGreaterThanOrEqual(source.tree.used.used);
  });

  // With a checksum that accepts all, only the checks of shape stand between a foreign block and
  // the tables: nothing in a block may break a replica.
  it('stands any change of a block whose checksum says nothing', () => {
    const blind: ChecksumFunction = { name: 'mix128', hash: () => Checksum(1n) };
    const { forest: source, disk } = severalRuns(blind, 12);
    expect(tryRestore(leveledForest({ checksum: blind }), source.root, disk)).toBe('restored');
    let refused = 0;
    for (const address of disk.blocks.keys()) {
      if (!source.tree.used.uses(address)) continue;
      const bytes = present(disk.blocks.get(address));
      for (let at = 0; at < BLOCK_SIZE; at += 11) {
        const spoiltDisk = disk.copy();
        const spoilt = bytes.slice();
        spoilt[at] = (spoilt[at] ?? 0) ^ 0x81;
        spoiltDisk.blocks.set(address, spoilt);
        const forest = leveledForest({ checksum: blind, cacheBlocks: 100 });
        if (tryRestore(forest, source.root, spoiltDisk) === 'bad') refused += 1;
        else for (const { id } of LEVELED_TABLES) forest.table(id).scan(new Uint8Array(0), null, 9);
      }
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('refuses a root that names no forest', () => {
    const { root } = severalRuns().forest;
    expect(isForestRoot(root, BLOCK_SIZE)).toBe(true);
    expect(isForestRoot(new Uint8Array(64), BLOCK_SIZE)).toBe(true);
    expect(isForestRoot(root, 4096)).toBe(false);
    expect(isForestRoot(root.subarray(1), BLOCK_SIZE)).toBe(false);
    for (const at of [0, 3, 4, 63]) {
      const spoilt = root.slice();
      spoilt[at] = (spoilt[at] ?? 0) ^ 1;
      expect(isForestRoot(spoilt, BLOCK_SIZE)).toBe(false);
    }
    const bad = new Uint8Array(64).fill(1);
    expect(() => leveledForest().beginRestore(bad, { whole: true })).toThrow('root is checked');
  });

  it('begins anew when it is told to in the middle', () => {
    const { forest: source, disk } = severalRuns();
    const host = new LeveledHost(leveledForest(), disk);
    host.forest.beginRestore(source.root, { whole: true });
    host.provide(1);
    host.provide(3);
    host.restore(source.root);
    expect(host.forest.tree).toEqual(source.tree);
  });

  // The same operations make the same blocks at the same addresses on every replica. Those of a
  // checkpoint that is given up may never have reached this disk, however right they are in memory.
  it('wants every block of the disk, also those that a dropped checkpoint had in memory', () => {
    const fill = (host: LeveledHost): void => {
      for (let n = 0; n < 120; n += 1) {
        host.forest.table(1).put(bytesOf(`key ${n}`), bytesOf(`value ${n}`));
      }
    };
    const source = new LeveledHost(leveledForest());
    fill(source);
    source.checkpoint();
    const host = new LeveledHost(leveledForest({ cacheBlocks: 1000 }), source.disk);
    fill(host);
    host.forest.freeze();
    let dropped = 0;
    while (!host.forest.checkpointSerialised) {
      for (const { bytes } of host.forest.nextWrites(65_536)) dropped += bytes.length / BLOCK_SIZE;
    }
    expect(dropped).toBe(source.forest.tree.used.used);
    host.restore(source.forest.root);
    expect(host.reads).toBe(dropped);
  });

  it('wants what it has seen in an earlier restore and written over since', () => {
    const { forest: source, disk } = severalRuns();
    const host = new LeveledHost(leveledForest({ cacheBlocks: 1000 }), disk.copy());
    host.restore(source.root);
    for (let round = 0; round < 4; round += 1) {
      for (let n = 0; n < 120; n += 1) {
        host.forest.table(1).put(bytesOf(`key ${n}`), bytesOf(`new ${n} ${round}`));
      }
      host.checkpoint();
    }
    const isOther = (address: number): boolean =>
      compareBytes(
        host.disk.blocks.get(address) ?? new Uint8Array(0),
        present(disk.blocks.get(address)),
      ) !== 0;
    const other = [...disk.blocks.keys()].filter((at) => source.tree.used.uses(at) && isOther(at));
    expect(other.length).toBeGreaterThan(10);
    const asked = new Set<number>();
    host.forest.beginRestore(source.root, { whole: true });
    while (!host.forest.restored) {
      for (const reference of host.forest.takeWanted(50)) {
        asked.add(reference.address);
        host.forest.provide(reference, disk.read(reference));
      }
    }
    expect(other.filter((address) => !asked.has(address))).toEqual([]);
  });

  it('names the empty state by a root of zeros', () => {
    const host = new LeveledHost(leveledForest());
    host.checkpoint();
    expect(host.forest.root).toEqual(new Uint8Array(64));
    host.forest.table(1).put(bytesOf('a'), bytesOf('b'));
    host.checkpoint();
    expect(host.forest.root).not.toEqual(new Uint8Array(64));
    host.forest.beginRestore(new Uint8Array(64), { whole: true });
    expect(host.forest.restored).toBe(true);
    expect(host.get(1, bytesOf('a'))).toBe(null);
  });

  it('refuses a forest that is used out of turn', () => {
    const host = severalRuns();
    const { forest } = host;
    expect(() => forest.nextWrites(1)).toThrow('a checkpoint is running');
    forest.freeze();
    expect(() => forest.freeze()).toThrow('one checkpoint at a time');
    forest.beginRestore(forest.root, { whole: true });
    expect(() => forest.table(1)).toThrow('while it is restored');
    expect(() => forest.freeze()).toThrow('during a restore');
  });
});

describe('inspecting a tree', () => {
  function inspect(host: LeveledHost, disk: BlockDisk): { faults: TreeFault[]; seen: number } {
    const faults: TreeFault[] = [];
    let seen = 0;
    inspectTree(host.forest.root, {
      format: { checksum: mix128, blockSize: BLOCK_SIZE },
      tables: new Set(LEVELED_TABLES.map(({ id }) => id)),
      read: (address) => disk.blocks.get(address) ?? null,
      onFault: (fault) => faults.push(fault),
      onBlock: () => {
        seen += 1;
      },
    });
    return { faults, seen };
  }

  it('tells each lost block once and goes on behind it', () => {
    const host = severalRuns();
    const { used, metadata } = host.forest.tree;
    expect(inspect(host, host.disk)).toEqual({ faults: [], seen: used.used - metadata.length });
    const names = new Set(metadata.map(({ address }) => address));
    for (const address of host.disk.blocks.keys()) {
      if (!used.uses(address)) continue;
      const disk = host.disk.copy();
      disk.blocks.set(address, new Uint8Array(BLOCK_SIZE).fill(0x55));
      const { faults, seen } = inspect(host, disk);
      const fault = { address, problem: 'its checksum is another', rotten: true };
      if (names.has(address)) expect(faults[0]).toEqual(fault);
      else {
        expect(faults).toEqual([fault]);
        expect(seen).toBeGreaterThan(0);
      }
    }
  });
});
