import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DirectoryPlan, dataFilePath, prepareDirectory } from './data-directory.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kimberlite-dev-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function plan(changes: Partial<DirectoryPlan> = {}): DirectoryPlan {
  return { directory: join(directory, 'd'), replicas: 1, size: null, ...changes };
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

  it('finishes a format that was interrupted', async () => {
    const { cluster } = await prepareDirectory(plan(), () => {});
    const description = join(plan().directory, 'cluster.json');
    const text = readFileSync(description, 'utf8').replace(
      '"formatted": true',
      '"formatted": false',
    );
    writeFileSync(description, text);
    writeFileSync(dataFilePath(plan().directory, 0), 'half a file');
    expect(await prepareDirectory(plan(), () => {})).toMatchObject({ cluster, formatted: true });
    expect(statSync(dataFilePath(plan().directory, 0)).size).toBeGreaterThan(1_000_000);
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
    rmSync(description);
    await expect(prepareDirectory(plan(), () => {})).rejects.toThrow(/is there, but/);
  });

  it('says so when it cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '');
    const blocked = plan({ directory: join(directory, 'file', 'd') });
    await expect(prepareDirectory(blocked, () => {})).rejects.toThrow(/cannot be made/);
  });
});
