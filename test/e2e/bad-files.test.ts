import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from '@kimberlite/client';
import { ERRORS, type ErrorCode } from '@kimberlite/server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Ended, formatFile, kimberlite, type Program, run } from '../support/kimberlite.ts';
import { ServerProcess } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

// A file of 36 MiB is written through to the disk for each of them, whoever else writes there.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const PATIENCE_MILLIS = 60_000;
/** Unit of `ulimit -f`, in bytes. */
const LIMIT_UNIT = 512;
/** A user without any rights, on every system that has root. */
const NOBODY = 65_534;
const FORMAT_FLAGS = ['--cluster=7', '--replica=0', '--replicas=1', '--size=dev'];
const ANY_PORTS = ['client', 'peer', 'http'].map((what) => `--${what}-address=127.0.0.1:0`);

let directory: ReturnType<typeof temporaryDirectory>;
/** Of the only replica of cluster 7; nobody starts it but on a copy. */
let solo: string;
/** Of replica 1 of three in cluster 7. */
let second: string;

beforeAll(async () => {
  directory = temporaryDirectory();
  solo = join(directory.path, 'solo.data');
  second = join(directory.path, 'second.data');
  await formatFile({ path: solo, cluster: 7n, slot: 0, replicaCount: 1 });
  await formatFile({ path: second, cluster: 7n, slot: 1, replicaCount: 3 });
});
afterAll(() => directory.remove());

function copyOf(path: string, name: string): string {
  const copy = join(directory.path, name);
  copyFileSync(path, copy);
  return copy;
}

function clientOf(server: ServerProcess): Client {
  const endpoints = [`127.0.0.1:${server.port('client')}`];
  return new Client({ endpoints, requestTimeout: 60_000 });
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function start(path: string, ...more: readonly string[]): Program {
  const addresses = '--addresses=127.0.0.1:1';
  return kimberlite(['start', `--data-file=${path}`, addresses, ...ANY_PORTS, ...more]);
}

function format(path: string): Program {
  return kimberlite(['format', `--data-file=${path}`, ...FORMAT_FLAGS]);
}

/** One line that says what happened and what to do, and the exit code of docs/errors.md. */
function expectRefusal(ended: Ended, code: ErrorCode): void {
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(ended.stderr).toMatch(/^error: /);
  expect(ended.stderr).toContain(`${ERRORS[code].remedy} [${code}]\n`);
  expect(ended.stdout).toBe('');
  expect(ended.code).toBe(ERRORS[code].exitCode);
}

describe('a data file that is not the right one', () => {
  const cases: readonly {
    readonly name: string;
    readonly code: ErrorCode;
    readonly make: () => string;
    readonly more?: readonly string[];
  }[] = [
    {
      name: 'of another replica',
      code: 'data_file_wrong_replica',
      make: () => copyOf(second, 'other-replica.data'),
      more: ['--replica=0', '--addresses=127.0.0.1:1,127.0.0.1:2,127.0.0.1:3'],
    },
    {
      name: 'of another cluster',
      code: 'data_file_wrong_cluster',
      make: () => copyOf(solo, 'other-cluster.data'),
      more: ['--cluster=8'],
    },
    {
      name: 'of a cluster of another size',
      code: 'data_file_wrong_cluster',
      make: () => copyOf(second, 'other-size.data'),
    },
    {
      name: 'that was truncated',
      code: 'data_file_truncated',
      make: () => {
        const path = copyOf(solo, 'truncated.data');
        truncateSync(path, 1_000_000);
        return path;
      },
    },
    {
      name: 'that is foreign',
      code: 'data_file_foreign',
      make: () => {
        const path = join(directory.path, 'foreign.data');
        writeFileSync(path, 'this is a letter to a friend\n'.repeat(10_000));
        return path;
      },
    },
    {
      name: 'whose superblock is damaged in three of its four copies',
      code: 'data_file_damaged',
      make: () => {
        const path = copyOf(solo, 'damaged.data');
        const bytes = readFileSync(path);
        for (const copy of [0, 1, 2]) bytes.fill(255, copy * 16_384 + 500, copy * 16_384 + 600);
        writeFileSync(path, bytes);
        return path;
      },
    },
  ];
  for (const { name, code, make, more } of cases) {
    it(`is refused and left alone: ${name}`, async () => {
      const path = make();
      const before = digest(path);
      expectRefusal(await run(start(path, ...(more ?? []))), code);
      expect(digest(path)).toBe(before);
    });
  }

  it('is refused when it is not there, and not made', async () => {
    const path = join(directory.path, 'absent.data');
    expectRefusal(await run(start(path)), 'data_file_missing');
    expect(existsSync(path)).toBe(false);
  });

  it('is never formatted over', async () => {
    const before = digest(second);
    expectRefusal(await run(format(second)), 'data_file_exists');
    expect(digest(second)).toBe(before);
  });
});

describe('what another process has', () => {
  it('a data file: the second process is refused, the first goes on', async () => {
    const path = copyOf(solo, 'shared.data');
    const first = await ServerProcess.start({ dataFile: path, addresses: ['127.0.0.1:1'] });
    const client = clientOf(first);
    try {
      await client.put('key', 'one');
      expectRefusal(await run(start(path)), 'data_file_locked');
      await client.put('key', 'two');
      // Nor may anybody format it, or hold on to it afterwards.
      expectRefusal(await run(format(path)), 'data_file_exists');
      expect(first.isRunning()).toBe(true);
    } finally {
      await client.close();
      await first.kill();
    }
    // A process that was killed leaves no lock behind.
    const again = await ServerProcess.start({ dataFile: path, addresses: ['127.0.0.1:1'] });
    expect(await again.stop()).toMatchObject({ code: 0 });
  });

  it('a port: the replica is refused before it touches its file', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    try {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      for (const what of ['client', 'peer', 'http']) {
        const path = copyOf(solo, `port-${what}.data`);
        const before = digest(path);
        const ended = await run(start(path, `--${what}-address=127.0.0.1:${port}`));
        expectRefusal(ended, 'port_in_use');
        expect(ended.stderr).toContain(`127.0.0.1:${port}`);
        expect(digest(path)).toBe(before);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

/** The same, with no file larger than that many bytes: writes beyond fail as on a full disk. */
function limited(bytes: number): (program: Program) => Program {
  return ({ file, args, options }) => ({
    file: '/bin/sh',
    args: ['-c', `ulimit -f ${bytes / LIMIT_UNIT}; exec "$0" "$@"`, file, ...args],
    options,
  });
}

describe('a disk that is full', () => {
  it('format leaves nothing behind', async () => {
    const path = join(directory.path, 'no-room.data');
    expectRefusal(await run(limited(8 * 1024 * 1024)(format(path))), 'disk_full');
    expect(existsSync(path)).toBe(false);
  });

  it('format leaves nothing behind on a small file system', async (context) => {
    const mountPoint = join(directory.path, 'small');
    mkdirSync(mountPoint);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mountPoint]);
    if (mounted.status !== 0) context.skip('mounting a small file system takes root');
    try {
      expectRefusal(await run(format(join(mountPoint, '0.data'))), 'disk_full');
      expect(readdirSync(mountPoint)).toEqual([]);
    } finally {
      spawnSync('umount', [mountPoint]);
    }
  });

  it('a running replica waits for room, says so, can be stopped, and has everything', async () => {
    const path = copyOf(solo, 'growing.data');
    const wrap = limited(statSync(path).size);
    const addresses = ['127.0.0.1:1'];
    const server = await ServerProcess.start({ dataFile: path, addresses, wrap });
    const acknowledged = await writeUntilFull(server);
    expect(acknowledged.size).toBeGreaterThan(0);
    expect(server.log.find((line) => line.includes(FULL))).toContain('"level":"error"');
    expect(await server.stop()).toEqual({ code: 0, signal: null });

    // No room yet: it comes to the same block, and waits again.
    const still = await ServerProcess.start({ dataFile: path, addresses, wrap });
    await until(() => (isFull(still) ? true : null), {
      within: PATIENCE_MILLIS,
      what: 'a full disk is named',
      explain: () => still.log.join('\n'),
    });
    expect((await still.status())?.dataFile.waitingBytes).toBeGreaterThan(0);
    await expectValues(still, acknowledged);
    expect(await still.stop()).toEqual({ code: 0, signal: null });

    const again = await ServerProcess.start({ dataFile: path, addresses });
    try {
      await expectValues(again, acknowledged);
    } finally {
      await again.stop();
    }
  });
});

/** What a server logs when a checkpoint needs room that there is not. */
const FULL = 'the disk is full: the checkpoint waits for room';

function isFull(server: ServerProcess): boolean {
  return server.log.some((line) => line.includes(FULL));
}

/** Puts large values until the server has no room for them; those that were acknowledged. */
async function writeUntilFull(server: ServerProcess): Promise<Map<string, Buffer>> {
  const acknowledged = new Map<string, Buffer>();
  const client = clientOf(server);
  try {
    for (let turn = 0; turn < 2000 && !isFull(server); turn += 1) {
      const value = Buffer.alloc(50_000, `${turn} `);
      await client.put(`key${turn}`, value);
      acknowledged.set(`key${turn}`, value);
    }
  } finally {
    await client.close();
  }
  return acknowledged;
}

async function expectValues(
  server: ServerProcess,
  expected: ReadonlyMap<string, Buffer>,
): Promise<void> {
  const client = clientOf(server);
  try {
    for (const [key, value] of expected) {
      expect(Buffer.from((await client.get(key))?.value ?? []).equals(value)).toBe(true);
    }
  } finally {
    await client.close();
  }
}

describe('a directory without permission', () => {
  /** As a user without rights: root may do everything. Null where that cannot be. */
  function unprivileged(program: Program): Program | null {
    if (process.getuid?.() !== 0) return program;
    const options = { ...program.options, uid: NOBODY, gid: NOBODY };
    const able = spawnSync(program.file, ['--version'], { uid: NOBODY, gid: NOBODY });
    return able.status === 0 ? { ...program, options } : null;
  }

  it('format and start say so, and change nothing', async (context) => {
    chmodSync(directory.path, 0o755);
    const closed = join(directory.path, 'closed');
    mkdirSync(closed);
    const path = join(closed, '0.data');
    copyFileSync(solo, path);
    chmodSync(path, 0o600);
    chmodSync(closed, 0o500);
    const refusedFormat = unprivileged(format(join(closed, 'new.data')));
    const refusedStart = unprivileged(start(path));
    if (refusedFormat === null || refusedStart === null) {
      context.skip('a user without rights may not run node here');
      return;
    }
    if (process.getuid?.() !== 0) chmodSync(path, 0o400);
    try {
      const before = digest(path);
      expectRefusal(await run(refusedFormat), 'permission_denied');
      expectRefusal(await run(refusedStart), 'permission_denied');
      expect(digest(path)).toBe(before);
      expect(readdirSync(closed)).toEqual(['0.data']);
    } finally {
      chmodSync(closed, 0o700);
    }
  });
});
