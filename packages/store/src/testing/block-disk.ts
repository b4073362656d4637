import type { Forest } from '../forest.ts';
import type { BlockReference, BlockWrite } from '../forest-types.ts';
import { assert, present } from '../std/assert.ts';

/** Blocks by address, in memory: what a block area holds after the writes that were applied. */
export class BlockDisk {
  readonly blocks: Map<number, Uint8Array> = new Map();
  private readonly blockSize: number;

  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  write(write: BlockWrite): void {
    assert(write.bytes.length % this.blockSize === 0, 'whole blocks are written');
    for (let at = 0; at < write.bytes.length; at += this.blockSize) {
      const address = write.address + at / this.blockSize;
      this.blocks.set(address, write.bytes.slice(at, at + this.blockSize));
    }
  }

  read(reference: BlockReference): Uint8Array {
    return present(this.blocks.get(reference.address), 'a referenced block was written');
  }

  copy(): BlockDisk {
    const other = new BlockDisk(this.blockSize);
    for (const [address, bytes] of this.blocks) other.blocks.set(address, bytes);
    return other;
  }
}

/** Takes a checkpoint from freeze to the end of folding, and returns its root. */
export function checkpoint(forest: Forest, disk: BlockDisk, budget: number): Uint8Array {
  forest.freeze();
  while (!forest.checkpointSerialised) {
    for (const write of forest.nextWrites(budget)) disk.write(write);
  }
  const root = forest.checkpointRoot();
  forest.checkpointDurable();
  while (forest.foldStep(16));
  return root;
}

/**
 * Restores the tree that the root names, `limit` blocks at a time, the last of them first, each
 * from one buffer that is used again at once: as a host does that reads and receives.
 */
export function restore(forest: Forest, root: Uint8Array, disk: BlockDisk, limit = 5): void {
  forest.beginRestore(root);
  while (!forest.restored) {
    const wanted = forest.takeWanted(limit);
    assert(wanted.length > 0, 'a restore that is not finished wants blocks');
    for (const reference of wanted.reverse()) {
      const buffer = disk.read(reference).slice();
      const result = forest.provide(reference, buffer);
      assert(result === 'accepted', 'a block that was written is accepted');
      buffer.fill(0xee);
    }
  }
}
