import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '@kimberlite/cli';
import { Client } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import { zoneOffset } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { withBackup } from '../../packages/cli/src/backup/backup-file.ts';
import { capturedIo } from '../../packages/cli/src/testing/captured-io.ts';
import { startSolo } from '../../packages/cli/src/testing/solo-file.ts';
import { type Ended, formatFile, kimberlite, run } from '../support/kimberlite.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Past a checkpoint of `--size=dev`, with almost as much in the log above it. */
const PUTS = 130;
const VALUE = new Uint8Array(56 * 1024);
/** Bytes that a data file has for blocks when it is made, at least. */
const BLOCKS_AT_FIRST = 4 * 1024 * 1024;
const KIB = 1024;

let directory: ReturnType<typeof temporaryDirectory>;
let backup: string;

beforeAll(async () => {
  directory = temporaryDirectory();
  const path = join(directory.path, '0.data');
  backup = join(directory.path, 'large.backup');
  await formatFile({ path, cluster: 7n, slot: 0, replicaCount: 1 });
  const replica = await startSolo(path, { http: '127.0.0.1:0' });
  const endpoints = [formatAddress(replica.clientAddress)];
  const client = new Client({ endpoints, lanes: 1, requestTimeout: 30_000 });
  for (let turn = 0; turn < PUTS; turn += 1) await client.put(`key ${turn}`, VALUE);
  await client.close();
  const http = replica.httpAddress === null ? '' : formatAddress(replica.httpAddress);
  const words = ['backup', 'create', backup, `--http=${http}`];
  expect(await runProgram(words, capturedIo())).toBe(0);
  await replica.stop();
});
afterAll(() => directory.remove());

/** Bytes of a data file that is made of the backup, before its log is executed. */
function sizeAtFirst(): Promise<number> {
  return withBackup(backup, ({ head: { config }, layout }) => {
    const blocks = layout.blocks.last * config.blockSize;
    return zoneOffset(config, 'blocks') + Math.max(blocks, BLOCKS_AT_FIRST);
  });
}

/** A process none of whose files may be larger, whatever the file system has. */
function runWithin(bytes: number, ...words: readonly string[]): Promise<Ended> {
  const { file, args, options } = kimberlite(words);
  const limited = ['-c', 'ulimit -f "$0"; exec "$@"', String(Math.ceil(bytes / KIB)), file];
  return run({ file: 'bash', args: [...limited, ...args], options });
}

// A replica waits for room as long as it takes. One that only executes a log must not: nobody
// knows that somebody waits for it.
describe('a disk with room for the state of a backup, and none for what its log comes to', () => {
  it('ends a verification, which says so and leaves nothing', async () => {
    const scratch = join(directory.path, 'scratch');
    mkdirSync(scratch);
    const words = ['backup', 'verify', backup, `--scratch=${scratch}`];
    const ended = await runWithin((await sizeAtFirst()) + KIB, ...words);
    expect(ended.stderr).toMatch(
      /^error: there is no room for \S+replay\.tmp: \d+ bytes wait for it\. .+ \[disk_full\]\n$/,
    );
    expect(ended.code).toBe(30);
    expect(readdirSync(scratch)).toEqual([]);
    expect(await runWithin(1024 * KIB * KIB, ...words)).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends a restore, which leaves nothing', async () => {
    const into = join(directory.path, 'restored');
    const words = ['backup', 'restore', backup, `--into=${into}`];
    const ended = await runWithin((await sizeAtFirst()) + KIB, ...words);
    expect(ended.stderr).toContain('[disk_full]');
    expect(ended.code).toBe(30);
    expect(existsSync(into)).toBe(false);
  });
});
