import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@kimberlite/server';
import { CONFIG_DEV, formatReplica, zoneOffset } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KERNEL_MACHINE } from '../cluster/kernel-machine.ts';
import { type DirectoryPlan, dataFilePath, prepareDirectory } from './data-directory.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kimberlite-dev-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function plan(changes: Partial<DirectoryPlan> = {}): DirectoryPlan {
  return { directory: join(directory, 'd'), replicas: 1, size: null, ...changes };
}

const OF = {
  ...{ config: CONFIG_DEV, cluster: 7n, slot: 0, replicaCount: 1, checksum: sha256 },
  machine: KERNEL_MACHINE,
};

/** As an interrupted format, or an editor, leaves it. */
function forgetFormatted(): void {
  const description = join(plan().directory, 'cluster.json');
  const text = readFileSync(description, 'utf8');
  writeFileSync(description, text.replace('"formatted": true', '"formatted": false'));
}

describe('the directory of dev', () => {
  it('is made and formatted once, and kept from then on', async () => {
    const formatted: string[] = [];
    const first = await prepareDirectory(plan(), (path) => formatted.push(path));
    expect(first).toMatchObject({ replicas: 1, size: 'dev', formatted: true });
    expect(formatted).toEqual([dataFilePath(plan().directory, 0)]);
    const inode = statSync(dataFilePath(plan().directory, 0)).ino;
    const again = await prepareDirectory(plan(), (path) => formatted.push(path));
    expect(again).toEqual(first);
    expect(formatted).toHaveLength(1);
    expect(statSync(dataFilePath(plan().directory, 0)).ino).toBe(inode);
  });

  // An empty replica among others that remember would help to lose what it had acknowledged.
  it('does not make a missing file of a complete cluster anew', async () => {
    await prepareDirectory(plan(), () => {});
    rmSync(dataFilePath(plan().directory, 0));
    await expect(prepareDirectory(plan(), () => {})).rejects.toThrow(/missing from a cluster/);
    expect(existsSync(dataFilePath(plan().directory, 0))).toBe(false);
  });

  it('goes without files that are lost while the others are a quorum', async () => {
    const three = plan({ replicas: 3 });
    expect(await prepareDirectory(three, () => {})).toMatchObject({ missing: [] });
    const [first, second] = [0, 1].map((slot) => dataFilePath(three.directory, slot));
    rmSync(second ?? '');
    expect(await prepareDirectory(three, () => {})).toMatchObject({ missing: [1] });
    rmSync(first ?? '');
    await expect(prepareDirectory(three, () => {})).rejects.toMatchObject({
      code: 'data_file_missing',
      exitCode: 20,
      message: expect.stringMatching(/replica-0.data, .*replica-1.data are missing .* no quorum$/),
      remedy: expect.stringMatching(/^Nothing was started or changed. Put the lost files back./),
    });
  });

  it('finishes a format that was interrupted', async () => {
    const { cluster } = await prepareDirectory(plan(), () => {});
    forgetFormatted();
    const path = dataFilePath(plan().directory, 0);
    // Between the zeros and the superblock, before anything but zeros, and after all of one file.
    const zeros = Buffer.alloc(1 << 20);
    const writes = formatReplica({ ...OF, incarnation: 9n });
    for (const content of [
      Buffer.concat([zeros, writes.next().value?.bytes ?? zeros]),
      zeros,
      null,
    ]) {
      if (content !== null) writeFileSync(path, content);
      expect(await prepareDirectory(plan(), () => {})).toMatchObject({ cluster, formatted: true });
      expect(statSync(path).size).toBeGreaterThan(1_000_000);
      forgetFormatted();
    }
  });

  it('deletes no file that a replica may have run on, whatever cluster.json says', async () => {
    await prepareDirectory(plan(), () => {});
    const path = dataFilePath(plan().directory, 0);
    const fd = openSync(path, 'r+');
    // The first op of a replica that has run, in the second slot of the header ring.
    writeSync(fd, Buffer.alloc(256, 7), 0, 256, zoneOffset(CONFIG_DEV, 'wal_headers') + 256);
    closeSync(fd);
    forgetFormatted();
    const before = readFileSync(path);
    await expect(prepareDirectory(plan(), () => {})).rejects.toThrow(/is no unfinished format/);
    expect(readFileSync(path).equals(before)).toBe(true);
    writeFileSync(path, 'half a file');
    await expect(prepareDirectory(plan(), () => {})).rejects.toThrow(/is no unfinished format/);
    expect(readFileSync(path, 'utf8')).toBe('half a file');
  });

  it('refuses other sizes, another number of replicas, files without a description', async () => {
    await prepareDirectory(plan(), () => {});
    await expect(prepareDirectory(plan({ replicas: 3 }), () => {})).rejects.toMatchObject({
      exitCode: 2,
    });
    await expect(prepareDirectory(plan({ size: 'default' }), () => {})).rejects.toMatchObject({
      exitCode: 2,
    });
    const description = join(plan().directory, 'cluster.json');
    writeFileSync(description, '{}');
    await expect(prepareDirectory(plan(), () => {})).rejects.toThrow(/cannot be read/);
  });

  it('takes over all files of one cluster that have no description', async () => {
    const three = plan({ replicas: 3 });
    const { cluster } = await prepareDirectory(three, () => {});
    const description = join(three.directory, 'cluster.json');
    const text = readFileSync(description, 'utf8');
    rmSync(description);
    await expect(prepareDirectory(plan(), () => {})).rejects.toMatchObject({
      exitCode: 2,
      remedy: expect.stringContaining('--replicas 3'),
    });
    expect(existsSync(description)).toBe(false);
    const adopted: bigint[] = [];
    const never = (): never => expect.fail('nothing is formatted');
    const again = await prepareDirectory(three, never, (id) => adopted.push(id));
    expect(again).toMatchObject({ cluster, size: 'dev', formatted: true, missing: [] });
    expect(adopted).toEqual([cluster]);
    expect(readFileSync(description, 'utf8')).toBe(text);
  });

  it('takes over no part of a cluster, and no mixture', async () => {
    const three = plan({ replicas: 3 });
    await prepareDirectory(three, () => {});
    rmSync(join(three.directory, 'cluster.json'));
    const [first, second, third] = [0, 1, 2].map((slot) => dataFilePath(three.directory, slot));
    const refusal = async (): Promise<string> => {
      const refused = prepareDirectory(three, () => {});
      await expect(refused).rejects.toMatchObject({
        remedy: expect.stringMatching(/put cluster.json back; .* by hand .* another --data/),
      });
      return await refused.then(() => 'taken over', String);
    };
    renameSync(third ?? '', join(directory, 'kept'));
    expect(await refusal()).toContain('replica-2.data, of its cluster of 3, is not there');
    copyFileSync(second ?? '', third ?? '');
    expect(await refusal()).toContain('replica-2.data is one of replica 1');
    const other = plan({ directory: join(directory, 'other'), replicas: 3 });
    await prepareDirectory(other, () => {});
    copyFileSync(dataFilePath(other.directory, 2), third ?? '');
    expect(await refusal()).toContain('replica-2.data is one of another cluster');
    rmSync(first ?? '');
    expect(await refusal()).toContain('replica-0.data is not there');
  });

  it('says so when it cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '');
    const blocked = plan({ directory: join(directory, 'file', 'd') });
    await expect(prepareDirectory(blocked, () => {})).rejects.toThrow(/cannot be made/);
    const file = plan({ directory: join(directory, 'file') });
    await expect(prepareDirectory(file, () => {})).rejects.toThrow(/cannot be made \(ENOTDIR\)/);
  });

  it('makes parents', async () => {
    const deep = plan({ directory: join(directory, 'a', 'b', 'c') });
    expect(await prepareDirectory(deep, () => {})).toMatchObject({ formatted: true });
  });

  // Node's own recursive mkdir never comes back from it.
  it.runIf(existsSync('/proc/self'))('gives up where no directory can be made', async () => {
    const nowhere = plan({ directory: '/proc/kimberlite/deep' });
    await expect(prepareDirectory(nowhere, () => {})).rejects.toThrow(/cannot be made \(ENOENT\)/);
  });
});
