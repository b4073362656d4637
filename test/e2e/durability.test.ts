import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@kimberlite/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatFile } from '../support/kimberlite.ts';
import { ServerProcess } from '../support/server-process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let directory: ReturnType<typeof temporaryDirectory>;
let server: ServerProcess | null;

beforeEach(() => {
  directory = temporaryDirectory();
  server = null;
});
afterEach(async () => {
  await server?.stop();
  directory.remove();
});

/** Open(2) flags of each descriptor of a process that is the file. */
function openFlags(pid: number, path: string): number[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    let target = '';
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      // Closed since the list was read.
    }
    if (target !== path) return [];
    const flags = /^flags:\s*([0-7]+)$/m.exec(
      readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'),
    )?.[1];
    return [Number.parseInt(flags ?? '0', 8)];
  });
}

/**
 * That an acknowledgement means disk is shown from two sides: here, that the process which
 * acknowledges has its file open for synchronous writes and in no other way; and, in
 * packages/server/src/start-replica.test.ts, that a disk which forgets what it has not reported
 * as written loses nothing when the power goes, while one that lies does.
 */
describe('an acknowledged write', () => {
  it('is made on a file that is open for synchronous writes alone', async (context) => {
    if (process.platform !== 'linux') context.skip('only Linux tells how a file is open');
    const path = join(directory.path, '0.data');
    await formatFile({ path, cluster: 7n, slot: 0, replicaCount: 1 });
    server = await ServerProcess.start({ dataFile: path, addresses: ['127.0.0.1:1'] });
    const endpoints = [`127.0.0.1:${server.port('client')}`];
    const client = new Client({ endpoints, requestTimeout: 60_000 });
    await client.put('key', 'value');
    const flags = openFlags(server.pid, path);
    await client.close();
    expect(flags.length).toBeGreaterThan(0);
    for (const flag of flags) expect(flag & constants.O_DSYNC).toBe(constants.O_DSYNC);
    const status = await server.status();
    const isDirect = flags.every((flag) => (flag & constants.O_DIRECT) !== 0);
    expect(status?.dataFile.ioMode).toBe(isDirect ? 'direct_dsync' : 'dsync');
  });
});
