import { mix128 } from '@kimberlite/store';
import { encodeMessage, TIMEOUTS_DEFAULT, timeoutsOfProfile } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { Packet } from '../network/network.ts';
import { STORAGE_CALM } from '../storage/storage.ts';
import { messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, keepBusy, settle } from '../testing/settled.ts';

/** From now on these disks need at least so many milliseconds for a write. */
function slowDown(script: ScriptedCluster, slots: readonly number[], millis: number): void {
  const options = { ...STORAGE_CALM, writeMinMicros: millis * 1_000 };
  for (const slot of slots) script.cluster.storage(slot).setOptions(options);
}

/** A primary stands, and leads on for as long as anyone looks. */
function expectAtRest(script: ScriptedCluster): void {
  const view = (): number => Math.max(...script.cluster.snapshots().map((state) => state.view));
  const before = view();
  expect(keepBusy(script, 2_000)).toBeGreaterThan(8);
  expect(view()).toBe(before);
}

describe('disks that are slow for good', () => {
  it.each([200, 500, 1_000])(
    'come out of a view change: %i ms a write, three replicas',
    (millis) => {
      const { script, primary } = settle({ replicaCount: 3, clientCount: 2 });
      slowDown(script, [0, 1, 2], millis);
      script.run(500);
      script.crash(script.primary() ?? primary);
      keepBusy(script, 4_000);
      expectAtRest(script);
    },
  );

  // A superblock alone takes 20 s then, and a view change needs three, one after the other.
  it.each([3, 5])('come out of a view change: 5 s a write, %i replicas', (replicaCount) => {
    const { script, primary } = settle({ replicaCount, clientCount: 1 });
    slowDown(
      script,
      script.cluster.replicas.map(({ slot }) => slot),
      5_000,
    );
    script.run(500);
    script.crash(script.primary() ?? primary);
    const answer = script.submit(addOne(1));
    script.runUntil(() => answer.body !== null, 14_000);
    const view = script.state(script.primary() ?? primary).view;
    expect(keepBusy(script, 3_000)).toBeGreaterThan(1);
    expect(script.state(script.primary() ?? primary)).toMatchObject({ view, isPrimary: true });
  });

  it.each([500, 1_000])('of one backup of two: %i ms a write', (millis) => {
    const { script, backups } = settle({ replicaCount: 2, clientCount: 2 });
    slowDown(script, backups, millis);
    keepBusy(script, 4_000);
    expectAtRest(script);
  });

  it.each([500, 1_000])('of one backup, and the other dead: %i ms a write', (millis) => {
    const { script, backups } = settle({ replicaCount: 3, clientCount: 2 });
    script.crash(at(backups, 1));
    slowDown(script, [at(backups, 0)], millis);
    keepBusy(script, 4_000);
    expectAtRest(script);
  });

  it('come out of a view change with the short timeouts of a fast network', () => {
    const timeouts = timeoutsOfProfile('lan');
    const { script, primary } = settle({ replicaCount: 3, clientCount: 2, timeouts });
    slowDown(script, [0, 1, 2], 80);
    script.run(100);
    script.crash(script.primary() ?? primary);
    keepBusy(script, 1_000);
    expectAtRest(script);
  });
});

/** The author of this ping asks for a block. */
function blocksWanted(ping: Packet): Packet {
  const { header } = messageIn(ping);
  const { cluster, replica, view, release, incarnation } = header;
  const body = new Uint8Array(32);
  body[0] = 1; // The address; its checksum is one that no block has.
  body[8] = 1;
  const fields = { cluster, replica, view, release, incarnation };
  const { bytes } = encodeMessage('requestBlocks', fields, body, mix128);
  return { ...ping, command: 'requestBlocks', bytes };
}

describe('a primary whose writes hang while its reads do not', () => {
  it('gives way as soon as without the reads', () => {
    const { script, primary, backups } = settle({ replicaCount: 3 });
    const { checkpointInterval } = script.cluster.options.config;
    const pings = script.watch({ from: at(backups, 0), to: primary, command: 'ping' });
    script.run(30);
    const ask = blocksWanted(at(pings.packets, -1));
    script.tap.hang(primary, 'blocks');
    while (script.state(primary).op < checkpointInterval * 1.5) script.add(1, 1);
    const answer = script.submit(addOne(1));
    for (let tick = 0; tick < 3 * TIMEOUTS_DEFAULT.abdicate && answer.body === null; tick += 1) {
      if (tick % 50 === 0) script.replay(ask);
      script.run(1);
    }
    expect(script.events('abdicated', primary)).toMatchObject([{ reason: 'disk_stall' }]);
    expect(answer.body).not.toBeNull();
  });
});
