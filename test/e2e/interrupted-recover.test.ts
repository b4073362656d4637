import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDataFile, isFault, RECOVERY_MACHINE } from '@kimberlite/server';
import { SUPERBLOCK_COPY_SIZE } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TEST_CLUSTER } from '../../packages/server/src/testing/test-cluster.ts';
import { DISK_CONFIG, DISK_REPLICAS, DiskCluster } from '../support/disk-cluster.ts';
import { type Ended, kimberlite, run } from '../support/kimberlite.ts';
import { type ProgramEnd, recoverMember, recoverWords } from '../support/recover-member.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SLOT = 1;
const OTHERS = [0, 2];

let directory: ReturnType<typeof temporaryDirectory>;
let disks: DiskCluster;
/** The member's; lost but for what a test says. */
let path: string;

beforeEach(async () => {
  directory = temporaryDirectory();
  disks = await DiskCluster.start(directory.path);
  path = disks.cluster.path(SLOT);
  await disks.write(20);
});
afterEach(async () => {
  await disks.cluster.stopAll();
  directory.remove();
});

async function lose(): Promise<void> {
  await disks.cluster.stop(SLOT);
  renameSync(path, `${path}.lost`);
}

function recover(at: string = path): Promise<ProgramEnd> {
  return recoverMember(disks.cluster, { slot: SLOT, path: at });
}

/** Runs it as a process of its own, with these lines run in it first. */
function recoverWith(lines: readonly string[], words: readonly string[]): Promise<Ended> {
  const hook = join(directory.path, 'hook.mjs');
  writeFileSync(hook, lines.join('\n'));
  const program = kimberlite(words);
  return run({ ...program, args: ['--import', hook, ...program.args] });
}

/** As the file gets its own superblock, after one copy of four: does this. */
function atSecondCopy(does: string): string[] {
  return [
    "import fs from 'node:fs';",
    "import { syncBuiltinESMExports } from 'node:module';",
    'const write = fs.writeSync;',
    'let copies = 0;',
    'fs.writeSync = (...args) => {',
    `  if (args[3] === ${SUPERBLOCK_COPY_SIZE}) copies += 1;`,
    `  if (copies === 2) ${does};`,
    '  return write(...args);',
    '};',
    'syncBuiltinESMExports();',
  ];
}

function recoverUntil(does: string): Promise<Ended> {
  return recoverWith(atSecondCopy(does), recoverWords(disks.cluster, { slot: SLOT, path }));
}

async function expectRecovered(): Promise<void> {
  expect(await recover()).toMatchObject({ code: 0 });
  await disks.cluster.start(SLOT);
  await disks.healthy();
  expect(await disks.lost()).toEqual([]);
}

describe('a recover that comes to no end', () => {
  it('because its file cannot be made leaves the member the file that it has', async () => {
    await disks.cluster.stop(SLOT);
    const { code, err } = await recover(join(directory.path, 'absent', '1.data'));
    await disks.cluster.start(SLOT);
    await disks.healthy();
    expect(disks.cluster.fatal).toEqual([]);
    expect(err).toMatch(
      /^error: the directory \S+ does not exist\. Nothing was made or changed\. /,
    );
    expect(err).toContain('The cluster was asked for nothing');
    expect(code).toBe(32);
  });

  it('because the device fails says that the old file is out, and can be run again', async () => {
    await lose();
    const ended = await recoverUntil("throw Object.assign(new Error('bad'), { code: 'EIO' })");
    expect(ended.stderr).toContain("the cluster has put a new file in the place of replica 1's");
    expect(ended.stderr).toMatch(
      /EIO\. .* run `kimberlite recover` again .*recover_unfinished]\n$/,
    );
    expect(ended.code).toBe(41);
    expect(existsSync(path)).toBe(false);
    await expectRecovered();
  });

  it('because it is killed leaves a file that starts nowhere, and is made anew', async () => {
    await lose();
    expect(await recoverUntil("process.kill(process.pid, 'SIGKILL')")).toMatchObject({
      signal: 'SIGKILL',
    });
    expect(await disks.cluster.tryStart(SLOT)).toMatchObject({
      code: 'data_file_unfinished',
      message: `${path} was left by a \`recover\` that was interrupted`,
      remedy: expect.stringContaining('Run `kimberlite recover` again') as string,
    });
    await expectRecovered();
  });

  it('because nobody answers says that the cluster may have taken the file', async () => {
    // The primary hears the member, of which `recover` was not told.
    const member = { slot: SLOT, path: `${path}.new`, asked: OTHERS, timeout: 2000 };
    const { code, err } = await recoverMember(disks.cluster, member);
    expect(err).toContain("the cluster may have put a new file in the place of replica 1's");
    expect(code).toBe(41);
    expect(existsSync(member.path)).toBe(false);
  });

  it('because of a signal says so too', async () => {
    const member = { slot: SLOT, path: `${path}.new`, asked: OTHERS };
    const ended = await recoverWith(
      [
        "import { existsSync } from 'node:fs';",
        'const ask = globalThis.fetch;',
        'globalThis.fetch = (...args) => {',
        '  // The last look before the cluster is asked, which the member that is heard holds up.',
        `  if (existsSync(${JSON.stringify(member.path)})) {`,
        "    setTimeout(() => process.kill(process.pid, 'SIGTERM'), 3000);",
        '  }',
        '  return ask(...args);',
        '};',
      ],
      recoverWords(disks.cluster, member),
    );
    expect(ended.signal).toBe('SIGTERM');
    expect(ended.stderr).toContain('the cluster may have put a new file in the place of');
    expect(existsSync(member.path)).toBe(false);
  });
});

describe('what an interrupted recover has left', () => {
  it.each([
    { slot: SLOT + 1, cluster: TEST_CLUSTER },
    { slot: SLOT, cluster: TEST_CLUSTER + 1n },
  ])('is not touched where it is of %o', async (other) => {
    await lose();
    const replica = { config: DISK_CONFIG, replicaCount: DISK_REPLICAS, ...other };
    const left = await formatDataFile({ path, stateMachine: RECOVERY_MACHINE, ...replica });
    expect(isFault(left)).toBe(false);
    const before = readFileSync(path);
    expect(await recover()).toMatchObject({
      code: 40,
      err: expect.stringContaining('[data_file_unfinished]') as string,
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('is not taken for its own where there is no superblock yet', async () => {
    await lose();
    for (const bytes of [0, 4096]) {
      writeFileSync(path, Buffer.alloc(bytes));
      expect(await recover()).toMatchObject({
        code: 21,
        err: expect.stringContaining('has left it, remove it and run the command again') as string,
      });
      expect(existsSync(path)).toBe(true);
    }
  });
});
