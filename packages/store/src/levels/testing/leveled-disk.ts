import type { TableOptions } from '../../forest-types.ts';
import { assert } from '../../std/assert.ts';
import { type ChecksumFunction, mix128 } from '../../std/checksum.ts';
import { BlockDisk } from '../../testing/block-disk.ts';
import { Forest } from '../forest.ts';

export const BLOCK_SIZE = 256;

/** Appends, and keeps the end of it with a count: deltas lost, doubled or reordered show. */
export function countAndAppend(older: Uint8Array | null, delta: Uint8Array): Uint8Array {
  if (older === null) return delta;
  const tail = new Uint8Array(older.length + delta.length - 2);
  tail.set(older.subarray(1));
  tail.set(delta.subarray(1), older.length - 1);
  const kept = tail.slice(-24);
  const value = new Uint8Array(1 + kept.length);
  value[0] = ((older[0] ?? 0) + (delta[0] ?? 0)) & 0xff;
  value.set(kept, 1);
  return value;
}

/** Table 3 takes deltas, table 1 and 7 take none; deliberately not in the order of ids. */
export const LEVELED_TABLES: readonly TableOptions[] = [
  { id: 3, name: 'merged', combine: countAndAppend },
  { id: 1, name: 'plain', combine: null },
  { id: 7, name: 'rare', combine: null },
];

export function leveledForest(
  options: {
    cacheBlocks?: number;
    checksum?: ChecksumFunction;
    blockSize?: number;
    tables?: readonly TableOptions[];
  } = {},
): Forest {
  const blockSize = options.blockSize ?? BLOCK_SIZE;
  return new Forest({
    checksum: options.checksum ?? mix128,
    blockSize,
    cacheSize: (options.cacheBlocks ?? 16) * blockSize,
    tables: options.tables ?? LEVELED_TABLES,
  });
}

/** Far more than any test's checkpoint reads: one that reads on is in a circle. */
const CHECKPOINT_READS_MAX = 100_000;

/** A forest on a disk of its own that answers at once. */
export class LeveledHost {
  readonly disk: BlockDisk;
  readonly forest: Forest;
  /** Blocks read from the disk so far. */
  reads = 0;
  /** Of those, before the checkpoint that runs. */
  private readsBefore = 0;

  constructor(forest: Forest, disk: BlockDisk = new BlockDisk(BLOCK_SIZE)) {
    this.forest = forest;
    this.disk = disk;
  }

  /** Provides up to `limit` wanted blocks, the last of them first; how many there were. */
  provide(limit = 5): number {
    const wanted = this.forest.takeWanted(limit);
    for (const reference of wanted.reverse()) {
      const buffer = this.disk.read(reference).slice();
      const result = this.forest.provide(reference, buffer);
      assert(result === 'accepted', 'a block that was written is accepted');
      buffer.fill(0xee);
      this.reads += 1;
    }
    return wanted.length;
  }

  /** Reads until nothing is wanted. */
  read<T>(look: () => T | 'wanted'): T {
    const hold = this.forest.hold({ privileged: true });
    for (;;) {
      const result = this.forest.holding(hold, look);
      if (result !== 'wanted') {
        this.forest.release(hold);
        return result;
      }
      assert(this.provide() > 0, 'a read that waits wants blocks');
    }
  }

  get(table: number, key: Uint8Array): Uint8Array | null {
    return this.read(() => this.forest.table(table).lookup(key));
  }

  range(
    table: number,
    from: Uint8Array,
    to: Uint8Array | null,
    limit: number,
  ): { key: Uint8Array; value: Uint8Array }[] {
    const leveled = this.forest.table(table);
    return this.read(() => {
      const fetched = leveled.fetch(from, to, limit);
      const found = leveled.scan(from, to, limit);
      assert(fetched === (found !== 'wanted'), 'what was fetched, and only that, can be read');
      return found;
    });
  }

  /** One slice of the running checkpoint; returns the blocks that it wrote. */
  slice(budget: number): number {
    const writes = this.forest.nextWrites(budget);
    let bytes = 0;
    if (writes.length > 0) this.readsBefore = this.reads;
    assert(this.reads - this.readsBefore < CHECKPOINT_READS_MAX, 'a checkpoint makes progress');
    for (const write of writes) {
      this.disk.write(write);
      bytes += write.bytes.length;
    }
    if (this.forest.checkpointBlocked) {
      assert(this.provide() > 0, 'work that waits wants blocks');
    }
    return bytes;
  }

  /** Takes a whole checkpoint; returns the bytes that it wrote. */
  checkpoint(budget: number = 65_536): number {
    this.forest.freeze();
    let bytes = 0;
    while (!this.forest.checkpointSerialised) bytes += this.slice(budget);
    this.forest.checkpointDurable();
    return bytes;
  }

  restore(root: Uint8Array, whole = true, limit = 5): void {
    this.forest.beginRestore(root, { whole });
    while (!this.forest.restored) {
      assert(this.provide(limit) > 0, 'a restore that is not finished wants blocks');
    }
  }
}
