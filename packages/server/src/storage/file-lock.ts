import { spawnSync } from 'node:child_process';
import { fstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFault, type ServerFault, systemCode } from '../errors.ts';
import { lockHolder } from './lock-holder.ts';

/** Held until `release`, or until the process ends in whatever way. */
export interface FileLock {
  /** What holds it; shown in `status`. */
  readonly means: readonly LockMeans[];
  release(): void;
}

export type LockMeans = 'flock' | 'abstract_socket' | 'socket_file';

/**
 * Makes sure that one process alone has the data file open. Node has no flock(2), but the lock
 * belongs to the open file and not to who asked for it: the `flock` tool, run once on the
 * inherited descriptor, locks it for as long as this process keeps it open. On Linux a socket in
 * the abstract namespace, named after device and inode, is taken as well, so that a machine
 * without the tool is covered too (within one network namespace). Elsewhere a socket file stands
 * in for it. All of them vanish with the process, so nothing stale can refuse a start.
 */
export async function lockFile(fd: number, path: string): Promise<FileLock | ServerFault> {
  const means: LockMeans[] = [];
  const flocked = flockByTool(fd);
  if (flocked === 'held_by_another') return lockedFault(fd, path);
  if (flocked === 'locked') means.push('flock');

  const socketPath = process.platform === 'linux' ? abstractName(fd) : socketFile(fd);
  const needed = process.platform === 'linux' || flocked === 'no_tool';
  let server: Server | null = null;
  if (needed) {
    const held = await holdSocket(socketPath);
    if (held === 'held_by_another') return lockedFault(fd, path);
    if (typeof held === 'string') {
      return makeFault('io_failed', `the lock of ${path} cannot be held at ${socketPath}: ${held}`);
    }
    server = held;
    means.push(process.platform === 'linux' ? 'abstract_socket' : 'socket_file');
  }
  return { means, release: (): void => void server?.close() };
}

function lockedFault(fd: number, path: string): ServerFault {
  const holder = lockHolder(fd);
  const who = holder === null ? 'another process' : `process ${holder}`;
  return makeFault('data_file_locked', `${path} is open in ${who}`);
}

/** Descriptor number under which the child finds the file. */
const CHILD_FD = 3;

function flockByTool(fd: number): 'locked' | 'held_by_another' | 'no_tool' {
  const result = spawnSync('flock', ['-n', '-x', String(CHILD_FD)], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
    timeout: 5000,
  });
  if (result.error !== undefined) return 'no_tool';
  if (result.status === 0) return 'locked';
  return result.status === 1 ? 'held_by_another' : 'no_tool';
}

function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev.toString(16)}-${ino.toString(16)}`;
}

function abstractName(fd: number): string {
  return `\0kimberlite-data-file/${identityOf(fd)}`;
}

function socketFile(fd: number): string {
  return join(tmpdir(), `kimberlite-${identityOf(fd)}.lock`);
}

/** Listens, or says what is in the way: `held_by_another`, or a system error by its code. */
async function holdSocket(path: string): Promise<Server | string> {
  const first = await listenOn(path);
  if (first !== 'EADDRINUSE') return first;
  if (path.startsWith('\0') || (await somebodyAnswers(path))) return 'held_by_another';
  // A socket file outlives its process; nobody answers on it, so its holder is gone.
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') return systemCode(error);
  }
  const second = await listenOn(path);
  return second === 'EADDRINUSE' ? 'held_by_another' : second;
}

function listenOn(path: string): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => resolve(systemCode(error)));
    server.listen({ path }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
