import { assert } from '@kimberlite/store';
import { type Prng, SECTOR_SIZE, type StoragePort, type Zone } from '@kimberlite/vsr';

interface VolatileWrite {
  readonly zone: Zone;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly done: () => void;
}

export interface PowerLossOptions {
  /** Decides how long writes stay in the cache, and what of them survives. */
  readonly prng: Prng;
  /**
   * False: reports a write when it is durable. True: reports it at once and keeps it in the cache
   * until the power goes. The canary: whoever trusts such a disk must be seen to lose data.
   */
  readonly lies: boolean;
  /** Runs a callback some turns later. */
  readonly later: (callback: () => void) => void;
}

/**
 * A disk with a volatile cache in front of a StoragePort. A write lies in the cache for a while
 * and only then reaches the port below; `done` comes when it is durable there. When the power
 * goes, what is in the cache is lost, whole or by sectors, and nothing is answered any more. So
 * whoever acknowledges before `done` loses an acknowledged write sooner or later.
 */
export class PowerLossStorage implements StoragePort {
  readonly #inner: StoragePort;
  readonly #options: PowerLossOptions;
  readonly #cache: Set<VolatileWrite>;
  #powered: boolean;
  /** Writes that were lost, whole or in part, when the power went. */
  #lost: number;

  constructor(inner: StoragePort, options: PowerLossOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#cache = new Set();
    this.#powered = true;
    this.#lost = 0;
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    if (!this.#powered) return;
    this.#inner.read(zone, offset, length, (bytes) => {
      if (!this.#powered) return;
      if (bytes !== null) this.#overlay(zone, offset, bytes);
      done(bytes);
    });
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    if (!this.#powered) return;
    const write: VolatileWrite = { zone, offset, bytes, done };
    this.#cache.add(write);
    if (this.#options.lies) {
      this.#options.later(() => {
        if (this.#powered) done();
      });
      return;
    }
    this.#settle(write, this.#options.prng.below(4));
  }

  lost(): number {
    return this.#lost;
  }

  /**
   * The power goes. Of each write in the cache nothing, a part or all has reached the medium.
   * Resolves when what reached it is there; the port below may then be closed.
   */
  async cutPower(): Promise<void> {
    assert(this.#powered, 'cut once');
    this.#powered = false;
    const { prng } = this.#options;
    const partial: Promise<void>[] = [];
    for (const write of this.#cache) {
      const sectors = Math.ceil(write.bytes.length / SECTOR_SIZE);
      const kept = this.#options.lies ? 0 : prng.below(sectors + 1);
      if (kept < sectors) this.#lost += 1;
      if (kept === 0) continue;
      const bytes = write.bytes.subarray(0, kept * SECTOR_SIZE);
      partial.push(
        new Promise((resolve) => this.#inner.write(write.zone, write.offset, bytes, resolve)),
      );
    }
    this.#cache.clear();
    await Promise.all(partial);
  }

  #settle(write: VolatileWrite, turns: number): void {
    this.#options.later(() => {
      if (!this.#powered) return;
      if (turns > 0) {
        this.#settle(write, turns - 1);
        return;
      }
      this.#inner.write(write.zone, write.offset, write.bytes, () => {
        if (!this.#powered) return;
        this.#cache.delete(write);
        write.done();
      });
    });
  }

  /** The cache answers for what it holds. */
  #overlay(zone: Zone, offset: number, bytes: Uint8Array): void {
    for (const write of this.#cache) {
      if (write.zone !== zone) continue;
      const padded = Math.ceil(write.bytes.length / SECTOR_SIZE) * SECTOR_SIZE;
      const from = Math.max(offset, write.offset);
      const to = Math.min(offset + bytes.length, write.offset + padded);
      if (from >= to) continue;
      bytes.fill(0, from - offset, to - offset);
      const end = Math.min(to, write.offset + write.bytes.length);
      if (from < end) {
        bytes.set(write.bytes.subarray(from - write.offset, end - write.offset), from - offset);
      }
    }
  }
}
