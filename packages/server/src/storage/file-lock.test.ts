import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFault } from '../errors.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { lockFile } from './file-lock.ts';
import { lockHolder } from './lock-holder.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, '0.data');
  writeFileSync(path, 'x');
});
afterEach(() => directory.remove());

const HOLDER = `
  const { openSync } = await import('node:fs');
  const { lockFile } = await import(process.argv[1]);
  const lock = await lockFile(openSync(process.argv[2], 'r+'), process.argv[2]);
  console.log(lock.code ?? 'locked');
  process.stdin.resume();
`;

/** Another process that tries to take the lock, and keeps it until it is killed. */
async function otherProcess(env: NodeJS.ProcessEnv): Promise<{
  readonly said: string;
  readonly pid: number | undefined;
  kill(): Promise<void>;
}> {
  const module = new URL('./file-lock.ts', import.meta.url).href;
  const args = [
    '--conditions=@kimberlite/source',
    '--input-type=module',
    '-e',
    HOLDER,
    module,
    path,
  ];
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout });
  const said = await new Promise<string>((resolve) => {
    lines.once('line', resolve);
    child.once('exit', () => resolve('exited'));
  });
  return {
    said,
    pid: child.pid,
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function tryLock(): Promise<{ readonly result: string; release(): void }> {
  const fd = openSync(path, 'r+');
  const lock = await lockFile(fd, path);
  return {
    result: isFault(lock) ? lock.code : 'locked',
    release(): void {
      if (!isFault(lock)) lock.release();
      closeSync(fd);
    },
  };
}

describe('the lock on a data file', () => {
  for (const [name, env] of [
    ['with every means', process.env],
    ['without the flock tool', { ...process.env, PATH: '/nonexistent' }],
  ] as const) {
    it(`keeps a second process out, and ends with the first even by SIGKILL, ${name}`, async () => {
      const other = await otherProcess(env);
      expect(other.said).toBe('locked');
      const during = await tryLock();
      expect(during.result).toBe('data_file_locked');
      during.release();
      await other.kill();
      const after = await tryLock();
      expect(after.result).toBe('locked');
      const third = await otherProcess(env);
      expect(third.said).toBe('data_file_locked');
      await third.kill();
      after.release();
    });
  }

  // Where the flock tool and /proc are.
  it.runIf(existsSync('/proc/self/fdinfo') && spawnSync('flock', ['--version']).status === 0)(
    'names the process that holds it',
    async () => {
      const other = await otherProcess(process.env);
      const fd = openSync(path, 'r+');
      const refused = await lockFile(fd, path);
      expect(refused).toMatchObject({ message: `${path} is open in process ${other.pid}` });
      await other.kill();
      expect(lockHolder(fd)).toBeNull();
      closeSync(fd);
    },
  );

  it('keeps a second opening of the same process out', async () => {
    const first = await tryLock();
    const second = await tryLock();
    expect([first.result, second.result]).toEqual(['locked', 'data_file_locked']);
    second.release();
    first.release();
  });
});
