import { assert } from '@kimberlite/store';
import { Prng, SECTOR_SIZE } from '@kimberlite/vsr';

/** What a read of a damaged sector gives instead of what was written. */
export type Damage =
  /** One bit inverted. */
  | { readonly kind: 'flip'; readonly bit: number }
  /** The device reports an error. */
  | { readonly kind: 'error' }
  /** Other bytes: an older content, or what belonged elsewhere. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

interface DamagedSector {
  readonly damage: Damage;
  /** A read has met it. */
  seen: boolean;
}

/**
 * The sectors of one zone: the bytes that were meant to be there, and apart from them the damage
 * that reads see. Keeping both lets checkers ask what the disk promised, and what it still gives.
 * Sectors never written hold arbitrary bytes, the same for the same seed.
 */
export class SectorMemory {
  /** Moves whenever the bytes or the damage do, for who remembers what they say. */
  version: number;
  private readonly seed: bigint;
  private readonly sectors: Map<number, Uint8Array>;
  private readonly damaged: Map<number, DamagedSector>;

  constructor(seed: bigint) {
    this.version = 0;
    this.seed = seed;
    this.sectors = new Map();
    this.damaged = new Map();
  }

  /** What reads would give of all that was ever written, as of now. */
  copy(): ReadonlyMap<number, Uint8Array> {
    return new Map([...this.sectors].map(([sector, bytes]) => [sector, bytes.slice()]));
  }

  /** Puts a copy back: what was written since is as it was then, or as it was at first. */
  putBack(copy: ReadonlyMap<number, Uint8Array>): void {
    this.version += 1;
    this.sectors.clear();
    this.damaged.clear();
    for (const [sector, bytes] of copy) this.sectors.set(sector, bytes.slice());
  }

  /** What was written last, whatever became of it. Not to be changed. */
  pristine(sector: number): Uint8Array {
    const known = this.sectors.get(sector);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(SECTOR_SIZE);
    const words = new Uint32Array(bytes.buffer);
    const prng = new Prng(this.seed ^ BigInt(sector));
    for (let at = 0; at < words.length; at += 1) words[at] = prng.u32();
    this.sectors.set(sector, bytes);
    return bytes;
  }

  /** What stands there where a write went astray: an older content; else what was written last. */
  standing(sector: number): Uint8Array {
    const damage = this.damaged.get(sector)?.damage;
    return damage?.kind === 'bytes' ? damage.bytes : this.pristine(sector);
  }

  /** Stores a sector; takes the buffer. True when it healed damage that a read had met. */
  store(sector: number, bytes: Uint8Array): boolean {
    assert(bytes.length === SECTOR_SIZE, 'a whole sector');
    this.version += 1;
    this.sectors.set(sector, bytes);
    const healed = this.damaged.get(sector)?.seen ?? false;
    this.damaged.delete(sector);
    return healed;
  }

  damage(sector: number, damage: Damage): void {
    this.version += 1;
    this.damaged.set(sector, { damage, seen: false });
  }

  /** Takes damage back: reads give again what was written. */
  restore(sector: number): void {
    this.version += 1;
    this.damaged.delete(sector);
  }

  isDamaged(sector: number): boolean {
    return this.damaged.has(sector);
  }

  /** Sectors with a content that was written, or asked for, in the order of that. */
  writtenSectors(): number[] {
    return [...this.sectors.keys()];
  }

  /** Sectors that reads would not give back as written. */
  damagedSectors(): number[] {
    return [...this.damaged.keys()];
  }

  /** Damaged sectors that a read has met. */
  damageSeen(): number[] {
    return [...this.damaged].filter(([, entry]) => entry.seen).map(([sector]) => sector);
  }

  /** Copies what a read gives to `target`; false when the device reports an error. */
  load(sector: number, target: Uint8Array): boolean {
    const entry = this.damaged.get(sector);
    if (entry !== undefined) entry.seen = true;
    return this.peek(sector, target);
  }

  /** The same for those who only ask: nothing counts as read. */
  peek(sector: number, target: Uint8Array): boolean {
    const damage = this.damaged.get(sector)?.damage;
    if (damage === undefined) {
      target.set(this.pristine(sector));
      return true;
    }
    switch (damage.kind) {
      case 'error':
        return false;
      case 'bytes':
        target.set(damage.bytes);
        return true;
      case 'flip': {
        target.set(this.pristine(sector));
        const at = damage.bit >> 3;
        target[at] = (target[at] ?? 0) ^ (1 << (damage.bit & 7));
        return true;
      }
    }
  }
}
