import { Client } from '@kimberlite/client';
import { Prng } from '@kimberlite/vsr';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hello, oversized, sendRaw, withWrongChecksum } from '../support/frames.ts';
import { runKimberlite } from '../support/kimberlite.ts';
import { CLUSTER, ProxiedCluster, slots } from '../support/proxied-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const OTHER_CLUSTER = CLUSTER + 1n;

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster;
let bystander: Client;
/** Connections that the bystander has lost. */
let lost: string[];

beforeAll(async () => {
  directory = temporaryDirectory();
  cluster = await ProxiedCluster.make(directory.path);
  await cluster.startAll();
  bystander = new Client({ endpoints: cluster.endpoints() });
  await bystander.put('before', 'there');
  await cluster.whole();
  lost = [];
  bystander.onConnection((event) => {
    if (event.kind !== 'connected') lost.push(`${event.endpoint}: ${event.reason}`);
  });
});
afterAll(async () => {
  await bystander.close();
  const codes = await cluster.stop();
  directory.remove();
  expect(codes).toEqual([0, 0, 0]);
});

let views: number[];
beforeEach(async () => {
  views = await viewsNow();
});

async function viewsNow(): Promise<number[]> {
  const records = await Promise.all(slots().map((slot) => cluster.status(slot)));
  return records.map((record) => record?.state.view ?? -1);
}

/** Everybody else goes on as if nothing had happened. */
async function nothingWasHarmed(): Promise<void> {
  await bystander.put('after', 'there');
  expect(Buffer.from((await bystander.get('before'))?.value ?? []).toString()).toBe('there');
  expect(lost).toEqual([]);
  await cluster.whole();
  expect(await viewsNow()).toEqual(views);
}

const garbage = new Uint8Array(4096);
const prng = new Prng(1n);
for (const at of garbage.keys()) garbage[at] = prng.below(256);
const client = hello(CLUSTER, null);

describe('a replica that is sent nonsense', () => {
  const cases: readonly (readonly [string, readonly Uint8Array[], string])[] = [
    ['a garbled frame', [garbage], 'badMessage'],
    ['a frame with a wrong checksum', [withWrongChecksum(client)], 'badMessage'],
    ['an oversized frame', [oversized(client)], 'badMessage'],
    ['a garbled frame after its greeting', [client.bytes, garbage], 'badMessage'],
    ['an oversized frame after its greeting', [client.bytes, oversized(client)], 'badMessage'],
    [
      'a frame with a wrong checksum after its greeting',
      [client.bytes, withWrongChecksum(client)],
      'badMessage',
    ],
    ['a client of another cluster', [hello(OTHER_CLUSTER, null).bytes], 'wrongCluster'],
  ];
  for (const [name, parts, reason] of cases) {
    it(`refuses ${name} on the port for clients`, async () => {
      for (const slot of slots()) {
        expect(await sendRaw(cluster.port(slot, 'client'), ...parts)).toBe(reason);
      }
      await nothingWasHarmed();
    });
  }

  const peers: readonly (readonly [string, Uint8Array, string])[] = [
    ['a garbled frame', garbage, 'badMessage'],
    ['a frame with a wrong checksum', withWrongChecksum(hello(CLUSTER, 1)), 'badMessage'],
    ['an oversized frame', oversized(hello(CLUSTER, 1)), 'badMessage'],
    ['a replica of another cluster', hello(OTHER_CLUSTER, 1).bytes, 'wrongCluster'],
    ['a client', client.bytes, 'wrongMember'],
    // All replicas have greeted each other, so they know the file of each slot.
    ['another file in the place of a replica', hello(CLUSTER, 1).bytes, 'wrongMember'],
  ];
  for (const [name, bytes, reason] of peers) {
    it(`refuses ${name} on the port for peers`, async () => {
      for (const slot of slots()) {
        expect(await sendRaw(cluster.port(slot, 'peer'), bytes)).toBe(reason);
      }
      await nothingWasHarmed();
    });
  }

  it('counts what it could not read', async () => {
    const port = cluster.port(0, 'client');
    const before = (await cluster.status(0))?.counters.frameFaults['header_checksum'] ?? 0;
    await sendRaw(port, withWrongChecksum(client));
    const after = (await cluster.status(0))?.counters.frameFaults['header_checksum'];
    expect(after).toBe(before + 1);
  });
});

describe('a command line that names the wrong cluster', () => {
  it('is told so before its deadline, in one line', async () => {
    const { code, stdout, stderr } = await runKimberlite(
      'put',
      'key',
      'value',
      `--endpoints=${cluster.endpoints().join(',')}`,
      `--cluster=${OTHER_CLUSTER}`,
      '--timeout=60000',
    );
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: [^\n]+ Check the endpoints [^\n]+ \[wrong_cluster\]\n$/);
    expect(code).toBe(6);
    expect(await bystander.get('key')).toBeNull();
    await nothingWasHarmed();
  });
});
