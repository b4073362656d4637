import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { capturedIo } from '../testing/captured-io.ts';
import { DevRun } from './dev-run.ts';
import { findFreeBase } from './ports.ts';

it('makes nothing on disk when a port is taken', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'kimberlite-dev-'));
  const directory = join(parent, 'data');
  let at = 0.3;
  const basePort = await findFreeBase(3, () => {
    at = (at + 0.618_033_988_749) % 1;
    return at;
  });
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: basePort + 21 }, resolve);
  });
  const io = capturedIo();
  const run = new DevRun({
    io,
    replicas: 3,
    basePort,
    directory,
    shownDirectory: directory,
    size: null,
    readyMillis: 1000,
  });
  try {
    await expect(run.start(new Promise(() => {}))).rejects.toMatchObject({
      code: 'port_in_use',
      exitCode: 11,
      remedy: expect.stringMatching(/^Nothing was started.*A cluster may already run on these/),
    });
    expect(existsSync(directory)).toBe(false);
    expect(io.err()).toBe('');
  } finally {
    await run.stop();
    server.close();
    rmSync(parent, { recursive: true });
  }
});
