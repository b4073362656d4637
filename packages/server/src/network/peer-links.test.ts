import { type AnyMessage, encodeMessage, Op, Prng, View, ZERO_CHECKSUM } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../checksum.ts';
import { isFault } from '../errors.ts';
import {
  recordingObserver,
  type Seen,
  silentLogger,
  testIdentity,
} from '../testing/network-fixture.ts';
import { Recorder } from '../testing/recorder.ts';
import type { Address } from './address.ts';
import type { SelfIdentity } from './greeting.ts';
import { type Listener, listenAt } from './listener.ts';
import { PeerLinks } from './peer-links.ts';
import { TurnBatch } from './send-queue.ts';

interface Node {
  readonly links: PeerLinks;
  readonly listener: Listener;
  readonly seen: Recorder<Seen>;
  readonly received: Recorder<AnyMessage>;
  /** How many refusals there were, with each. */
  readonly refused: Recorder<{ readonly peer: number; readonly count: number }>;
  /** Peers with other sizes, at each word of one. */
  readonly odd: Recorder<readonly number[]>;
  stop(): void;
}

let addresses: (Address | null)[];
let nodes: Node[];
/** Incarnations that every node takes for those of its peers. */
let known: Map<number, bigint>;

beforeEach(() => {
  addresses = [null, null, null];
  nodes = [];
  known = new Map();
});
afterEach(() => {
  for (const node of nodes) node.stop();
  nodes = [];
});

async function startNode(
  slot: number,
  other: Partial<SelfIdentity> = {},
  elsewhere: Address | null = null,
): Promise<Node> {
  const seen = new Recorder<Seen>();
  const received = new Recorder<AnyMessage>();
  const refused: Node['refused'] = new Recorder();
  const odd: Node['odd'] = new Recorder();
  const links = new PeerLinks({
    self: testIdentity(slot, other),
    addressOf: (peer) => addresses[peer] ?? null,
    turn: new TurnBatch(),
    prng: new Prng(BigInt(slot)),
    observer: recordingObserver(seen),
    logger: silentLogger,
    deliver: (message) => received.add(message),
    knownIncarnation: (peer) => known.get(peer) ?? 0n,
    onOddSizes: (peers) => odd.add([...peers]),
    onRefused: (peer) => refused.add({ peer, count: refused.events.length + 1 }),
  });
  const at = elsewhere ?? addresses[slot] ?? { host: '127.0.0.1', port: 0 };
  const listener = await listenAt(at, 'peers', (socket) => links.accept(socket));
  if (isFault(listener)) throw new Error(listener.message);
  if (elsewhere === null) addresses[slot] = listener.address;
  let stopped = false;
  const node: Node = {
    links,
    listener,
    seen,
    received,
    refused,
    odd,
    stop(): void {
      if (stopped) return;
      stopped = true;
      listener.close();
      links.stop();
    },
  };
  nodes.push(node);
  return node;
}

function vote(slot: number, view: number): AnyMessage {
  const fields = {
    cluster: 77n,
    replica: slot,
    view: View(view),
    release: 1,
    incarnation: BigInt(100 + slot),
  };
  return encodeMessage('startViewChange', fields, null, sha256) as AnyMessage;
}

/** What a core says to the file behind this incarnation. */
function pongTo(incarnation: bigint): AnyMessage {
  const fields = {
    cluster: 77n,
    replica: 0,
    view: View(0),
    release: 1,
    incarnation: 100n,
    pingIncarnation: incarnation,
    knownIncarnation: 101n,
    checkpointId: ZERO_CHECKSUM,
    checkpointOp: Op(0),
    knownSince: Op(0),
    promisedOp: Op(0),
    promisedLogView: View(0),
    promisedView: View(0),
    pingMonotonic: 0,
    pongWall: 0,
    pingLife: 1,
    life: 1,
  };
  // SAFETY: of one command.
  return encodeMessage('pong', fields, null, sha256) as AnyMessage;
}

/** This node's dials were answered by exactly `count` others. */
function reached(node: Node, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      const peers = node.links.status().filter((peer) => peer.outgoing);
      if (peers.length === count || !nodes.includes(node)) resolve();
      else setImmediate(look);
    };
    look();
  });
}

/** Resolves when the peer has refused the node. */
async function refusedBy(node: Node, peer: number): Promise<void> {
  const isSo = (): boolean =>
    node.links
      .status()
      .some(({ slot, problem }) => slot === peer && /refused this/.test(problem ?? ''));
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

describe('links between replicas', () => {
  it('connect everyone to everyone and carry messages both ways', async () => {
    const all = [await startNode(0), await startNode(1), await startNode(2)];
    for (const node of all) node.links.start();
    await Promise.all(all.map((node) => reached(node, 2)));
    for (const [slot, node] of all.entries()) {
      for (let peer = 0; peer < 3; peer += 1) {
        if (peer !== slot) node.links.send(peer, vote(slot, slot + 1));
      }
    }
    for (const [slot, node] of all.entries()) {
      for (let peer = 0; peer < 3; peer += 1) {
        if (peer === slot) continue;
        const message = await node.received.when(({ header }) => header.replica === peer);
        expect(message.header.view).toBe(peer + 1);
      }
    }
  });

  it('take nothing that a peer says in the name of another', async () => {
    const [first, second] = [await startNode(0), await startNode(1)];
    for (const node of [first, second]) node.links.start();
    await Promise.all([reached(first, 1), reached(second, 1)]);
    first.links.send(1, vote(2, 7));
    first.links.send(1, vote(0, 8));
    expect((await second.received.when(() => true)).header).toMatchObject({ replica: 0, view: 8 });
    expect(second.seen.events).toContainEqual({ what: 'dropped', name: 'other_author' });
  });

  it('come back after the process on the other side was replaced', async () => {
    const first = await startNode(0);
    const second = await startNode(1);
    first.links.start();
    second.links.start();
    await Promise.all([reached(first, 1), reached(second, 1)]);
    second.stop();
    await reached(first, 0);
    const again = await startNode(1);
    again.links.start();
    await Promise.all([reached(first, 1), reached(again, 1)]);
    first.links.send(1, vote(0, 9));
    again.links.send(0, vote(1, 8));
    expect((await again.received.when(() => true)).header.view).toBe(9);
    expect((await first.received.when(() => true)).header.view).toBe(8);
  });

  it('tell once when a peer that was reached refuses connections, and not before', async () => {
    const first = await startNode(0);
    first.links.start();
    const second = await startNode(1);
    await reached(first, 1);
    expect(first.refused.events).toEqual([]);
    second.stop();
    await first.refused.when(({ peer }) => peer === 1);
    const again = await startNode(1);
    await reached(first, 1);
    expect(first.refused.events).toEqual([{ peer: 1, count: 1 }]);
    again.stop();
    await first.refused.when(({ count }) => count === 2);
  });

  it('drop and count what goes to a peer that is not reached', async () => {
    const node = await startNode(0);
    node.links.start();
    node.links.send(1, vote(0, 1));
    expect(node.seen.events).toContainEqual({ what: 'dropped', name: 'peer_unreachable' });
  });

  for (const [name, other, reason] of [
    ['another cluster', { cluster: 78n }, 'wrongCluster'],
    ['other sizes', { config: { ...testIdentity(0).config, pipelineMax: 3 } }, 'wrongSizes'],
    [
      'another number of sessions',
      { config: { ...testIdentity(0).config, sessionsMax: 8 } },
      'wrongSizes',
    ],
    ['another number of replicas', { replicaCount: 2 }, 'wrongSizes'],
    ['another state machine', { machine: { name: 'mine', id: 8n } }, 'wrongMachine'],
  ] as const) {
    it(`refuse ${name}, on both sides, and deliver nothing`, async () => {
      const first = await startNode(0);
      const second = await startNode(1, other);
      second.links.start();
      await first.seen.when((event) => event.what === 'rejection_sent' && event.name === reason);
      await second.seen.when(
        (event) => event.what === 'rejection_received' && event.name === reason,
      );
      second.links.send(0, vote(1, 1));
      expect(second.links.status().at(0)?.outgoing).toBe(false);
      expect(first.received.events).toEqual([]);
    });
  }

  it('tell that this replica is the odd one, when no quorum has its sizes', async () => {
    const other = { config: { ...testIdentity(0).config, pipelineMax: 3 } };
    for (const slot of [0, 2]) await startNode(slot);
    const second = await startNode(1, other);
    second.links.start();
    const told = await second.odd.when(() => true);
    expect([...told].sort((one, two) => one - two)).toEqual([0, 2]);
    for (const node of nodes) if (node !== second) node.links.start();
    await nodes[0]?.seen.when(({ what }) => what === 'rejection_received');
    expect(nodes.flatMap(({ odd }, slot) => (slot === 2 ? [] : odd.events))).toEqual([]);
  });

  it('go on in a quorum of five, though two of the others have other sizes', async () => {
    const five = { replicaCount: 5 };
    addresses = [null, null, null, null, null];
    const other = { ...five, config: { ...testIdentity(0).config, pipelineMax: 3 } };
    for (const slot of [1, 2]) await startNode(slot, other);
    const first = await startNode(0, five);
    first.links.start();
    for (const slot of [1, 2]) await refusedBy(first, slot);
    expect(first.odd.events).toEqual([]);
    // A third one, and no quorum is left to be part of.
    await startNode(3, other);
    await first.odd.when((slots) => slots.length === 3);
  });

  it('refuse who answers at the address of another', async () => {
    const first = await startNode(0);
    const third = await startNode(2);
    addresses[1] = third.listener.address;
    addresses[2] = null;
    first.links.start();
    await first.seen.when(
      (event) => event.what === 'rejection_sent' && event.name === 'wrongMember',
    );
  });

  it('tell a process with another data file so, and keep those to the true one', async () => {
    const first = await startNode(0);
    const second = await startNode(1);
    known.set(1, testIdentity(1).incarnation);
    first.links.start();
    second.links.start();
    await Promise.all([reached(first, 1), reached(second, 1)]);
    // The other one listens elsewhere: what is sent to the peer does not reach it.
    const other = await startNode(1, { incarnation: 999n }, { host: '127.0.0.1', port: 0 });
    other.links.start();
    await reached(other, 1);
    other.links.send(0, vote(1, 7));
    await first.received.when(({ header }) => header.view === 7);
    first.links.send(1, pongTo(999n));
    const told = await other.received.when(() => true);
    expect(told.header).toMatchObject({ command: 'pong', pingIncarnation: 999n });
    second.links.send(0, vote(1, 8));
    await first.received.when(({ header }) => header.view === 8);
  });

  it('give up and dial anew when a connected peer stays silent', async () => {
    const first = await startNode(0);
    const second = await startNode(1);
    first.links.start();
    second.links.start();
    await Promise.all([reached(first, 1), reached(second, 1)]);
    for (let second_ = 0; second_ < 3; second_ += 1) first.links.checkSilence(1000);
    expect(first.links.status().at(0)?.outgoing).toBe(false);
    await reached(first, 1);
    second.links.send(0, vote(1, 4));
    first.links.checkSilence(1000);
  });
});
