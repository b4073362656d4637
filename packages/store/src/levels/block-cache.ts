import type { BlockReference } from '../forest-types.ts';
import { assert } from '../std/assert.ts';
import type { BlockHold, CachedBlock } from './block-hold.ts';
import { addressAt, referenceBytes, referenceEquals } from './reference.ts';

/**
 * Blocks in memory, within a budget of bytes, by address; an entry counts only for who names the
 * same content. What is evicted is chosen by a clock: an entry that was looked at since the hand
 * last came by gets another round.
 *
 * A request needs all its blocks at one moment. Whatever is found for a hold stays until the hold
 * is released, beyond the budget when need be: so whoever hands out holds bounds what they keep.
 */
export class BlockCache {
  /** Blocks that the budget has room for: 1 or more. */
  readonly capacity: number;
  /** For whom blocks are found; null for who keeps none. */
  holder: BlockHold | null = null;
  private readonly entries: Map<number, CachedBlock> = new Map();
  /** Of those, the ones that may be given up, in the order in which the hand comes by. */
  private readonly ring: CachedBlock[] = [];
  private hand = 0;
  private heldNow = 0;
  private limitedNow = 0;

  constructor(budget: number, blockSize: number) {
    this.capacity = Math.max(1, Math.floor(budget / blockSize));
  }

  /** Blocks in memory: at most `capacity`, or what is held and awaited when that is more. */
  get size(): number {
    return this.entries.size;
  }

  /** Blocks that holds keep, each counted once; some may be of a tree that is gone. */
  get held(): number {
    return this.heldNow;
  }

  /** Of those, the ones that a hold without a privilege keeps. */
  get limited(): number {
    return this.limitedNow;
  }

  /** The block whose reference begins at `at`, or null. */
  find(holder: Uint8Array, at: number): Uint8Array | null {
    const entry = this.entries.get(addressAt(holder, at));
    if (entry === undefined || !referenceEquals(entry.name, holder, at)) return null;
    entry.used = true;
    if (this.holder === null) entry.awaited = false;
    else this.keep(entry, this.holder);
    this.settle(entry);
    return entry.bytes;
  }

  /**
   * Takes the bytes over: they must never change again. The block stays until each of `holds` was
   * released, and an awaited one until it was looked at once.
   */
  add(
    reference: BlockReference,
    bytes: Uint8Array,
    { awaited, holds }: { readonly awaited: boolean; readonly holds: Iterable<BlockHold> },
  ): void {
    const { address } = reference;
    this.drop(address);
    const name = referenceBytes(reference);
    const entry = { address, name, bytes, used: true, awaited, holds: 0, limited: 0, place: -1 };
    this.entries.set(address, entry);
    for (const hold of holds) this.keep(entry, hold);
    this.settle(entry);
    this.shrink();
  }

  /** The hold keeps nothing any more. */
  release(hold: BlockHold): void {
    if (!hold.privileged) this.unlimit(hold);
    for (const entry of hold.found) {
      entry.holds -= 1;
      if (entry.holds > 0) continue;
      this.heldNow -= 1;
      this.settle(entry);
    }
    hold.found.clear();
    assert(this.heldNow >= 0, 'a block is let go of once');
    this.shrink();
  }

  /** What the hold keeps counts for the limit no more. */
  unlimit(hold: BlockHold): void {
    for (const entry of hold.found) {
      entry.limited -= 1;
      if (entry.limited === 0) this.limitedNow -= 1;
    }
    assert(this.limitedNow >= 0, 'a block is let go of once');
  }

  /** Nobody awaits anything any more. */
  forgetAwaited(): void {
    for (const entry of this.entries.values()) {
      entry.awaited = false;
      this.settle(entry);
    }
    this.shrink();
  }

  /** Holds keep what they have until they are released. */
  clear(): void {
    for (const address of [...this.entries.keys()]) this.drop(address);
  }

  private keep(entry: CachedBlock, hold: BlockHold): void {
    if (hold.found.has(entry)) return;
    hold.found.add(entry);
    entry.holds += 1;
    if (entry.holds === 1) this.heldNow += 1;
    if (hold.privileged) return;
    entry.limited += 1;
    if (entry.limited === 1) this.limitedNow += 1;
  }

  /** Only what nobody keeps or awaits stands in the ring. */
  private settle(entry: CachedBlock): void {
    const free = entry.holds === 0 && !entry.awaited && this.entries.get(entry.address) === entry;
    if (free === entry.place >= 0) return;
    if (free) {
      entry.place = this.ring.length;
      this.ring.push(entry);
    } else this.unring(entry);
  }

  private unring(entry: CachedBlock): void {
    const last = this.ring.pop();
    assert(last !== undefined, 'the ring has this entry');
    if (last !== entry) {
      this.ring[entry.place] = last;
      last.place = entry.place;
    }
    entry.place = -1;
  }

  private drop(address: number): void {
    const entry = this.entries.get(address);
    if (entry === undefined) return;
    this.entries.delete(address);
    this.settle(entry);
  }

  /** What is held and awaited is never given up: then the budget gives way, not the progress. */
  private shrink(): void {
    while (this.entries.size > this.capacity && this.ring.length > 0) {
      if (this.hand >= this.ring.length) this.hand = 0;
      const entry = this.ring[this.hand] as CachedBlock; // SAFETY: hand < length.
      if (entry.used) {
        entry.used = false;
        this.hand += 1;
      } else this.drop(entry.address);
    }
  }
}
