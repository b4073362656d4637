import { Client, ClientError } from '@kimberlite/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runKimberlite } from '../support/kimberlite.ts';
import {
  ProxiedCluster as Cluster,
  type ProxiedCluster,
  slots,
} from '../support/proxied-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const MINUTES = 60_000;
vi.setConfig({ testTimeout: 3 * MINUTES, hookTimeout: 2 * MINUTES });

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster;
let client: Client;
/** Keys whose put was acknowledged, with their values. */
let acknowledged: Map<string, string>;

beforeEach(async () => {
  directory = temporaryDirectory();
  cluster = await Cluster.make(directory.path);
  acknowledged = new Map();
  await cluster.startAll();
  client = new Client({ endpoints: cluster.endpoints(), requestTimeout: 3_000 });
  await cluster.whole();
});
afterEach(async () => {
  await client.close();
  await cluster.stop();
  directory.remove();
});

/** Puts a new key until one is acknowledged. */
async function write(): Promise<void> {
  await until(async () => {
    const key = `key ${acknowledged.size}`;
    const value = `${performance.now()}`;
    try {
      await client.put(key, value);
    } catch (error) {
      if (error instanceof ClientError) return null;
      throw error;
    }
    acknowledged.set(key, value);
    return true;
  }, cluster.waiting('a put is acknowledged'));
}

async function expectNothingLost(): Promise<void> {
  for (const [key, value] of acknowledged) {
    const record = await client.get(key);
    expect(Buffer.from(record?.value ?? []).toString(), key).toBe(value);
  }
}

describe('a replica that is left alone', () => {
  it('says so, refuses writes for sure, and goes on by itself with the others', async () => {
    await write();
    const survivor = await cluster.primary();
    const others = slots().filter((slot) => slot !== survivor);
    for (const slot of others) await cluster.kill(slot);
    await until(async () => {
      const record = await cluster.status(survivor);
      return record?.state.quorumSeen === false ? true : null;
    }, cluster.waiting('it sees no quorum'));
    const refused = await until(async () => {
      try {
        await client.put('refused', 'never');
        return null;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        return error.code === 'no_quorum' ? error : null;
      }
    }, cluster.waiting('a put is refused'));
    expect(refused.definite).toBe(true);
    // So do reads that somebody would have to confirm; others need nobody.
    const definite = { code: 'no_quorum', definite: true };
    const timeout = 1_000;
    await expect(client.get('refused', { timeout })).rejects.toMatchObject(definite);
    await expect(client.range({}, { timeout })).rejects.toMatchObject(definite);
    await expect(client.stream.length('audit', { timeout })).rejects.toMatchObject(definite);
    expect(await client.get('key 0', { consistency: 'local' })).not.toBeNull();
    const endpoints = cluster.endpoints().join(',');
    const where = ['--endpoints', endpoints, '--timeout', `${timeout}`];
    for (const [error, ...words] of [
      ['no_quorum', 'get', 'refused'],
      ['no_quorum', 'verify', 'stream', 'audit'],
      ['too_stale', 'get', 'refused', '--read', 'bounded=100'],
    ]) {
      const { code, stderr } = await runKimberlite(...words, ...where);
      expect(stderr).toContain(`[${error}]`);
      expect(code).toBe(5);
    }
    for (const slot of others) await cluster.start(slot);
    await cluster.whole();
    await write();
    await expectNothingLost();
    expect((await cluster.status(survivor))?.state.quorumSeen).toBe(true);
  });
});
