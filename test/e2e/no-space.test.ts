import { runProgram } from '@kimberlite/cli';
import { Client, ClientError } from '@kimberlite/client';
import { formatAddress, type StatusRecord } from '@kimberlite/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capturedIo } from '../../packages/cli/src/testing/captured-io.ts';
import { TestCluster } from '../../packages/server/src/testing/test-cluster.ts';
import { DISK_CONFIG, DISK_REPLICAS } from '../support/disk-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Room for ten keys of this size, and not for one more. */
const VALUE = new Uint8Array(900);
const KEYS = 10;

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: TestCluster;
let client: Client;

beforeEach(async () => {
  directory = temporaryDirectory();
  cluster = new TestCluster({
    directory: directory.path,
    replicaCount: DISK_REPLICAS,
    config: { ...DISK_CONFIG, stateBytesMax: KEYS * 1000 },
    powerLoss: 'none',
  });
  await cluster.formatAll();
  await cluster.startAll();
  client = connect();
});
afterEach(async () => {
  await client.close();
  await cluster.stopAll();
  directory.remove();
});

function connect(): Client {
  const endpoints = cluster.replicas.flatMap((replica) => {
    return replica === null ? [] : [formatAddress(replica.clientAddress)];
  });
  return new Client({ endpoints, requestTimeout: 20_000 });
}

/** What a put comes to: null, or the code of its error. */
async function put(key: string): Promise<string | null> {
  try {
    await client.put(key, VALUE);
    return null;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    expect(error.definite).toBe(true);
    return error.code;
  }
}

/** What the primary says of itself. */
async function told(): Promise<{ readonly status: StatusRecord | null; readonly page: string }> {
  const primary = cluster.replicas[cluster.primary() ?? 0] ?? null;
  const { host = '', port = 0 } = primary?.httpAddress ?? {};
  const page = await (await fetch(`http://${host}:${port}/metrics`)).text();
  return { status: primary?.status() ?? null, page };
}

describe('a state that has reached its limit', () => {
  it('refuses puts while reads and deletes go on, before and after a restart', async () => {
    for (let key = 0; key < KEYS; key += 1) expect(await put(`key ${key}`)).toBeNull();
    expect(await put('one more')).toBe('no_space');
    expect(await put('key 3')).toBeNull();
    expect((await client.get('key 3'))?.value.length).toBe(VALUE.length);
    // Ten times a namespace of 7 bytes, a key of 5, the value and 64.
    const { status, page } = await told();
    expect(status?.stateSize).toEqual({ bytes: 9760, bytesMax: 10_000, refusals: 1 });
    expect(page).toMatch(/^vsr_state_bytes 9760$/m);
    expect(page).toMatch(/^vsr_state_bytes_max 10000$/m);
    expect(page).toMatch(/^vsr_state_refusals_total\{reason="no_space"\} 1$/m);
    await client.close();
    await cluster.stopAll();
    const io = capturedIo();
    expect(await runProgram(['inspect', 'tables', cluster.path(0)], io)).toBe(0);
    expect(io.out()).toMatch(
      /\nstate: \d+ of 10000 bytes \(\d+%\) at the checkpoint\nas of the .*\n$/,
    );
    await cluster.startAll();
    client = connect();
    expect(await put('one more')).toBe('no_space');
    await client.delete('key 0');
    expect(await put('one more')).toBeNull();
    expect(await put('and another')).toBe('no_space');
  });
});
