import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKernel } from '@kimberlite/kernel';
import { formatDataFile, isFault, lockFile, replayMachineOf } from '@kimberlite/server';
import { zoneOffset } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliError, unwrap } from '../fault.ts';
import { readerOf, withDataFile } from '../inspect/data-file-reader.ts';
import { readTree } from '../inspect/read-tree.ts';
import { ProgressLine } from '../progress.ts';
import { sourceOf } from '../survivor/recover-survivor.ts';
import { planOf } from '../survivor/survivor-plan.ts';
import { capturedIo } from '../testing/captured-io.ts';
import { failingCalls } from '../testing/failing-calls.ts';
import { failingFile } from '../testing/failing-file.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';
import { assertNothingThere, makeCluster } from './make-cluster.ts';
import type { NewCluster } from './new-cluster.ts';
import type { ReplaySource } from './replay-log.ts';

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-make-cluster-'));
/** What a real replica left behind; nobody changes it. */
const original = join(directory, 'original.data');
const progress = new ProgressLine(capturedIo());
const { blockSize } = CONFIG_SMALL;
const START = zoneOffset(CONFIG_SMALL, 'blocks');

beforeAll(async () => {
  await formatSolo(original);
  const replica = await startSolo(original);
  await fill(replica, 20);
  await replica.stop();
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Addresses of the blocks of its checkpoint, and one of which nothing there speaks. */
function addresses(): { readonly needed: ReadonlySet<number>; readonly free: number } {
  const needed = new Set<number>();
  withDataFile(original, (file) => {
    readTree(file, { onFault: () => {}, onBlock: (address) => needed.add(address) });
  });
  expect(needed.size).toBeGreaterThan(2);
  let free = 1;
  while (needed.has(free)) free += 1;
  return { needed, free };
}

/** The original, of which the device refuses a sector within the block at an address. */
function sourceWithout(address: number): ReplaySource {
  const { needed } = addresses();
  const file = readerOf(failingFile(original, START + (address - 1) * blockSize));
  return {
    ...sourceOf(file, { plan: planOf(file, () => {}), needed, makeMachine: createKernel }),
    onDamage: (message) => cliError('damaged', message, 'Take another.'),
  };
}

function wanted(name: string): NewCluster {
  return { cluster: 8n, replicaCount: 1, directory: join(directory, name) };
}

describe('a block that the device refuses', () => {
  it('is zeros where no checkpoint needs it, and all others are what they were', () => {
    const { free } = addresses();
    const blocks = sourceWithout(free).blocks;
    expect(free * blockSize).toBeLessThan(blocks.size);
    const expected = withDataFile(original, (file) => file.read('blocks', 0, blocks.size));
    expected.fill(0, (free - 1) * blockSize, free * blockSize);
    expect(Buffer.compare(blocks.read(0, blocks.size), expected)).toBe(0);
    // However the parts lie that are asked for.
    const from = (free - 1) * blockSize - 4096;
    for (const [at, end] of [
      [Math.max(0, from), (free + 1) * blockSize - 4096],
      [(free - 1) * blockSize + 4096, free * blockSize],
    ] as const) {
      expect(Buffer.compare(blocks.read(at, end - at), expected.subarray(at, end))).toBe(0);
    }
  });

  it('keeps no cluster from being made where no checkpoint needs it', async () => {
    const { free } = addresses();
    const cluster = wanted('free');
    const op = await makeCluster(sourceWithout(free), cluster, { progress });
    expect(op).toBeGreaterThan(0);
    expect(existsSync(join(cluster.directory, 'replica-0.data'))).toBe(true);
  });

  it('is never passed over where the checkpoint needs it', async () => {
    for (const address of addresses().needed) {
      const blocks = sourceWithout(address).blocks;
      expect(() => blocks.read(0, blocks.size), `block ${address}`).toThrow('EIO');
    }
    const [first = 0] = addresses().needed;
    const cluster = wanted('needed');
    await expect(makeCluster(sourceWithout(first), cluster, { progress })).rejects.toMatchObject({
      code: 'io_failed',
    });
    expect(existsSync(join(cluster.directory, 'replica-0.data'))).toBe(false);
  });
});

describe('a disk that fails below a cluster in the making', () => {
  it.each([
    ['refuses writes', 'write', 'EIO', 'write_failed'],
    ['has no room', 'write', 'ENOSPC', 'disk_full'],
    ['refuses reads', 'read', 'EIO', 'io_failed'],
  ] as const)(
    'is not taken for damage of what it is made of: it %s',
    async (_, of, code, fault) => {
      const cluster = wanted(`failing-${fault}`);
      const from = of === 'read' ? START : 0;
      const fileCalls = failingCalls((kind, at) => (kind === of && at >= from ? code : null));
      const making = makeCluster(sourceWithout(addresses().free), cluster, { progress, fileCalls });
      await expect(making).rejects.toMatchObject({ code: fault });
      expect(existsSync(cluster.directory)).toBe(false);
    },
  );

  it('is not waited for without end', async () => {
    const cluster = wanted('hung');
    const fileCalls = failingCalls((kind) => (kind === 'write' ? 'hang' : null));
    const making = makeCluster(sourceWithout(addresses().free), cluster, {
      progress,
      fileCalls,
      stallMillis: 100,
    });
    await expect(making).rejects.toMatchObject({ code: 'io_failed' });
    expect(existsSync(cluster.directory)).toBe(false);
  });

  it('that has lost a block is told from a state that is damaged', async () => {
    const cluster = wanted('rotten');
    const { free } = addresses();
    const { blocks, ...source } = sourceWithout(free);
    const rotten = { ...blocks, read: (_: number, length: number) => new Uint8Array(length) };
    const making = makeCluster({ ...source, blocks: rotten }, cluster, { progress });
    await expect(making).rejects.toMatchObject({ code: 'damaged' });
    expect(existsSync(cluster.directory)).toBe(false);
  });
});

describe('what an interrupted command has left', () => {
  function leave(name: string, ...names: readonly string[]): NewCluster {
    const cluster = { ...wanted(name), replicaCount: 3 };
    mkdirSync(cluster.directory);
    for (const each of names) writeFileSync(join(cluster.directory, each), 'x');
    return cluster;
  }

  async function formatUnfinished(path: string): Promise<void> {
    const sizes = { config: CONFIG_SMALL, cluster: 8n, slot: 0, replicaCount: 3 };
    unwrap(await formatDataFile({ path, stateMachine: replayMachineOf(createKernel()), ...sizes }));
  }

  it('is named, and stays', async () => {
    const cluster = leave('left', 'replica-5.data.partial', 'replay.tmp', 'replica-0.data');
    await expect(assertNothingThere(cluster)).rejects.toMatchObject({
      code: 'data_file_unfinished',
      message: expect.stringMatching(/has replay.tmp, replica-5.data.partial, left by/),
    });
    expect(readdirSync(cluster.directory)).toHaveLength(3);
  });

  it('may be files with names beside files without; a stranger is not among them', async () => {
    const names = ['replica-1.data', 'replica-2.data.partial'];
    const cluster = leave('named', ...names);
    await formatUnfinished(join(cluster.directory, 'replica-0.data'));
    await expect(assertNothingThere(cluster)).rejects.toMatchObject({
      code: 'data_file_unfinished',
      message: expect.stringContaining('has replica-2.data.partial, replica-0.data, left'),
      remedy: expect.stringMatching(/^Nothing was touched. Nothing depends on them: delete/),
    });
  });

  it('may be finished files beside unfinished ones, and one of these may have run', async () => {
    const cluster = leave('finishing', 'replica-0.data', 'replica-7.data');
    for (const slot of [1, 2]) {
      await formatUnfinished(join(cluster.directory, `replica-${slot}.data`));
    }
    await expect(assertNothingThere(cluster)).rejects.toMatchObject({
      code: 'data_file_unfinished',
      message: expect.stringContaining('has replica-1.data, replica-2.data, replica-0.data, left'),
      remedy: expect.stringContaining('Unless a replica has run on one of them'),
    });
  });

  it('is told from what another one is making', async () => {
    const cluster = leave('locked', 'replay.tmp');
    const path = join(cluster.directory, 'replay.tmp');
    const fd = openSync(path, 'r');
    const lock = await lockFile(fd, path);
    if (isFault(lock)) throw new Error(lock.message);
    await expect(assertNothingThere(cluster)).rejects.toMatchObject({ code: 'data_file_locked' });
    lock.release();
    closeSync(fd);
  });
});
