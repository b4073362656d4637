import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import { checkpointDeadline } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, type TestContext, vi } from 'vitest';
import { DISK_CONFIG, DISK_REPLICAS, DiskCluster } from '../support/disk-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const VALUE_SIZE = 40_000;
const PATIENCE_MILLIS = 60_000;
/** A file has 6 MiB when it is new, and a checkpoint of such values some MiB. */
const SMALL_MIB = 7;
const LARGE_MIB = 64;

let directory: ReturnType<typeof temporaryDirectory>;
let disks: DiskCluster | null;
let mounts: string[];

beforeEach(() => {
  directory = temporaryDirectory();
  disks = null;
  mounts = [];
});
afterEach(async () => {
  await disks?.cluster.stopAll();
  for (const mount of mounts) spawnSync('umount', [mount]);
  directory.remove();
});

function isMounted(place: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', place]).status === 0;
}

/** Three replicas, of which these have a small file system of their own. */
async function withSmallDisks(
  slots: readonly number[],
  context: TestContext,
): Promise<DiskCluster> {
  for (const slot of slots) {
    const place = join(directory.path, `small-${slot}`);
    mkdirSync(place);
    if (!isMounted(place, `size=${SMALL_MIB}m`)) {
      context.skip('mounting a small file system takes root');
    }
    mounts.push(place);
  }
  disks = await DiskCluster.start(directory.path, {
    pathOf: (slot) => {
      return slots.includes(slot) ? join(directory.path, `small-${slot}`, `${slot}.data`) : null;
    },
  });
  return disks;
}

function makeRoom(): void {
  for (const mount of mounts) {
    expect(isMounted(mount, `remount,size=${LARGE_MIB}m`)).toBe(true);
  }
}

/** Whether so many replicas say that blocks wait for room. */
function areFull(cluster: DiskCluster, count: number): boolean {
  return cluster.statuses().filter(({ dataFile }) => dataFile.waitingBytes > 0).length === count;
}

/** Whether the primary has a request that has to wait for its next checkpoint. */
function doCommitsStand(cluster: DiskCluster): boolean {
  const { checkpointInterval } = DISK_CONFIG;
  return cluster.statuses().some(({ state }) => {
    const last = state.checkpointOp + checkpointInterval + checkpointDeadline(DISK_CONFIG);
    return state.isPrimary && state.queueLength > 0 && state.commitMin === last;
  });
}

function waitFor(cluster: DiskCluster, what: string, condition: () => boolean): Promise<true> {
  return until(() => (condition() ? true : null), {
    within: PATIENCE_MILLIS,
    what,
    explain: () => cluster.describe(),
  });
}

async function expectNothingLost(cluster: DiskCluster): Promise<void> {
  await cluster.healthy();
  expect(await cluster.lost()).toEqual([]);
  expect(cluster.cluster.fatal).toEqual([]);
  await cluster.cluster.stopAll();
  expect(cluster.checkpoints()).toEqual(Array(DISK_REPLICAS).fill(cluster.checkpoints()[0]));
}

describe('a file system without space', () => {
  it('of one replica: the others go on, and it catches up when there is room', async (context) => {
    const cluster = await withSmallDisks([1], context);
    while (!areFull(cluster, 1) && cluster.acknowledged.size < 300) {
      await cluster.write(10, VALUE_SIZE);
    }
    const full = cluster.logged('the disk is full: the checkpoint waits for room');
    expect(full).toMatchObject([{ level: 'error', replica: 1 }]);
    expect(cluster.logged('no room for the data file to grow').length).toBeLessThanOrEqual(1);
    await cluster.write(2 * DISK_CONFIG.walSlots);
    makeRoom();
    await waitFor(cluster, 'no block waits', () => areFull(cluster, 0));
    await cluster.healthy();
    expect(cluster.logged('the data file grows again')).toMatchObject([{ replica: 1 }]);
    await expectNothingLost(cluster);
  });

  it('of all: writes wait, reads go on, and all goes on when there is room', async (context) => {
    const all = Array.from({ length: DISK_REPLICAS }, (_, slot) => slot);
    const cluster = await withSmallDisks(all, context);
    const endpoints = cluster.cluster.replicas.flatMap((replica) => {
      return replica === null ? [] : [formatAddress(replica.clientAddress)];
    });
    const writer = new Client({ endpoints, requestTimeout: PATIENCE_MILLIS });
    try {
      const put = async (turn: number): Promise<void> => {
        const [key, value] = [`large ${turn}`, `${turn} `.padEnd(VALUE_SIZE, '.')];
        await writer.put(key, value);
        cluster.acknowledged.set(key, value);
      };
      let waiting: Promise<void> | null = null;
      for (let turn = 0; turn < 300 && waiting === null; turn += 1) {
        let isAnswered = false;
        const next = put(turn).finally(() => {
          isAnswered = true;
        });
        await waitFor(cluster, 'an answer, or commits that stand', () => {
          return isAnswered || doCommitsStand(cluster);
        });
        if (isAnswered) await next;
        else waiting = next;
      }
      expect(waiting).not.toBeNull();
      await waitFor(cluster, 'three full disks', () => areFull(cluster, DISK_REPLICAS));
      const views = cluster.statuses().map(({ state }) => state.view);
      expect(await cluster.lost()).toEqual([]);
      expect(cluster.statuses().map(({ state }) => state.view)).toEqual(views);
      expect(cluster.logged('primary gives way')).toEqual([]);
      makeRoom();
      await waiting;
    } finally {
      await writer.close();
    }
    await waitFor(cluster, 'no block waits', () => areFull(cluster, 0));
    await expectNothingLost(cluster);
  });
});
