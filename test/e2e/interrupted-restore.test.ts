import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { runProgram } from '@kimberlite/cli';
import { formatAddress } from '@kimberlite/server';
import { SUPERBLOCK_COPY_SIZE } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { capturedIo } from '../../packages/cli/src/testing/captured-io.ts';
import { fill, formatSolo, startSolo } from '../../packages/cli/src/testing/solo-file.ts';
import { type Ended, runKimberlite } from '../support/kimberlite.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const UNFINISHED = 40;
let directory: ReturnType<typeof temporaryDirectory>;
let backup: string;
/** The only replica of the old cluster, stopped. */
let survivor: string;
let running = 0;

beforeAll(async () => {
  directory = temporaryDirectory();
  survivor = join(directory.path, '0.data');
  backup = join(directory.path, 'one.backup');
  await formatSolo(survivor);
  const replica = await startSolo(survivor, { http: '127.0.0.1:0' });
  await fill(replica, 20);
  const { host, port } = replica.httpAddress ?? { host: '', port: 0 };
  const words = ['backup', 'create', backup, `--http=${formatAddress({ host, port })}`];
  expect(await runProgram(words, capturedIo())).toBe(0);
  await replica.stop();
});
afterAll(() => directory.remove());

function fresh(name: string): string {
  running += 1;
  return join(directory.path, `${running}-${name}`);
}

/**
 * The kernel, whose maker sends its own process a signal once a file is there: a machine is made
 * for each file, so the moment is always the same one, just before the next file is begun.
 */
function signalAt(signal: NodeJS.Signals, found: string): string {
  return moduleOf([
    "import { existsSync, readdirSync } from 'node:fs';",
    `const directory = ${JSON.stringify(dirname(found))};`,
    'const make = () => {',
    '  const names = existsSync(directory) ? readdirSync(directory, { recursive: true }) : [];',
    `  const isThere = names.some((name) => name.endsWith(${JSON.stringify(basename(found))}));`,
    `  if (isThere) process.kill(process.pid, '${signal}');`,
    '  return createKernel();',
    '};',
    'export { make as default };',
  ]);
}

/** The kernel, whose module kills its own process as soon as a superblock is in a file. */
function killWithin(found: string): string {
  return moduleOf([
    "import { statSync } from 'node:fs';",
    `const path = ${JSON.stringify(found)};`,
    'const size = () => statSync(path, { throwIfNoEntry: false })?.size ?? 0;',
    'const watch = () => {',
    "  if (size() >= 65_536) process.kill(process.pid, 'SIGKILL');",
    '  setImmediate(watch);',
    '};',
    'watch();',
    'export { createKernel as default };',
  ]);
}

/**
 * The kernel, whose module kills its own process at a call of the system: just before the one with
 * that number among those of this name for whose `args` it holds.
 */
function killAtCall(name: 'linkSync' | 'writeSync', holds: string, number: number): string {
  return moduleOf([
    "import fs from 'node:fs';",
    "import { syncBuiltinESMExports } from 'node:module';",
    `const call = fs.${name};`,
    'let calls = 0;',
    `fs.${name} = (...args) => {`,
    `  if (${holds}) calls += 1;`,
    `  if (calls === ${number}) process.kill(process.pid, 'SIGKILL');`,
    '  return call(...args);',
    '};',
    'syncBuiltinESMExports();',
    'export { createKernel as default };',
  ]);
}

/** The option for a module of these lines, which have the kernel's maker. */
function moduleOf(lines: readonly string[]): string {
  const kernel = new URL('../../packages/kernel/src/index.ts', import.meta.url).href;
  const module = fresh('kernel.mjs');
  writeFileSync(module, [`import { createKernel } from '${kernel}';`, ...lines].join('\n'));
  return `--state-machine=${module}`;
}

function restore(into: string, ...words: readonly string[]): Promise<Ended> {
  return runKimberlite('backup', 'restore', backup, `--into=${into}`, '--replicas=3', ...words);
}

async function expectNoReplica(path: string): Promise<void> {
  const started = await runKimberlite(
    ...['start', `--data-file=${path}`, '--addresses=127.0.0.1:1'],
    ...['client', 'peer', 'http'].map((what) => `--${what}-address=127.0.0.1:0`),
  );
  expect(started.stderr).toContain('[data_file_unfinished]');
  expect(started.code).toBe(UNFINISHED);
}

describe('a restore that is killed', () => {
  it.each([
    ['replay.tmp', ['replay.tmp']],
    ['replica-1.data.partial', ['replay.tmp', 'replica-0.data.partial', 'replica-1.data.partial']],
  ])('once %s is there leaves nothing that starts as the old cluster', async (found, left) => {
    const into = fresh('killed');
    const killed = await restore(into, signalAt('SIGKILL', join(into, found)));
    expect(killed.signal).toBe('SIGKILL');
    expect(readdirSync(into)).toEqual(left);
    for (const name of left) await expectNoReplica(join(into, name));
    const again = await restore(into);
    expect(again.stderr).toContain(`${into} has ${left.join(', ')}, left by a command that was`);
    expect(again.stderr).toContain(
      'delete them, and run the command again. [data_file_unfinished]',
    );
    expect(again.code).toBe(UNFINISHED);
    for (const name of left) rmSync(join(into, name));
    expect(await restore(into)).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(into)).toEqual(['replica-0.data', 'replica-1.data', 'replica-2.data']);
  });

  it('in the middle of a file leaves one that says so, whatever somebody calls it', async () => {
    for (const found of ['replay.tmp', 'replica-0.data.partial']) {
      const into = fresh('killed');
      expect((await restore(into, killWithin(join(into, found)))).signal).toBe('SIGKILL');
      const renamed = fresh('replica.data');
      renameSync(join(into, found), renamed);
      await expectNoReplica(renamed);
    }
  });

  it('while the files get their names leaves none that starts', async () => {
    const into = fresh('killed');
    expect((await restore(into, killAtCall('linkSync', 'true', 2))).signal).toBe('SIGKILL');
    const left = readdirSync(into);
    expect(left).toEqual(['replica-0.data', 'replica-1.data.partial', 'replica-2.data.partial']);
    for (const name of left) await expectNoReplica(join(into, name));
    expect((await restore(into)).stderr).toContain('Nothing depends on them: delete them');
  });

  it('while the files become those of replicas leaves each either that or unfinished', async () => {
    const into = fresh('killed');
    // Four copies of a superblock a file: the second file has one new copy, and three others.
    const isCopy = `args[3] === ${SUPERBLOCK_COPY_SIZE}`;
    expect((await restore(into, killAtCall('writeSync', isCopy, 6))).signal).toBe('SIGKILL');
    expect(readdirSync(into)).toEqual(['replica-0.data', 'replica-1.data', 'replica-2.data']);
    for (const slot of [1, 2]) await expectNoReplica(join(into, `replica-${slot}.data`));
    const found = await runKimberlite('inspect', 'superblock', join(into, 'replica-0.data'));
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('kimberlite.kernel') });
    const again = await restore(into);
    expect(again.stderr).toContain('has replica-1.data, replica-2.data, replica-0.data, left by');
    expect(again.stderr).toContain('Unless a replica has run on one of them');
    expect(again.code).toBe(UNFINISHED);
  });

  it('or a verification leaves a file in its scratch that nothing starts on', async () => {
    const scratch = fresh('scratch');
    mkdirSync(scratch);
    const module = signalAt('SIGKILL', join(scratch, 'replay.tmp'));
    await runKimberlite('backup', 'verify', backup, `--scratch=${scratch}`, module);
    const [left = ''] = readdirSync(scratch, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('replay.tmp'),
    );
    await expectNoReplica(join(scratch, left));
    const from = await runKimberlite(
      'recover',
      `--from-survivor=${join(scratch, left)}`,
      '--dry-run',
    );
    expect(from.code).toBe(UNFINISHED);
  });
});

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
  it.each(['replay.tmp', 'replica-1.data.partial'])('leaves nothing beside %s', async (found) => {
    const into = fresh('interrupted');
    const ended = await restore(into, signalAt(signal, join(into, found)));
    expect(ended.signal).toBe(signal);
    expect(existsSync(into)).toBe(false);
  });

  it('leaves nothing of a verification', async () => {
    const scratch = fresh('scratch');
    mkdirSync(scratch);
    const module = signalAt(signal, join(scratch, 'replay.tmp'));
    const ended = await runKimberlite('backup', 'verify', backup, `--scratch=${scratch}`, module);
    expect(ended.signal).toBe(signal);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('leaves nothing of what goes on from a survivor', async () => {
    const into = fresh('survived');
    const ended = await runKimberlite(
      ...['recover', `--from-survivor=${survivor}`, `--into=${into}`, '--yes-i-lose=7'],
      ...['--endpoints=127.0.0.1:1', signalAt(signal, join(into, 'replay.tmp'))],
    );
    expect(ended.signal).toBe(signal);
    expect(existsSync(into)).toBe(false);
  });
});
