import { openSync } from 'node:fs';
import { CONFIG_SIMULATION, SECTOR_SIZE, zoneOffset } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultyCalls } from '../testing/faulty-calls.ts';
import { pattern, readFrom, StorageFixture, writeTo } from '../testing/storage-fixture.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';
import { IO_MODES, ioFlags } from './io-mode.ts';

const config = CONFIG_SIMULATION;
const length = config.walSlots * config.messageSizeMax;
const log = pattern(length, 5);
let fixture: StorageFixture;

beforeEach(async () => {
  fixture = await StorageFixture.make();
  await writeTo(fixture.open(), 'wal_prepares', 0, log);
});
afterEach(() => fixture.close());

describe('FileStorage, of a long piece of the log', () => {
  it.each(IO_MODES)('reads many at once, each into memory of its own, in mode %s', async (mode) => {
    const storage = fixture.openWith(openSync(fixture.path, 2 | ioFlags(mode)), mode);
    // More than one chunk of memory.
    const reads = Array.from({ length: 100 }, () => readFrom(storage, 'wal_prepares', 0, length));
    const pieces = await Promise.all(reads);
    for (const bytes of pieces) expect(bytes).toEqual(log);
    pieces[0]?.fill(0);
    expect(pieces[1]).toEqual(log);
  });

  it('reads all but the sector that the device does not give, and zeros there', async () => {
    const bad = zoneOffset(config, 'wal_prepares') + 5 * SECTOR_SIZE;
    const calls: FileCalls = {
      ...systemCalls,
      read: (fd, bytes, position, done) => {
        if (position > bad || position + bytes.length <= bad) {
          systemCalls.read(fd, bytes, position, done);
          return;
        }
        bytes.fill(0xff);
        setImmediate(() => done(Object.assign(new Error('bad'), { code: 'EIO' }), 0));
      },
    };
    const bytes = await readFrom(fixture.open(calls), 'wal_prepares', 0, length);
    const expected = log.slice();
    expected.fill(0, 5 * SECTOR_SIZE, 6 * SECTOR_SIZE);
    expect(bytes).toEqual(expected);
  });

  it('reads on when the system transfers less than asked', async () => {
    const calls = new FaultyCalls(() => ({ kind: 'short' }));
    const bytes = await readFrom(fixture.open(calls), 'wal_prepares', 0, length);
    expect(bytes).toEqual(log);
    expect(calls.count('short')).toBeGreaterThanOrEqual(10);
  });

  it('reads it through a buffer where the system has no addresses left', async () => {
    const storage = fixture.open();
    let asked = 0;
    class Memory {
      constructor() {
        asked += 1;
        throw new RangeError('could not allocate memory');
      }
    }
    vi.stubGlobal('WebAssembly', { Memory });
    try {
      expect(await readFrom(storage, 'wal_prepares', 0, length)).toEqual(log);
      expect(await readFrom(storage, 'wal_prepares', 0, length)).toEqual(log);
    } finally {
      vi.unstubAllGlobals();
    }
    expect(asked).toBe(1);
  });
});
