import { mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  encodeMessage,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
  Prng,
  View,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { NETWORK_CALM, Network, type NetworkOptions, type Packet } from './network.ts';
import { NODE_HEALTHY } from './node-health.ts';
import { PARTITIONS_OFF, PartitionFaults, type PartitionMode } from './partitions.ts';

function vote(view: number): AnyMessage {
  const fields = { cluster: 1n, replica: 0, view: View(view), release: 1, incarnation: 1n };
  return encodeMessage('startViewChange', fields, null, mix128) as AnyMessage;
}

function request(): AnyMessage {
  const fields = { cluster: 1n, replica: 255, view: View(0), release: 1, incarnation: 0n };
  const own = { client: 5n as never, session: 1, request: 1, operation: 16 };
  return encodeMessage('request', { ...fields, ...own }, null, mix128) as AnyMessage;
}

function network(options: Partial<NetworkOptions>, nodeCount = 3) {
  const queue = new EventQueue();
  const received: Packet[] = [];
  const net = new Network({
    queue,
    prng: new Prng(3n),
    options: { ...NETWORK_CALM, ...options },
    nodeCount,
    faults: null,
    receive: (packet) => received.push(packet),
  });
  const drain = (): void => {
    for (let events = 0; events < 10_000 && queue.step(); events += 1);
  };
  return { queue, net, received, drain };
}

function viewsOf(packets: readonly Packet[]): number[] {
  return packets.map(({ bytes }) => {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(56, true);
  });
}

describe('network', () => {
  it('delivers a copy of the bytes, after the delay', () => {
    const { queue, net, received, drain } = network({ delayMinMicros: 500, delayMeanMicros: 0 });
    const message = vote(9);
    net.send(0, 1, message);
    message.bytes.fill(0);
    drain();
    expect(queue.now).toBe(500);
    expect(viewsOf(received)).toEqual([9]);
  });

  it('keeps the order of a link unless it may reorder', () => {
    const order = (reorder: boolean): number[] => {
      const { net, received, drain } = network({ delayMeanMicros: 5_000, reorder });
      for (let view = 0; view < 50; view += 1) net.send(0, 1, vote(view));
      drain();
      return viewsOf(received);
    };
    const sorted = Array.from({ length: 50 }, (_, view) => view);
    expect(order(false)).toEqual(sorted);
    const shuffled = order(true);
    expect(shuffled).not.toEqual(sorted);
    expect(shuffled.toSorted((first, other) => first - other)).toEqual(sorted);
  });

  it('loses about the given share', () => {
    const { net, received, drain } = network({ lossProbability: 0.3 });
    for (let count = 0; count < 1_000; count += 1) net.send(0, 1, vote(count));
    drain();
    expect(received.length).toBeGreaterThan(640);
    expect(received.length).toBeLessThan(760);
  });

  it('replays packets, but no requests unless told to', () => {
    const count = (message: AnyMessage, replayRequests: boolean): number => {
      const { net, received, drain } = network({ replayProbability: 0.5, replayRequests });
      for (let sent = 0; sent < 100; sent += 1) net.send(0, 1, message);
      drain();
      return received.length;
    };
    expect(count(vote(1), false)).toBeGreaterThan(150);
    expect(count(request(), false)).toBe(100);
    expect(count(request(), true)).toBeGreaterThan(150);
  });

  it('drops a random packet when a link is full, not always the newest', () => {
    const { net, received, drain } = network({ capacity: 5 });
    for (let view = 0; view < 100; view += 1) net.send(0, 1, vote(view));
    drain();
    expect(received).toHaveLength(5);
    expect(viewsOf(received).some((view) => view >= 5)).toBe(true);
    expect(net.counts.overflowed).toBe(95);
  });

  it('cuts one direction alone, also for what is in flight', () => {
    const { net, received, drain } = network({});
    net.send(0, 1, vote(1));
    net.setCut(0, 1, true);
    net.send(0, 1, vote(2));
    net.send(1, 0, vote(3));
    drain();
    expect(viewsOf(received)).toEqual([3]);
    net.setCut(0, 1, false);
    net.send(0, 1, vote(4));
    drain();
    expect(viewsOf(received)).toEqual([3, 4]);
  });

  it('holds back what a clogged link carries and lets it go later', () => {
    const { queue, net, received } = network({ clogProbability: 1, clogMeanMicros: 1_000_000 });
    net.tick();
    net.send(0, 1, vote(1));
    for (let events = 0; events < 100 && queue.step(); events += 1);
    expect(received).toHaveLength(1);
    expect(queue.now).toBeGreaterThan(2_000);
  });

  it('loses on a congested link, is slow there, and is clear again at the end', () => {
    const congestion = {
      beginProbability: 1,
      endProbability: 0,
      delayFactor: 10,
      lossProbability: 1,
    };
    const { net, received, drain } = network({ congestion });
    net.tick();
    net.send(0, 1, vote(1));
    drain();
    expect(received).toHaveLength(0);
    expect(net.counts.congested).toBe(1);
    net.unclog();
    net.send(0, 1, vote(2));
    drain();
    expect(viewsOf(received)).toEqual([2]);
    const slow = network({
      congestion: { ...congestion, lossProbability: 0 },
      delayMinMicros: 1_000,
      delayMeanMicros: 0,
    });
    slow.net.tick();
    slow.net.send(0, 1, vote(1));
    slow.drain();
    expect(slow.queue.now).toBe(10_000);
  });

  it('loses packets of one command only', () => {
    const { net, received, drain } = network({
      lossByCommand: { startViewChange: 1 },
    });
    net.send(0, 1, vote(1));
    drain();
    expect(received).toHaveLength(0);
    expect(net.counts.lostByCommand).toBe(1);
    const other = network({ lossByCommand: { commit: 1 } });
    other.net.send(0, 1, vote(1));
    other.drain();
    expect(other.received).toHaveLength(1);
  });

  it('loses packets of one command to one node only', () => {
    const { net, received, drain } = network({
      lossByCommand: { startViewChange: 1 },
      lossByCommandTo: 2,
    });
    net.send(0, 1, vote(1));
    net.send(0, 2, vote(1));
    drain();
    expect(received.map(({ to }) => to)).toEqual([1]);
    expect(net.counts.lostByCommand).toBe(1);
  });

  it('loses what an ill node sends, or is sent, as its illness says', () => {
    const { net, received, drain } = network({});
    net.health.set(0, { ...NODE_HEALTHY, muted: true });
    net.health.set(2, { ...NODE_HEALTHY, deaf: true });
    net.send(0, 1, vote(1));
    net.send(1, 2, vote(2));
    net.send(1, 0, vote(3));
    net.send(2, 1, vote(4));
    drain();
    expect(viewsOf(received).toSorted((first, other) => first - other)).toEqual([3, 4]);
    net.health.healAll();
    net.send(0, 1, vote(5));
    drain();
    expect(viewsOf(received)).toContain(5);
  });

  it('inverts a bit of garbled packets', () => {
    const { net, received, drain } = network({ garbleProbability: 1 });
    const message = vote(1);
    net.send(0, 1, message);
    drain();
    const bytes = received[0]?.bytes ?? new Uint8Array(0);
    const different = bytes.filter((byte, at) => byte !== message.bytes[at]);
    expect(different).toHaveLength(1);
  });

  it('inverts it in a checksum where that is what shall be wrong, and counts those', () => {
    const { net, received, drain } = network({ garbleProbability: 1, garbleChecksums: 1 });
    const message = vote(1);
    for (let sent = 0; sent < 40; sent += 1) net.send(0, 1, message);
    drain();
    const places = received.map(({ bytes }) =>
      bytes.findIndex((byte, at) => byte !== message.bytes[at]),
    );
    const isIn = (offset: number) => (at: number) => at >= offset && at < offset + 16;
    const ofHeader = places.filter(isIn(OFFSET_CHECKSUM));
    const ofBody = places.filter(isIn(OFFSET_CHECKSUM_BODY));
    expect(ofHeader.length + ofBody.length).toBe(40);
    expect(Math.min(ofHeader.length, ofBody.length)).toBeGreaterThan(5);
    expect(net.counts).toMatchObject({ garbled: 40, checksumsGarbled: 40 });
  });
});

describe('partitions', () => {
  function divided(mode: PartitionMode, oneWay: boolean, seed = 11, primary: number | null = 3) {
    const { net } = network({}, 5);
    const faults = new PartitionFaults({
      network: net,
      prng: new Prng(BigInt(seed)),
      options: {
        ...PARTITIONS_OFF,
        modes: [mode],
        symmetry: oneWay ? 'one_way' : 'symmetric',
        beginProbability: 1,
        healProbability: 0,
      },
      replicaCount: 5,
      nodeCount: 5,
      primary: () => primary,
      faults: null,
      onHealed: () => {},
    });
    faults.tick();
    const cuts: [number, number][] = [];
    for (let from = 0; from < 5; from += 1) {
      for (let to = 0; to < 5; to += 1) if (net.isCut(from, to)) cuts.push([from, to]);
    }
    return { net, faults, cuts };
  }

  it('isolate one replica from all others', () => {
    const { cuts } = divided('isolate_one', false);
    expect(cuts).toHaveLength(8);
    const alone = cuts.find(([from]) => cuts.filter(([other]) => other === from).length === 4)?.[0];
    expect(alone).toBeDefined();
    expect(cuts.every(([from, to]) => from === alone || to === alone)).toBe(true);
  });

  it('cut one direction only, when one-way', () => {
    const { cuts } = divided('isolate_one', true);
    expect(cuts).toHaveLength(4);
    for (const [from, to] of cuts) expect(cuts).not.toContainEqual([to, from]);
  });

  it('isolate whoever leads', () => {
    const { cuts } = divided('isolate_primary', false);
    expect(cuts).toHaveLength(8);
    expect(cuts.every(([from, to]) => from === 3 || to === 3)).toBe(true);
  });

  it('divide into three groups or more', () => {
    const { net } = divided('multi_group', false);
    const groups = new Set<string>();
    for (let node = 0; node < 5; node += 1) {
      const reached = [0, 1, 2, 3, 4].filter((to) => to === node || !net.isCut(node, to));
      groups.add(reached.join());
    }
    expect(groups.size).toBeGreaterThanOrEqual(3);
  });

  it('cut a single link, and leave no group apart', () => {
    const { cuts } = divided('single_link', false);
    expect(cuts).toHaveLength(2);
    const [[from, to] = []] = cuts;
    expect(cuts).toContainEqual([to, from]);
  });

  it('leave one replica that hears both sides of a bridge', () => {
    const { cuts } = divided('bridge', false);
    // Two and two, and each of one side does not hear those of the other.
    expect(cuts).toHaveLength(8);
    const ends = new Set(cuts.flat());
    expect(ends.size).toBe(4);
  });

  it('leave each replica of a ring two neighbours', () => {
    const { net } = divided('ring', false);
    for (const from of [0, 1, 2, 3, 4]) {
      expect([0, 1, 2, 3, 4].filter((to) => to !== from && !net.isCut(from, to))).toHaveLength(2);
    }
  });

  it('always part somebody, whatever sizes are drawn', () => {
    for (const mode of ['uniform_size', 'uniform_partition'] as const) {
      for (let seed = 1; seed <= 40; seed += 1) {
        expect(divided(mode, true, seed).cuts.length).toBeGreaterThan(0);
      }
    }
  });

  it('of the primary are those of somebody where nobody leads', () => {
    const { faults } = divided('isolate_primary', false, 11, null);
    expect(faults.counts).toMatchObject({ isolate_primary: 0, isolate_one: 1 });
  });

  it('heal completely', () => {
    const { net, faults, cuts } = divided('isolate_one', false);
    faults.heal();
    for (const [from, to] of cuts) expect(net.isCut(from, to)).toBe(false);
  });

  it('are counted by kind', () => {
    const { faults } = divided('uniform_partition', true);
    expect(faults.counts).toMatchObject({ uniform_partition: 1, one_way: 1, symmetric: 0 });
  });
});
