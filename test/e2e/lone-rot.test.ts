import { closeSync, openSync, writeSync } from 'node:fs';
import { Client } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import { present } from '@kimberlite/store';
import { zoneOffset } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDataFile } from '../../packages/cli/src/inspect/data-file-reader.ts';
import { readTree } from '../../packages/cli/src/inspect/read-tree.ts';
import { TestCluster } from '../../packages/server/src/testing/test-cluster.ts';
import { DISK_CONFIG } from '../support/disk-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Longer than a quarter of a page. */
const VALUE = 'value '.repeat(1000);

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: TestCluster;
let client: Client | null;

beforeEach(async () => {
  directory = temporaryDirectory();
  cluster = new TestCluster({
    directory: directory.path,
    replicaCount: 1,
    config: DISK_CONFIG,
    powerLoss: 'none',
    scrubTourSeconds: 1,
  });
  client = null;
  await cluster.formatAll();
  await cluster.start(0);
});
afterEach(async () => {
  await client?.close();
  await cluster.stopAll();
  directory.remove();
});

/** A client of the replica's present life. */
async function connect(): Promise<Client> {
  await client?.close();
  const endpoints = cluster.replicas.flatMap((replica) => {
    return replica === null ? [] : [formatAddress(replica.clientAddress)];
  });
  client = new Client({ endpoints, requestTimeout: 5_000 });
  return client;
}

/** Address of a block of the checkpoint that has a value and nothing else. */
function blockOfValue(): number {
  return withDataFile(cluster.path(0), (file) => {
    const addresses: number[] = [];
    readTree(file, { onFault: () => {}, onBlock: (address) => addresses.push(address) });
    const found = addresses.find((address) => {
      const offset = (address - 1) * DISK_CONFIG.blockSize;
      return Buffer.from(file.read('blocks', offset, DISK_CONFIG.blockSize)).includes(VALUE);
    });
    return present(found, 'a long value has a block of its own');
  });
}

function spoil(address: number): void {
  const fd = openSync(cluster.path(0), 'r+');
  const at = zoneOffset(DISK_CONFIG, 'blocks') + (address - 1) * DISK_CONFIG.blockSize;
  writeSync(fd, Buffer.alloc(64, 0x5a), 0, 64, at + 200);
  closeSync(fd);
}

describe('a block that rots in a cluster of one', () => {
  it('is named at each tour; it goes on, and ends when something needs the block', async () => {
    const writer = await connect();
    const keys = Array.from({ length: 2 * DISK_CONFIG.checkpointInterval }, (_, n) => `key ${n}`);
    for (const key of keys) await writer.put(key, VALUE);
    await cluster.stop(0);
    await cluster.start(0); // Nothing of the state is in memory but what a start reads.
    const address = blockOfValue();
    cluster.log.length = 0;
    spoil(address);
    const found = (): string[] => cluster.log.filter((line) => line.includes('corruption found'));
    await until(() => (found().length >= 2 ? true : null), {
      within: 20_000,
      what: 'two findings',
      explain: () => cluster.log.join('\n'),
    });
    for (const line of found()) {
      expect(JSON.parse(line)).toMatchObject({ what: 'block', place: address, found: 'scrub' });
    }
    expect(cluster.fatal).toEqual([]);
    const reader = await connect();
    await reader.put('another', 'value');
    const reading = Promise.all(keys.map((key) => reader.get(key)));
    await expect(reading).rejects.toMatchObject({ name: expect.stringContaining('Error') });
    expect(cluster.fatal).toMatchObject([{ code: 'data_file_damaged', exitCode: 25 }]);
  });
});
