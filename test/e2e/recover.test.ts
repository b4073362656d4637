import { renameSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DISK_CONFIG, DiskCluster } from '../support/disk-cluster.ts';
import { type ProgramEnd, recoverMember } from '../support/recover-member.ts';
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

function recover(path: string): Promise<ProgramEnd> {
  return recoverMember(disks.cluster, { slot: SLOT, path });
}

describe('a member whose disk is lost', () => {
  it('is recovered from the others, again and again, and no write is lost', async () => {
    const path = disks.cluster.path(SLOT);
    for (let round = 1; round <= 3; round += 1) {
      await disks.write(DISK_CONFIG.walSlots * 2);
      await disks.cluster.stop(SLOT);
      renameSync(path, `${path}.${round}`);
      await disks.write(10);
      const { code, out, err } = await recover(path);
      expect(err).toBe('');
      expect(out).toMatch(/^recovered replica 1 of cluster 77 as of op \d+ in /);
      expect(code).toBe(0);
      await disks.cluster.start(SLOT);
      await disks.healthy();
    }
    expect(await disks.lost()).toEqual([]);
    // What the lost file promised is void: it is a stranger now.
    await disks.cluster.stop(SLOT);
    renameSync(path, `${path}.new`);
    renameSync(`${path}.3`, path);
    await disks.cluster.start(SLOT);
    expect(await disks.fatal()).toMatchObject({
      code: 'data_file_replaced',
      message: `${path} has been replaced by \`recover\``,
    });
  });

  it('is recovered while others write', async () => {
    const path = disks.cluster.path(SLOT);
    await disks.write(DISK_CONFIG.walSlots);
    await disks.cluster.stop(SLOT);
    renameSync(path, `${path}.lost`);
    let over = false;
    const writers = disks.writeWhile(() => !over, 16);
    try {
      expect(await recover(path)).toMatchObject({ code: 0, err: '' });
    } finally {
      over = true;
      await writers;
    }
    await disks.cluster.start(SLOT);
    await disks.healthy();
    expect(await disks.lost()).toEqual([]);
  });

  it('is not recovered while it runs, over a file, or without a quorum', async () => {
    const path = disks.cluster.path(SLOT);
    await disks.write(5);
    expect(await recover(`${path}.new`)).toMatchObject({
      code: 5,
      err: expect.stringContaining('replica 1 runs: its file is not lost') as string,
    });
    expect(await recover(path)).toMatchObject({ code: 21 });
    await disks.cluster.stop(SLOT);
    await disks.cluster.stop(SLOT + 1);
    expect(await recover(`${path}.new`)).toMatchObject({
      code: 5,
      err: expect.stringContaining('2 are needed') as string,
    });
  });
});
