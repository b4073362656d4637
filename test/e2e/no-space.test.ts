import { Client, ClientError } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

describe('a state that has reached its limit', () => {
  it('refuses puts while reads and deletes go on, before and after a restart', async () => {
    for (let key = 0; key < KEYS; key += 1) expect(await put(`key ${key}`)).toBeNull();
    expect(await put('one more')).toBe('no_space');
    expect(await put('key 3')).toBeNull();
    expect((await client.get('key 3'))?.value.length).toBe(VALUE.length);
    await client.close();
    await cluster.stopAll();
    await cluster.startAll();
    client = connect();
    expect(await put('one more')).toBe('no_space');
    await client.delete('key 0');
    expect(await put('one more')).toBeNull();
    expect(await put('and another')).toBe('no_space');
  });
});
