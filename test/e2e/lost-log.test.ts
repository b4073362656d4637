import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@kimberlite/client';
import { ERRORS } from '@kimberlite/server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findFreeBase, portsOf } from '../../packages/cli/src/dev/ports.ts';
import { EXIT_CODES } from '../../packages/cli/src/exit-codes.ts';
import { formatFile, kimberlite } from '../support/kimberlite.ts';
import { ServerProcess } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const PATIENCE_MILLIS = 60_000;
/** A device that has no room for anything; only Linux has it. */
const FULL = '/dev/full';
const hasFull = existsSync(FULL);

let directory: ReturnType<typeof temporaryDirectory>;
/** Of the only replica of its cluster; started on copies alone. */
let formatted: string;
let children: ChildProcess[];
beforeAll(async () => {
  directory = temporaryDirectory();
  formatted = join(directory.path, 'formatted.data');
  await formatFile({ path: formatted, cluster: 7n, slot: 0, replicaCount: 1 });
});
afterAll(() => directory.remove());
beforeEach(() => {
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

function copyOf(path: string, name: string): string {
  const copy = join(directory.path, name);
  copyFileSync(path, copy);
  return copy;
}

/** Runs a command line with one of its outputs on the full device. */
function withFull(output: 'stdout' | 'stderr', words: readonly string[]): ChildProcess {
  const { file, args, options } = kimberlite(words);
  const full = openSync(FULL, 'w');
  try {
    const [stdout, stderr] =
      output === 'stdout' ? [full, 'pipe' as const] : ['pipe' as const, full];
    const child = spawn(file, args, { ...options, stdio: ['ignore', stdout, stderr] });
    children.push(child);
    return child;
  } finally {
    closeSync(full);
  }
}

function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr })));
}

async function expectServes(port: number): Promise<void> {
  const endpoints = [`127.0.0.1:${port}`];
  const client = new Client({ endpoints, requestTimeout: PATIENCE_MILLIS });
  try {
    await client.put('key', 'value');
    const found = await client.get('key');
    expect(Buffer.from(found?.value ?? []).toString()).toBe('value');
  } finally {
    await client.close();
  }
}

async function isAlive(port: number): Promise<true | null> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/livez`)).ok ? true : null;
  } catch {
    return null;
  }
}

/** How many lines of the log the replica says it has lost for the reason. */
async function lostLines(port: number, reason: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const sample = `vsr_log_lines_dropped_total{reason="${reason}"} `;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(sample))
      ?.slice(sample.length),
  );
}

describe('a replica whose log cannot be written', () => {
  it.skipIf(!hasFull)('serves while its log is on a full disk, and stops as asked', async () => {
    // Nothing says which ports it took, so they are chosen here.
    const [ports] = portsOf(await findFreeBase(1, Math.random), 1);
    if (ports === undefined) throw new Error('no ports');
    const child = withFull('stderr', [
      'start',
      `--data-file=${copyOf(formatted, 'full.data')}`,
      `--addresses=127.0.0.1:${ports.peer}`,
      `--client-address=127.0.0.1:${ports.client}`,
      `--http-address=127.0.0.1:${ports.http}`,
    ]);
    const ended = endOf(child);
    const patience = { within: PATIENCE_MILLIS, what: 'a replica that listens' };
    await until(() => isAlive(ports.http), patience);
    await expectServes(ports.client);
    expect(await lostLines(ports.http, 'enospc')).toBeGreaterThan(0);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it.skipIf(process.platform !== 'linux')(
    'serves when the reader of its log has gone, and stops as asked (pipes of Linux)',
    async () => {
      const server = await ServerProcess.start({
        dataFile: copyOf(formatted, 'unread.data'),
        addresses: ['127.0.0.1:1'],
        more: ['--log-level=debug'],
      });
      try {
        server.closeLog();
        await expectServes(server.port('client'));
        await until(
          async () => ((await lostLines(server.port('http'), 'epipe')) > 0 ? true : null),
          { within: PATIENCE_MILLIS, what: 'lines that are counted as lost' },
        );
      } finally {
        expect(await server.stop()).toEqual({ code: 0, signal: null });
      }
    },
  );

  it.skipIf(!hasFull)('ends with the code of what it refuses', async () => {
    const words = ['start', `--data-file=${formatted}.no`, '--addresses=127.0.0.1:1'];
    expect((await endOf(withFull('stderr', words))).code).toBe(ERRORS.data_file_missing.exitCode);
  });
});

describe.skipIf(!hasFull)('a command on a full disk', () => {
  it('ends with its own code when standard error cannot be written', async () => {
    const words = ['get', 'key', '--endpoints=127.0.0.1:1', '--timeout=1'];
    expect((await endOf(withFull('stderr', words))).code).toBe(EXIT_CODES.no_answer.code);
  });

  it('says in one line that its result could not be written', async () => {
    const { code, stderr } = await endOf(withFull('stdout', ['inspect', 'superblock', formatted]));
    expect(stderr).toMatch(/^error: standard output cannot be written: ENOSPC\. .* \[error\]\n$/);
    expect(code).toBe(EXIT_CODES.error.code);
  });
});
