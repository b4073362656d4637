import type { BlockReference } from '../forest-types.ts';
import { addressAt, referenceBytes, referenceEquals } from './reference.ts';

/** A block that is held; its bytes are never written again, so views of them stay valid. */
interface Entry {
  readonly name: Uint8Array;
  readonly bytes: Uint8Array;
  /** Looked at since the hand of the clock last passed. */
  used: boolean;
  /** Came because someone wants it who has not looked yet: not given up before. */
  awaited: boolean;
}

/**
 * Blocks in memory, within a budget of bytes, by address; an entry counts only for who names the
 * same content. What is evicted is chosen by a clock: an entry that was looked at since the hand
 * last came by gets another round.
 *
 * A request needs all its blocks at one moment. `whileHolding` keeps every block that is found
 * until `release`, beyond the budget when need be; so how much is held is bounded by what one
 * request may name, and a small budget makes reads slow but never endless.
 */
export class BlockCache {
  private readonly entries: Map<number, Entry> = new Map();
  /** Addresses of `entries`, in the order in which the hand comes by. */
  private readonly ring: number[] = [];
  private hand = 0;
  private readonly capacity: number;
  private holding = false;
  private readonly held: Map<number, Entry> = new Map();

  constructor(budget: number, blockSize: number) {
    this.capacity = Math.max(1, Math.floor(budget / blockSize));
  }

  /** Blocks in memory, those that are held on top of the budget left out. */
  get size(): number {
    return this.entries.size;
  }

  /** The block whose reference begins at `at`, or null. */
  find(holder: Uint8Array, at: number): Uint8Array | null {
    const address = addressAt(holder, at);
    const entry = this.entries.get(address) ?? this.held.get(address);
    if (entry === undefined || !referenceEquals(entry.name, holder, at)) return null;
    entry.used = true;
    entry.awaited = false;
    if (this.holding) this.held.set(address, entry);
    return entry.bytes;
  }

  /**
   * Takes the bytes over: they must never change again. An awaited block stays until it was looked
   * at once.
   */
  add(
    reference: BlockReference,
    bytes: Uint8Array,
    { awaited }: { readonly awaited: boolean },
  ): void {
    const { address } = reference;
    const known = this.entries.has(address);
    this.entries.set(address, { name: referenceBytes(reference), bytes, used: true, awaited });
    if (!known) this.ring.push(address);
    while (this.ring.length > this.capacity && this.evict());
  }

  /** Whatever `look` finds stays until `release`. */
  whileHolding<T>(look: () => T): T {
    const outer = this.holding;
    this.holding = true;
    const result = look();
    this.holding = outer;
    return result;
  }

  release(): void {
    this.held.clear();
  }

  /** Nobody awaits anything any more. */
  forgetAwaited(): void {
    for (const entry of this.entries.values()) entry.awaited = false;
  }

  clear(): void {
    this.entries.clear();
    this.ring.length = 0;
    this.hand = 0;
    this.release();
  }

  /** False when all are awaited: then the budget gives way, not the progress. */
  private evict(): boolean {
    const { ring } = this;
    // One round may clear every `used`, the next finds a victim.
    for (let seen = 0; seen < 2 * ring.length; seen += 1) {
      if (this.hand >= ring.length) this.hand = 0;
      const address = ring[this.hand] as number; // SAFETY: hand < length.
      const entry = this.entries.get(address);
      if (entry === undefined || (!entry.used && !entry.awaited)) {
        this.entries.delete(address);
        const last = ring.pop() as number; // SAFETY: the ring is not empty.
        if (this.hand < ring.length) ring[this.hand] = last;
        return true;
      }
      entry.used = false;
      this.hand += 1;
    }
    return false;
  }
}
