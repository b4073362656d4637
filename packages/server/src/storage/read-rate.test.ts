import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SCRUB_DEFAULT } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scrubPace } from '../scrub-pace.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import type { FileCalls } from './file-calls.ts';
import { systemCalls } from './file-calls.ts';
import { measureReadRate } from './read-rate.ts';

const SIZE = 3 * 1024 * 1024;

let directory: ReturnType<typeof temporaryDirectory>;
let fd: number;

beforeEach(() => {
  directory = temporaryDirectory();
  const path = join(directory.path, 'file');
  writeFileSync(path, new Uint8Array(SIZE));
  fd = openSync(path, 'r');
});
afterEach(() => {
  closeSync(fd);
  directory.remove();
});

describe('the read rate of a disk', () => {
  it('is measured on the file, and no further than its end', async () => {
    const positions: number[] = [];
    const calls: FileCalls = {
      ...systemCalls,
      read: (handle, bytes, position, done) => {
        positions.push(position);
        systemCalls.read(handle, bytes, position, done);
      },
    };
    const rate = await measureReadRate({ fd, size: SIZE }, calls);
    expect(rate).toBeGreaterThan(0);
    expect(Math.max(...positions)).toBeLessThan(SIZE);
  });

  it('is unknown where the device fails', async () => {
    const calls: FileCalls = {
      ...systemCalls,
      read: (_handle, _bytes, _position, done) => done(new Error('EIO'), 0),
    };
    expect(await measureReadRate({ fd, size: SIZE }, calls)).toBeNull();
  });
});

describe('the pace of the scrubber', () => {
  it('is a tour in the time that is configured, and a tenth of the disk', () => {
    const pace = scrubPace({ tourSeconds: 3600, readRate: 500_000_000 });
    expect(pace).toEqual({ tourTicks: 360_000, bytesPerTick: 500_000 });
    expect(scrubPace({ tourSeconds: 86_400, readRate: null })).toEqual(SCRUB_DEFAULT);
    expect(scrubPace({ tourSeconds: 1, readRate: 1 }).bytesPerTick).toBe(1);
  });
});
