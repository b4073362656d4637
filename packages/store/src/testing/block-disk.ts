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
