import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKernel } from '@kimberlite/kernel';
import { zoneOffset } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readerOf, withDataFile } from '../inspect/data-file-reader.ts';
import { readTree } from '../inspect/read-tree.ts';
import { sourceOf } from '../survivor/recover-survivor.ts';
import { planOf } from '../survivor/survivor-plan.ts';
import { failingFile } from '../testing/failing-file.ts';
import { CONFIG_SMALL, fill, formatSolo, startSolo } from '../testing/solo-file.ts';
import { type ClusterSource, makeCluster, type NewCluster } from './make-cluster.ts';

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-make-cluster-'));
/** What a real replica left behind; nobody changes it. */
const original = join(directory, 'original.data');
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
function sourceWithout(address: number): ClusterSource {
  const { needed } = addresses();
  const file = readerOf(failingFile(original, START + (address - 1) * blockSize));
  return {
    ...sourceOf(file, { plan: planOf(file, () => {}), needed, makeMachine: createKernel }),
    onDamage: (message) => {
      throw new Error(message);
    },
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
    const op = await makeCluster(sourceWithout(free), cluster);
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
    await expect(makeCluster(sourceWithout(first), cluster)).rejects.toMatchObject({
      code: 'io_failed',
    });
    expect(existsSync(join(cluster.directory, 'replica-0.data'))).toBe(false);
  });
});
