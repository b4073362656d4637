import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { StagingPool } from './aligned-memory.ts';
import { INLINE_BYTES_MAX, InlineWriter, PAUSE_MILLIS, SLOW_MILLIS } from './inline-write.ts';
import { IoQueue, type Operation } from './io-queue.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let fd: number;
let millis: number;
let queued: Operation[];
let queue: IoQueue;
let events: string[];

/** The queue only records what it is given: nothing of it ever completes by itself. */
function makeWriter(now: () => number = () => millis, file: number = fd): InlineWriter {
  const observer = { onIo: (): void => {} };
  const pool = new StagingPool({ count: 2, bufferSize: INLINE_BYTES_MAX });
  const step = (operation: Operation): void => void queued.push(operation);
  queue = new IoQueue({ pool, backgroundMax: 1, step, observer });
  return new InlineWriter({ fd: file, mode: 'dsync', queue, pool, observer, now });
}

function operation(name: string, finish: () => void = () => {}): Operation {
  return {
    kind: 'write',
    background: false,
    position: 0,
    length: INLINE_BYTES_MAX,
    bytes: new TextEncoder().encode(name),
    progress: 0,
    retries: 0,
    startedAt: 0,
    finish: (): void => {
      events.push(`${name} finished`);
      finish();
    },
    growth: null,
  };
}

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'file');
  writeFileSync(path, Buffer.alloc(2 * INLINE_BYTES_MAX, 0xff));
  fd = openSync(path, 'r+');
  millis = 0;
  queued = [];
  events = [];
});
afterEach(() => {
  closeSync(fd);
  directory.remove();
});

describe('InlineWriter', () => {
  it('writes a lone small body after the turn, padded with zeros', async () => {
    const writer = makeWriter();
    expect(writer.accepts('wal_prepares', INLINE_BYTES_MAX)).toBe(true);
    writer.post(operation('body'));
    expect(events).toEqual([]);
    await turn();
    expect(events).toEqual(['body finished']);
    const sector = readFileSync(path).subarray(0, INLINE_BYTES_MAX);
    expect(sector.subarray(0, 4).toString()).toBe('body');
    expect(sector.subarray(4).every((byte) => byte === 0)).toBe(true);
    expect(queued).toEqual([]);
  });

  it('takes a header right behind such a body, in the same turn, and no other header', async () => {
    const writer = makeWriter();
    expect(writer.accepts('wal_headers', INLINE_BYTES_MAX)).toBe(false);
    writer.post(
      operation('body', () => {
        expect(writer.accepts('wal_headers', INLINE_BYTES_MAX)).toBe(true);
        writer.post(operation('header'));
        events.push('header posted');
      }),
    );
    await turn();
    expect(events).toEqual(['body finished', 'header posted', 'header finished']);
  });

  it('leaves alone what is longer, not of the log, or not the only one', () => {
    const writer = makeWriter();
    expect(writer.accepts('wal_prepares', INLINE_BYTES_MAX + 4096)).toBe(false);
    expect(writer.accepts('blocks', INLINE_BYTES_MAX)).toBe(false);
    expect(writer.accepts('superblock', INLINE_BYTES_MAX)).toBe(false);
    queue.push(operation('other'));
    expect(writer.accepts('wal_prepares', INLINE_BYTES_MAX)).toBe(false);
  });

  it('hands the write over when another one came meanwhile', async () => {
    const writer = makeWriter();
    writer.post(operation('body'));
    expect(writer.accepts('wal_prepares', INLINE_BYTES_MAX)).toBe(false);
    queue.push(operation('other'));
    await turn();
    expect(events).toEqual([]);
    expect(queued.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['other', 'body']);
  });

  it('trusts no disk with the loop for a while after a slow write', async () => {
    // Each look at the clock is a little over the limit later than the one before.
    let step = SLOW_MILLIS + 1;
    const writer = makeWriter(() => (millis += step));
    writer.post(operation('body'));
    await turn();
    expect(events).toEqual(['body finished']);
    step = 0;
    expect(writer.accepts('wal_prepares', INLINE_BYTES_MAX)).toBe(false);
    millis += PAUSE_MILLIS;
    expect(writer.accepts('wal_prepares', INLINE_BYTES_MAX)).toBe(true);
  });

  it('leaves a failed write to the queue, which decides about it', async () => {
    const closed = openSync(path, 'r');
    const writer = makeWriter(() => millis, closed);
    writer.post(operation('body'));
    await turn();
    closeSync(closed);
    expect(events).toEqual([]);
    expect(queued).toHaveLength(1);
  });

  it('hands over what it holds when it is closed', async () => {
    const writer = makeWriter();
    writer.post(operation('body'));
    writer.close();
    await turn();
    expect(events).toEqual([]);
    expect(queued).toHaveLength(1);
  });
});
