import type { Socket } from 'node:net';
import { Client } from '@kimberlite/client';
import { Prng } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { greet, hello, oversized, sendRaw, withWrongChecksum } from '../support/frames.ts';
import { runKimberlite } from '../support/kimberlite.ts';
import { CLUSTER, ProxiedCluster, slots } from '../support/proxied-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const OTHER_CLUSTER = CLUSTER + 1n;

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster;
let bystander: Client;
/** Connections of others, one to each replica. */
let idle: Socket[];

beforeAll(async () => {
  directory = temporaryDirectory();
  cluster = await ProxiedCluster.make(directory.path);
  await cluster.startAll();
  bystander = new Client({ endpoints: cluster.endpoints(), requestTimeout: 60_000 });
  await bystander.put('before', 'there');
  idle = await Promise.all(slots().map((slot) => greet(cluster.port(slot, 'client'), CLUSTER)));
  // All have greeted each other then, and know the file of each slot.
  await cluster.whole();
});
afterAll(async () => {
  await bystander.close();
  for (const socket of idle) socket.destroy();
  const codes = await cluster.stop();
  directory.remove();
  expect(codes).toEqual([0, 0, 0]);
});

/** Everybody else goes on as if nothing had happened. */
async function nothingWasHarmed(): Promise<void> {
  await bystander.put('after', 'there');
  expect(Buffer.from((await bystander.get('before'))?.value ?? []).toString()).toBe('there');
  expect(idle.map((socket) => socket.readyState)).toEqual(['open', 'open', 'open']);
  await cluster.whole();
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
