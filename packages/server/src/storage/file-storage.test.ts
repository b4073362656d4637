import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { CONFIG_SIMULATION, Prng, SECTOR_SIZE, zoneOffset } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerFault } from '../errors.ts';
import { FaultyCalls } from '../testing/faulty-calls.ts';
import { pattern, readFrom, StorageFixture, writeTo } from '../testing/storage-fixture.ts';
import type { GrowthResult } from './block-room.ts';
import { BLOCK_AREA_INITIAL } from './data-file-format.ts';
import type { FileCalls } from './file-calls.ts';
import { FileStorage } from './file-storage.ts';
import { IO_MODES, type IoMode, ioFlags, openBestMode } from './io-mode.ts';

const config = CONFIG_SIMULATION;
/** Bytes that are written in one call, at most. */
const bufferSize = Math.max(config.messageSizeMax, 64 * 1024);
let fixture: StorageFixture;
let path: string;
let fatal: ServerFault[];

beforeEach(async () => {
  fixture = await StorageFixture.make();
  ({ path, fatal } = fixture);
});
afterEach(() => fixture.close());

function openWith(
  fd: number,
  mode: IoMode,
  calls?: FileCalls,
  onGrowth?: (result: GrowthResult) => void,
): FileStorage {
  return fixture.openWith(fd, mode, calls, onGrowth);
}

describe('FileStorage', () => {
  it('writes to its zone in the file and pads the last sector with zeros', async () => {
    const storage = fixture.open();
    await writeTo(storage, 'wal_prepares', 8192, new Uint8Array(SECTOR_SIZE).fill(0xff));
    await writeTo(storage, 'wal_prepares', 8192, pattern(100, 3));
    const at = zoneOffset(config, 'wal_prepares') + 8192;
    const sector = readFileSync(path).subarray(at, at + SECTOR_SIZE);
    expect(new Uint8Array(sector.subarray(0, 100))).toEqual(pattern(100, 3));
    expect(sector.subarray(100).every((byte) => byte === 0)).toBe(true);
  });

  it('takes bytes at any address in memory, longer than a staging buffer too', async () => {
    const storage = fixture.open();
    const memory = pattern(300_001, 1);
    const bytes = memory.subarray(1);
    await writeTo(storage, 'blocks', 0, bytes);
    const length = Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE;
    const back = await readFrom(storage, 'blocks', 0, length);
    expect(back?.subarray(0, bytes.length)).toEqual(bytes);
    expect(back?.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);
  });

  for (const mode of IO_MODES) {
    it(`reads back what it wrote, whatever is in flight at once, in mode ${mode}`, async () => {
      const storage = openWith(openSync(path, 2 | ioFlags(mode)), mode);
      const prng = new Prng(11n);
      const written: Promise<void>[] = [];
      const expected: Uint8Array[] = [];
      for (let slot = 0; slot < config.walSlots; slot += 1) {
        const bytes = pattern(prng.between(1, config.messageSizeMax), slot);
        expected.push(bytes);
        written.push(writeTo(storage, 'wal_prepares', slot * config.messageSizeMax, bytes));
        written.push(writeTo(storage, 'blocks', slot * 8192, bytes));
      }
      await Promise.all(written);
      for (const [slot, bytes] of expected.entries()) {
        const wal = await readFrom(storage, 'wal_prepares', slot * config.messageSizeMax, 4096);
        const block = await readFrom(storage, 'blocks', slot * 8192, 4096);
        expect(wal?.subarray(0, bytes.length)).toEqual(bytes);
        expect(block?.subarray(0, bytes.length)).toEqual(bytes);
      }
    });
  }

  it('never completes before the call has returned', async () => {
    const storage = fixture.open();
    let returned = false;
    const done = new Promise<boolean>((resolve) => {
      storage.write('superblock', 0, pattern(10, 0), () => resolve(returned));
    });
    returned = true;
    expect(await done).toBe(true);
  });

  it('lets WAL writes pass block writes that wait for a thread', async () => {
    const storage = fixture.open();
    const order: string[] = [];
    const all: Promise<void>[] = [];
    for (let block = 0; block < 200; block += 1) {
      all.push(
        writeTo(storage, 'blocks', block * 4096, pattern(4096, block)).then(() => {
          order.push('block');
        }),
      );
    }
    all.push(
      writeTo(storage, 'wal_prepares', 0, pattern(10, 0)).then(() => void order.push('wal')),
    );
    await Promise.all(all);
    // At most the eight blocks in flight and those that followed on their threads were before it.
    expect(order.indexOf('wal')).toBeLessThan(100);
  });

  it('grows the block area by written megabytes and keeps what was there', async () => {
    const storage = fixture.open();
    const first = storage.fileSize();
    await writeTo(storage, 'blocks', 0, pattern(4096, 1));
    // Far beyond the end: waits for the growth, then is written.
    const far = 3 * BLOCK_AREA_INITIAL;
    await writeTo(storage, 'blocks', far, pattern(4096, 2));
    expect(storage.fileSize()).toBeGreaterThanOrEqual(first + 2 * BLOCK_AREA_INITIAL);
    expect(await readFrom(storage, 'blocks', 0, 4096)).toEqual(pattern(4096, 1));
    expect(await readFrom(storage, 'blocks', far, 4096)).toEqual(pattern(4096, 2));
    const between = await readFrom(storage, 'blocks', far - 4096, 4096);
    expect(between?.every((byte) => byte === 0)).toBe(true);
    await storage.close();
    expect(statSync(path).size).toBe(storage.fileSize());
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(storage.fileSize());
  });

  it('says that there is no room ahead of need, and when there is again', async () => {
    const size = statSync(path).size;
    let isFull = true;
    const calls = new FaultyCalls(({ kind, position, length }) => {
      const beyond = kind === 'write' && position + length > size;
      return beyond && isFull ? { kind: 'error', code: 'ENOSPC' } : null;
    });
    const { fd, mode } = openBestMode(path, { create: false });
    const results: GrowthResult[] = [];
    let told: (result: GrowthResult) => void = () => {};
    const storage = openWith(fd, mode, calls, (result) => {
      results.push(result);
      told(result);
    });
    const next = (): Promise<GrowthResult> => new Promise((resolve) => (told = resolve));
    const last = size - zoneOffset(config, 'blocks') - SECTOR_SIZE;
    for (let turn = 1; turn <= 2; turn += 1) {
      const refused = next();
      await writeTo(storage, 'blocks', last, pattern(SECTOR_SIZE, turn));
      expect(await refused).toBe('refused');
    }
    isFull = false;
    const grown = next();
    await writeTo(storage, 'blocks', last, pattern(SECTOR_SIZE, 3));
    expect(await grown).toBe('grown');
    expect(results).toEqual(['refused', 'refused', 'grown']);
    expect(storage.fileSize()).toBeGreaterThan(size);
    expect(await readFrom(storage, 'blocks', last, SECTOR_SIZE)).toEqual(pattern(SECTOR_SIZE, 3));
    expect(fatal).toEqual([]);
  });

  /** A file on a file system with room for so many bytes of it, which a test may change. */
  function onSmallDisk(roomOf: () => number): {
    readonly storage: FileStorage;
    readonly results: GrowthResult[];
    /** After that many more growths, with what each came to. */
    readonly growths: (count: number) => Promise<void>;
  } {
    const calls = new FaultyCalls(({ kind, position, length }) => {
      const isBeyond = kind === 'write' && position + length > roomOf();
      return isBeyond ? { kind: 'error', code: 'ENOSPC' } : null;
    });
    const { fd, mode } = openBestMode(path, { create: false });
    const results: GrowthResult[] = [];
    let told = (): void => {};
    const storage = openWith(fd, mode, calls, (result) => {
      results.push(result);
      told();
    });
    const growths = (count: number): Promise<void> => {
      const end = results.length + count;
      return new Promise((resolve) => {
        told = (): void => {
          if (results.length >= end) resolve();
        };
      });
    };
    return { storage, results, growths };
  }

  it('keeps blocks waiting while the disk is full, and the log going', async () => {
    const size = statSync(path).size;
    let room = size;
    const { storage, results, growths } = onSmallDisk(() => room);
    const order: number[] = [];
    const blocksEnd = size - zoneOffset(config, 'blocks');
    const put = (index: number): Promise<void> => {
      const offset = blocksEnd + index * SECTOR_SIZE;
      return writeTo(storage, 'blocks', offset, pattern(SECTOR_SIZE, index)).then(() => {
        order.push(index);
      });
    };
    const tried = growths(3);
    const all = [put(0), put(1), put(2)];
    await tried;
    expect(storage.waitingBytes()).toBe(3 * SECTOR_SIZE);
    expect(new Set(results)).toEqual(new Set(['refused']));
    // What has its place already does not wait behind them.
    await writeTo(storage, 'wal_prepares', 0, pattern(10, 1));
    await writeTo(storage, 'superblock', 0, pattern(10, 1));
    await writeTo(storage, 'blocks', 0, pattern(SECTOR_SIZE, 9));
    expect(order).toEqual([]);
    expect(fatal).toEqual([]);
    room = Number.MAX_SAFE_INTEGER;
    await Promise.all(all);
    expect(storage.waitingBytes()).toBe(0);
    expect(results.at(-1)).toBe('grown');
    for (const index of [0, 1, 2]) {
      const offset = blocksEnd + index * SECTOR_SIZE;
      const bytes = await readFrom(storage, 'blocks', offset, SECTOR_SIZE);
      expect(bytes).toEqual(pattern(SECTOR_SIZE, index));
    }
  });

  it('uses the last of the room for the first that waits', async () => {
    const size = statSync(path).size;
    let room = size + bufferSize;
    const { storage, results } = onSmallDisk(() => room);
    const blocksEnd = size - zoneOffset(config, 'blocks');
    const first = writeTo(storage, 'blocks', blocksEnd, pattern(SECTOR_SIZE, 1));
    const second = writeTo(storage, 'blocks', blocksEnd + bufferSize, pattern(SECTOR_SIZE, 2));
    await first;
    expect(new Set(results)).toEqual(new Set(['refused']));
    expect(storage.waitingBytes()).toBe(SECTOR_SIZE);
    expect(storage.fileSize()).toBe(room);
    room = Number.MAX_SAFE_INTEGER;
    await second;
    expect(storage.fileSize()).toBeGreaterThan(size + bufferSize);
    const bytes = await readFrom(storage, 'blocks', blocksEnd, SECTOR_SIZE);
    expect(bytes).toEqual(pattern(SECTOR_SIZE, 1));
  });

  it('can be closed while blocks wait for room: they are given up', async () => {
    const size = statSync(path).size;
    const { storage, growths } = onSmallDisk(() => size);
    let done = false;
    const refused = growths(1);
    const end = size - zoneOffset(config, 'blocks');
    storage.write('blocks', end, pattern(SECTOR_SIZE, 1), () => {
      done = true;
    });
    await refused;
    await storage.close();
    expect(done).toBe(false);
    expect(statSync(path).size).toBe(size);
    expect(fatal).toEqual([]);
  });

  it('goes on after a growth that was cut short at any byte', async () => {
    truncateSync(path, zoneOffset(config, 'blocks') + 10_000);
    const storage = fixture.open();
    await writeTo(storage, 'blocks', 8192, pattern(4096, 9));
    expect(await readFrom(storage, 'blocks', 8192, 4096)).toEqual(pattern(4096, 9));
  });

  it('answers null where nothing is to be read', async () => {
    const storage = fixture.open();
    expect(await readFrom(storage, 'blocks', 100 * BLOCK_AREA_INITIAL, 4096)).toBeNull();
  });

  it('answers null when the device fails a read', async () => {
    const storage = openWith(openSync(fixture.directory.path, 'r'), 'dsync');
    expect(await readFrom(storage, 'superblock', 0, 4096)).toBeNull();
  });

  it('gives what stands beside a sector that the device does not give', async () => {
    const bad = zoneOffset(config, 'superblock') + 5 * SECTOR_SIZE;
    const calls = new FaultyCalls(({ kind, position, length }) => {
      if (kind !== 'read' || position > bad || position + length <= bad) return null;
      return { kind: 'error', code: 'EIO' };
    });
    const { fd, mode } = openBestMode(path, { create: false });
    const storage = openWith(fd, mode, calls);
    const bytes = await readFrom(storage, 'superblock', 0, 16 * SECTOR_SIZE);
    const expected = new Uint8Array(readFileSync(path).subarray(0, 16 * SECTOR_SIZE));
    expected.fill(0, 5 * SECTOR_SIZE, 6 * SECTOR_SIZE);
    expect(bytes).toEqual(expected);
    expect(calls.count('error')).toBe(2);
    expect(await readFrom(storage, 'superblock', 5 * SECTOR_SIZE, SECTOR_SIZE)).toBeNull();
    expect(await readFrom(storage, 'superblock', 6 * SECTOR_SIZE, SECTOR_SIZE)).not.toBeNull();
  });

  it('goes on with what is left when the system transfers less than asked', async () => {
    const calls = new FaultyCalls(() => ({ kind: 'short' }));
    const { fd, mode } = openBestMode(path, { create: false });
    const storage = openWith(fd, mode, calls);
    await writeTo(storage, 'blocks', 0, pattern(20_000, 4));
    const bytes = await readFrom(storage, 'blocks', 0, 5 * SECTOR_SIZE);
    expect(bytes?.subarray(0, 20_000)).toEqual(pattern(20_000, 4));
    expect(calls.count('short')).toBeGreaterThanOrEqual(10);
  });

  it('ends everything at a failed sync, and never syncs again', async () => {
    const calls = new FaultyCalls(({ kind }) => {
      return kind === 'sync' ? { kind: 'error', code: 'EIO' } : null;
    });
    const storage = openWith(openSync(path, 'r+'), 'write_fdatasync', calls);
    let completed = false;
    storage.write('wal_prepares', 0, pattern(10, 1), () => {
      completed = true;
    });
    await storage.close();
    expect(fatal).toMatchObject([{ code: 'write_failed', exitCode: 31 }]);
    expect(calls.count('error')).toBe(1);
    expect(completed).toBe(false);
  });

  it('ends everything at a failed write, and completes nothing afterwards', async () => {
    const fd = openSync(path, 'r');
    const died = Promise.withResolvers<ServerFault>();
    const storage = new FileStorage({
      fd,
      path,
      mode: 'dsync',
      size: statSync(path).size,
      config,
      onFatal: died.resolve,
      observer: { onIo: (): void => {} },
    });
    let completed = 0;
    for (let slot = 0; slot < 4; slot += 1) {
      storage.write('wal_prepares', slot * 4096, pattern(10, 1), () => {
        completed += 1;
      });
    }
    expect(await died.promise).toMatchObject({ code: 'write_failed', exitCode: 31 });
    storage.write('wal_prepares', 0, pattern(10, 1), () => {
      completed += 1;
    });
    await storage.close();
    expect(completed).toBe(0);
    closeSync(fd);
  });

  it('can be closed after a failed write while others are in flight and wait', async () => {
    // More than there are threads, block writes beyond the end among them, and reads.
    const storage = openWith(openSync(path, 'r'), 'write_fdatasync');
    let answered = 0;
    const count = (): void => {
      answered += 1;
    };
    for (let turn = 0; turn < 40; turn += 1) {
      storage.write('wal_prepares', (turn % 32) * 4096, pattern(10, turn), count);
      storage.write('blocks', BLOCK_AREA_INITIAL + turn * 4096, pattern(10, turn), count);
    }
    await storage.close();
    expect(fatal).toMatchObject([{ code: 'write_failed' }]);
    expect(answered).toBe(0);
  });

  it('completes what was taken before a close, and takes nothing after it', async () => {
    const storage = fixture.open();
    let done = 0;
    for (let slot = 0; slot < 8; slot += 1) {
      storage.write('wal_prepares', slot * 4096, pattern(10, slot), () => {
        done += 1;
      });
    }
    await storage.close();
    expect(done).toBe(8);
    storage.write('wal_prepares', 0, pattern(10, 99), () => {
      done += 1;
    });
    await storage.close();
    expect(done).toBe(8);
  });

  it.runIf(process.platform === 'linux')('names a device without space', async () => {
    const fd = openSync('/dev/full', 'r+');
    const died = Promise.withResolvers<ServerFault>();
    const storage = new FileStorage({
      fd,
      path,
      mode: 'dsync',
      size: statSync(path).size,
      config,
      onFatal: died.resolve,
      observer: { onIo: (): void => {} },
    });
    storage.write('wal_prepares', 0, pattern(10, 1), () => {});
    expect(await died.promise).toMatchObject({ code: 'disk_full' });
    closeSync(fd);
  });
});
