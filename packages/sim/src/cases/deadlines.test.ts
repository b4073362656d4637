import {
  CONFIG_SIMULATION,
  isCommand,
  MAX_INFLIGHT_PER_REPLICA,
  TIMEOUTS_DEFAULT,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { Packet } from '../network/network.ts';
import { messageIn, type ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

/*
 * What is large has more time than what is small: deadlines by kind of operation. In these clusters
 * messages have at most 4 KiB, so a prepare is large above 1 KiB: fifteen requests.
 */

function opOf(packet: Packet): number {
  const message = messageIn(packet);
  return isCommand(message, 'prepare') ? message.header.op : 0;
}

describe('a large prepare', () => {
  const { prepare, prepareLarge } = TIMEOUTS_DEFAULT;

  it('is sent again later than a small one, and before the primary gives way', () => {
    const { script, primary } = settle({
      replicaCount: 3,
      clientCount: 30,
      config: { ...CONFIG_SIMULATION, sessionsMax: 64 },
    });
    const { view } = script.state(primary);
    const large = script.cluster.options.config.messageSizeMax / 4;
    const sent = script.watch({ from: primary, command: 'prepare' });
    const copies = (op: number): number => sent.packets.filter((each) => opOf(each) === op).length;
    const largeOp = (): number | null => {
      const packet = sent.packets.find(({ bytes }) => bytes.length > large);
      return packet === undefined ? null : opOf(packet);
    };
    // The pipeline fills with small ones, and behind it enough waits for a large one.
    const acks = script.drop({
      command: 'prepareOk',
      where: (message) => isCommand(message, 'prepareOk') && message.header.op !== largeOp(),
    });
    const first = script.state(primary).op + 1;
    for (const client of script.cluster.clients) client.submit(addOne(1), null);
    script.run(prepare + prepare / 5 + 2);
    expect(copies(first)).toBe(4);
    expect(largeOp()).toBeNull();
    acks.remove();
    // Its acks are lost until it has been sent again.
    const lost = script.drop({
      command: 'prepareOk',
      where: (message) => isCommand(message, 'prepareOk') && message.header.op === largeOp(),
    });
    script.runUntil(() => largeOp() !== null, 2 * prepare);
    const op = largeOp() ?? 0;
    script.run(prepareLarge - 2);
    expect(copies(op)).toBe(2);
    script.run(4);
    expect(copies(op)).toBe(4);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true });
    expect(script.state(primary).timeouts.prepareLarge).toBe(1);
    lost.remove();
    script.runUntil(() => script.cluster.clients.every(({ busy }) => !busy));
    expect(script.read(1)).toBe(30);
    expect(script.events('abdicated')).toEqual([]);
  });
});

describe('a state transfer over a slow link', () => {
  const { repairExpiry, syncExpiry } = TIMEOUTS_DEFAULT;

  /** One that has missed more than the ring holds comes back behind a slow link. */
  function behind(delayTicks: number): { script: ScriptedCluster; lame: number } {
    const { script, backups } = settle({ replicaCount: 3, clientCount: 2 });
    const lame = at(backups, 0);
    script.crash(lame);
    for (let name = 0; name < 3 * script.cluster.options.config.walSlots; name += 1) {
      script.add(name % 200, 1, name % 2);
    }
    const { network } = script.cluster;
    for (const peer of [0, 1, 2]) {
      if (peer === lame) continue;
      network.setExtraDelay(peer, lame, delayTicks * 10_000);
      network.setExtraDelay(lame, peer, delayTicks * 10_000);
    }
    script.restart(lame);
    return { script, lame };
  }

  it('soon gives up no block that only takes longer than a small repair may', () => {
    const { script, lame } = behind(repairExpiry * 0.7);
    const asked = script.watch({ from: lame, command: 'requestBlocks' });
    script.runUntil(() => script.events('sync_finished', lame).length > 0, 40 * syncExpiry);
    expect(asked.packets.length).toBeGreaterThan(0);
    // Once or twice at each of the two peers, until it is known how long they take.
    expect(script.state(lame).timeouts.syncExpiry).toBeLessThanOrEqual(
      4 * MAX_INFLIGHT_PER_REPLICA,
    );
  });

  it('ends, even where each block takes longer than its own time', () => {
    const { script, lame } = behind(syncExpiry * 0.6);
    script.runUntil(() => script.events('sync_finished', lame).length > 0, 100 * syncExpiry);
    expect(script.state(lame).timeouts.syncExpiry).toBeGreaterThan(0);
  });
});
