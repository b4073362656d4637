import { ADDRESS_MAX } from './block.ts';
import type { BlockReference } from './forest-types.ts';
import { assert } from './std/assert.ts';

/** The blocks of one tree, by address. */
export class BlockSet {
  private readonly byAddress: (BlockReference | undefined)[] = [];
  private all: BlockReference[] = [];

  get size(): number {
    return this.all.length;
  }

  /** In the order in which they were added. */
  get references(): readonly BlockReference[] {
    return this.all;
  }

  /** False when another block has this address already. */
  add(reference: BlockReference): boolean {
    if (this.uses(reference.address)) return false;
    this.byAddress[reference.address] = reference;
    this.all.push(reference);
    return true;
  }

  uses(address: number): boolean {
    return this.byAddress[address] !== undefined;
  }

  /** Whether exactly this block is in the tree. */
  holds({ address, checksum }: BlockReference): boolean {
    return this.byAddress[address]?.checksum === checksum;
  }

  /** The first address above all that are used. */
  get end(): number {
    return this.byAddress.length;
  }

  /** The first used address from `address` on and its neighbours without a gap, at most `limit`. */
  neighboursFrom(address: number, limit: number): BlockReference[] {
    const found: BlockReference[] = [];
    for (let at = address; at < this.end && found.length < limit; at += 1) {
      const reference = this.byAddress[at];
      if (reference !== undefined) found.push(reference);
      else if (found.length > 0) break;
    }
    return found;
  }
}

/**
 * Addresses for one checkpoint, lowest first. Free is what the durable tree does not use: that tree
 * must survive a crash in the middle of the checkpoint, and anything else is rubbish by then. So
 * nothing about free space needs to be stored, and a checkpoint that is begun again after a crash
 * takes the same addresses again.
 */
export class Allocator {
  private readonly durable: BlockSet;
  private last = 0;

  constructor(durable: BlockSet) {
    this.durable = durable;
  }

  acquire(): number {
    this.last += 1;
    while (this.durable.uses(this.last)) this.last += 1;
    assert(this.last <= ADDRESS_MAX, 'block addresses are exhausted');
    return this.last;
  }
}
