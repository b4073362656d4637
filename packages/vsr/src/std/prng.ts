import { assert } from '@kimberlite/store';

/**
 * xoshiro128**: small, fast, and the same on every engine. Never used for secrets. Every subsystem
 * has its own generator, so that a draw added in one place moves nothing elsewhere.
 */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: bigint) {
    let state = BigInt.asUintN(64, seed);
    const next32 = (): number => {
      state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
      let z = state;
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
      return Number((z ^ (z >> 31n)) & 0xffffffffn);
    };
    this.a = next32();
    this.b = next32();
    this.c = next32();
    this.d = next32() | 1;
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    const product = Math.imul(this.b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** Uniform in [0, limit). The bias of the modulo is below 2^-11 for limits below 2^21. */
  below(limit: number): number {
    assert(Number.isSafeInteger(limit) && limit > 0, 'limit is positive');
    if (limit <= 0x1fffff) return this.u32() % limit;
    return (this.u32() * 0x200000 + (this.u32() >>> 11)) % limit;
  }

  /** Uniform in [least, most], both included. */
  between(least: number, most: number): number {
    assert(least <= most, 'range is not empty');
    return least + this.below(most - least + 1);
  }

  /** True with the given probability in [0, 1]. */
  chance(probability: number): boolean {
    return this.u32() < probability * 4294967296;
  }

  /** A uniformly chosen element; the list is not empty. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'something to pick from');
    return items[this.below(items.length)] as T; // SAFETY: the index is in range.
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  u128(): bigint {
    return (this.u64() << 64n) | this.u64();
  }

  /** A generator of its own, seeded from this one. */
  fork(): Prng {
    return new Prng(this.u64());
  }

  /** Shuffles in place. */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      const kept = items[last] as T; // SAFETY: the index is in range.
      items[last] = items[other] as T; // SAFETY: the index is in range.
      items[other] = kept;
    }
    return items;
  }
}
