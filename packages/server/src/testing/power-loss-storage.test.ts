import { Prng, SECTOR_SIZE, type StoragePort, type Zone } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { PowerLossStorage } from './power-loss-storage.ts';

/** A disk in memory whose writes are durable in the next turn. */
class MemoryDisk implements StoragePort {
  readonly bytes: Uint8Array = new Uint8Array(64 * SECTOR_SIZE);

  read(_: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    queueMicrotask(() => done(this.bytes.slice(offset, offset + length)));
  }

  write(_: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    const padded = Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE;
    this.bytes.fill(0, offset, offset + padded);
    this.bytes.set(bytes, offset);
    queueMicrotask(done);
  }
}

function sector(value: number, count = 1): Uint8Array {
  return new Uint8Array(count * SECTOR_SIZE).fill(value);
}

function disk(seed: bigint): { readonly platter: MemoryDisk; readonly storage: PowerLossStorage } {
  const platter = new MemoryDisk();
  const storage = new PowerLossStorage(platter, {
    prng: new Prng(seed),
    lies: false,
    later: (callback) => setImmediate(callback),
  });
  return { platter, storage };
}

describe('a disk that loses power', () => {
  it('keeps every write that it reported, and only sectors of those that it did not', async () => {
    let lost = 0;
    for (let seed = 0n; seed < 40n; seed += 1n) {
      const { platter, storage } = disk(seed);
      const reported = new Set<number>();
      for (let place = 0; place < 16; place += 1) {
        storage.write('blocks', place * 4 * SECTOR_SIZE, sector(place + 1, 4), () => {
          reported.add(place);
        });
      }
      const turns = Number(seed % 5n);
      for (let turn = 0; turn < turns; turn += 1) await new Promise((r) => setImmediate(r));
      const kept = new Set(reported);
      await storage.cutPower();
      expect(reported).toEqual(kept);
      for (let place = 0; place < 16; place += 1) {
        const at = place * 4 * SECTOR_SIZE;
        const found = [0, 1, 2, 3].map((index) => platter.bytes[at + index * SECTOR_SIZE]);
        if (kept.has(place)) expect(found).toEqual(Array(4).fill(place + 1));
        else expect(found.every((byte) => byte === 0 || byte === place + 1)).toBe(true);
      }
      lost += storage.lost();
    }
    expect(lost).toBeGreaterThan(40);
  });

  it('reads what is still in its cache', async () => {
    const { storage } = disk(3n);
    storage.write('blocks', SECTOR_SIZE, sector(7).subarray(0, 10), () => {});
    const bytes = await new Promise<Uint8Array | null>((resolve) =>
      storage.read('blocks', 0, 3 * SECTOR_SIZE, resolve),
    );
    expect(bytes?.[SECTOR_SIZE]).toBe(7);
    expect(bytes?.[SECTOR_SIZE + 10]).toBe(0);
    expect(bytes?.[0]).toBe(0);
  });

  it('answers nothing any more', async () => {
    const { storage } = disk(4n);
    await storage.cutPower();
    let answers = 0;
    storage.write('blocks', 0, sector(1), () => {
      answers += 1;
    });
    storage.read('blocks', 0, SECTOR_SIZE, () => {
      answers += 1;
    });
    for (let turn = 0; turn < 10; turn += 1) await new Promise((r) => setImmediate(r));
    expect(answers).toBe(0);
  });
});
