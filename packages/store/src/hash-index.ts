import type { RecordHeap } from './record-heap.ts';
import { assert } from './std/assert.ts';

const SHARD_SIZE_MIN = 16;
/** Slots at which one shard becomes many, so that no growth ever moves more than a few thousand. */
const SPLIT_SIZE = 4096;
const SHARDS = 256;

/** Open addressing with linear probing; a bucket is (slot + 1, hash), slot + 1 = 0 when free. */
interface Shard {
  buckets: Int32Array;
  mask: number;
  used: number;
}

/** Finds slots by the hash and bytes of their key. */
export class HashIndex {
  private shards: Shard[] = [shardNew(SHARD_SIZE_MIN)];
  private used = 0;

  get size(): number {
    return this.used;
  }

  /** The slot of the key, or -1. */
  find(key: Uint8Array, hash: number, heap: RecordHeap): number {
    const shard = this.shard(hash);
    const { buckets, mask } = shard;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = buckets[at * 2] as number; // SAFETY: at <= mask.
      if (entry === 0) return -1;
      if (buckets[at * 2 + 1] === hash && heap.keyEquals(entry - 1, key)) return entry - 1;
    }
  }

  /** The key must not be there yet. */
  insert(hash: number, slot: number): void {
    if (this.shards.length === 1 && this.used === SPLIT_SIZE) this.split();
    const shard = this.shard(hash);
    if ((shard.used + 1) * 5 > (shard.mask + 1) * 3) grow(shard);
    shardInsert(shard, hash, slot);
    this.used += 1;
  }

  private shard(hash: number): Shard {
    const shards = this.shards;
    return shards[shards.length === 1 ? 0 : hash >>> 24] as Shard; // SAFETY: 1 or 256 shards.
  }

  private split(): void {
    const whole = this.shards[0] as Shard; // SAFETY: there is always one.
    this.shards = Array.from({ length: SHARDS }, () => shardNew(SHARD_SIZE_MIN * 4));
    for (let at = 0; at <= whole.mask; at += 1) {
      const entry = whole.buckets[at * 2] as number; // SAFETY: at <= mask.
      if (entry === 0) continue;
      const hash = whole.buckets[at * 2 + 1] as number; // SAFETY: as above.
      const shard = this.shard(hash);
      if ((shard.used + 1) * 5 > (shard.mask + 1) * 3) grow(shard);
      shardInsert(shard, hash, entry - 1);
    }
  }
}

function shardNew(size: number): Shard {
  return { buckets: new Int32Array(size * 2), mask: size - 1, used: 0 };
}

function shardInsert(shard: Shard, hash: number, slot: number): void {
  const { buckets, mask } = shard;
  let at = hash & mask;
  while (buckets[at * 2] !== 0) at = (at + 1) & mask;
  buckets[at * 2] = slot + 1;
  buckets[at * 2 + 1] = hash;
  shard.used += 1;
}

function grow(shard: Shard): void {
  const { buckets, mask, used } = shard;
  const size = (mask + 1) * 2;
  shard.buckets = new Int32Array(size * 2);
  shard.mask = size - 1;
  shard.used = 0;
  for (let at = 0; at <= mask; at += 1) {
    const entry = buckets[at * 2] as number; // SAFETY: at <= mask.
    if (entry !== 0) shardInsert(shard, buckets[at * 2 + 1] as number, entry - 1); // SAFETY: same.
  }
  assert(shard.used === used, 'growth keeps every entry');
}
