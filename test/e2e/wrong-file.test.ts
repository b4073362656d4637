import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { createKernel } from '@kimberlite/kernel';
import { ERRORS, formatDataFile, isFault } from '@kimberlite/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TEST_CLUSTER } from '../../packages/server/src/testing/test-cluster.ts';
import { DISK_CONFIG, DISK_REPLICAS, DiskCluster } from '../support/disk-cluster.ts';
import { recoverMember } from '../support/recover-member.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SLOT = 1;

let directory: ReturnType<typeof temporaryDirectory>;
let disks: DiskCluster;

beforeEach(async () => {
  directory = temporaryDirectory();
  disks = await DiskCluster.start(directory.path);
});
afterEach(async () => {
  await disks.cluster.stopAll();
  directory.remove();
});

/** Replaces the data file of SLOT by one that was formatted anew. */
async function formatAnew(config = DISK_CONFIG): Promise<void> {
  const path = disks.cluster.path(SLOT);
  renameSync(path, `${path}.lost`);
  const made = await formatDataFile({
    path,
    config,
    stateMachine: createKernel(),
    cluster: TEST_CLUSTER,
    slot: SLOT,
    replicaCount: DISK_REPLICAS,
  });
  if (isFault(made)) throw new Error(made.message);
}

describe('a data file that is not the one which made the promises', () => {
  it.each([
    ['after', 20],
    ['before', 0],
  ])(
    'formatted anew %s the first write, is refused even by restarted peers; its own is welcome',
    async (_, writes) => {
      await disks.write(writes);
      await disks.cluster.stopAll();
      await formatAnew();
      await disks.cluster.startAll();
      const fault = await disks.fatal();
      expect(fault).toMatchObject({ code: 'data_file_replaced' });
      expect(fault.message).toContain('nothing was ever written to this one');
      expect(fault.exitCode).toBe(ERRORS.data_file_replaced.exitCode);
      await disks.cluster.stop(SLOT);
      await disks.write(20);
      const path = disks.cluster.path(SLOT);
      rmSync(path);
      renameSync(`${path}.lost`, path);
      await disks.cluster.start(SLOT);
      await disks.healthy();
      expect(await disks.lost()).toEqual([]);
    },
  );

  it('made by a `recover` that a newer one has replaced, says so though it never ran', async () => {
    await disks.write(5);
    await disks.cluster.stop(SLOT);
    const path = disks.cluster.path(SLOT);
    renameSync(path, `${path}.lost`);
    const first = await recoverMember(disks.cluster, { slot: SLOT, path });
    expect(first).toMatchObject({ code: 0 });
    expect(first.out).toMatch(/\nThis file alone counts now: .* earlier `recover` .* void\.\n/);
    renameSync(path, `${path}.first`);
    expect(await recoverMember(disks.cluster, { slot: SLOT, path })).toMatchObject({ code: 0 });
    renameSync(path, `${path}.second`);
    renameSync(`${path}.first`, path);
    await disks.cluster.start(SLOT);
    const fault = await disks.fatal();
    expect(fault).toMatchObject({ code: 'data_file_replaced' });
    expect(fault.message).toContain('replaced by a newer `recover`');
  });

  it('of other sizes, ends at the word of two peers, which go on', async () => {
    await disks.write(5);
    await disks.cluster.stop(SLOT);
    await formatAnew({ ...DISK_CONFIG, sessionsMax: DISK_CONFIG.sessionsMax + 1 });
    await disks.cluster.start(SLOT);
    const fault = await disks.fatal();
    expect(fault).toMatchObject({ code: 'data_file_wrong_sizes', exitCode: 39 });
    expect(fault.message).toMatch(/replicas 0 and 2 have other sizes|replicas 2 and 0 have other/);
    await disks.write(5);
    expect(disks.cluster.fatal).toHaveLength(1);
    expect(await disks.lost()).toEqual([]);
  });

  it('an old copy, is refused by peers that remember; the newest one is welcome', async () => {
    await disks.write(5);
    await disks.cluster.stop(SLOT);
    const path = disks.cluster.path(SLOT);
    copyFileSync(path, `${path}.old`);
    await disks.cluster.start(SLOT);
    await disks.healthy();
    await disks.write(DISK_CONFIG.walSlots);
    await disks.healthy();
    await disks.cluster.stop(SLOT);
    renameSync(path, `${path}.newest`);
    copyFileSync(`${path}.old`, path);
    await disks.cluster.start(SLOT);
    expect(await disks.fatal()).toMatchObject({ code: 'data_file_rolled_back' });
    await disks.cluster.stop(SLOT);
    await disks.write(5);
    renameSync(`${path}.newest`, path);
    await disks.cluster.start(SLOT);
    await disks.healthy();
    expect(await disks.lost()).toEqual([]);
  });
});
