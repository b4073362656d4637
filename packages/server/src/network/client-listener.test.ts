import { connect, type Socket } from 'node:net';
import {
  type AnyMessage,
  ClientId,
  CONFIG_SIMULATION,
  encodeMessage,
  FrameDecoder,
  HEADER_SIZE,
  machineNameHash,
  Prng,
  REJECTION_REASONS,
  View,
} from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../checksum.ts';
import { isFault } from '../errors.ts';
import {
  clientHello,
  clientRequest,
  recordingObserver,
  type Seen,
  silentLogger,
  testIdentity,
} from '../testing/network-fixture.ts';
import { Recorder } from '../testing/recorder.ts';
import { ClientListener } from './client-listener.ts';
import { HANDSHAKE_MILLIS } from './connection.ts';
import { type Listener, listenAt } from './listener.ts';
import { TurnBatch } from './send-queue.ts';

const self = testIdentity(0);
const CONNECTIONS_MAX = 4;
let seen: Recorder<Seen>;
let delivered: Recorder<AnyMessage>;
let clients: ClientListener;
let listener: Listener;
let sockets: Socket[];
/** What the listener has taken, by the port on the other side. */
let accepted: Recorder<number>;

beforeEach(async () => {
  seen = new Recorder();
  delivered = new Recorder();
  sockets = [];
  accepted = new Recorder();
  clients = new ClientListener({
    self,
    connectionsMax: CONNECTIONS_MAX,
    turn: new TurnBatch(),
    observer: recordingObserver(seen),
    logger: silentLogger,
    deliver: (message) => delivered.add(message),
  });
  const result = await listenAt({ host: '127.0.0.1', port: 0 }, 'clients', (socket) => {
    clients.accept(socket);
    accepted.add(socket.remotePort ?? 0);
  });
  if (isFault(result)) throw new Error(result.message);
  listener = result;
});
afterEach(() => {
  vi.useRealTimers();
  listener.close();
  clients.stop();
  for (const socket of sockets) socket.destroy();
});

/** A raw connection, what came back on it, and its end. */
function dial(): {
  readonly socket: Socket;
  readonly answers: Recorder<AnyMessage>;
  readonly closed: Promise<void>;
} {
  const socket = connect(listener.address.port, '127.0.0.1');
  sockets.push(socket);
  const answers = new Recorder<AnyMessage>();
  const decoder = new FrameDecoder({ messageSizeMax: 1 << 20, checksum: sha256 });
  socket.on('data', (chunk) => {
    decoder.push(chunk);
    for (let next = decoder.next(); next !== null; next = decoder.next()) {
      if (typeof next === 'string') throw new Error(`the server sent garbage: ${next}`);
      answers.add(next);
    }
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, answers, closed };
}

function reply(client: bigint, request: number): AnyMessage {
  const fields = {
    cluster: 77n,
    replica: 0,
    view: View(0),
    release: 1,
    incarnation: self.incarnation,
    client: ClientId(client),
    requestChecksum: sha256.hash(new Uint8Array(1)),
    session: 1,
    op: 1 as never,
    timestamp: 1,
    index: 0,
    request,
    operation: 16,
  };
  return encodeMessage('reply', fields, new Uint8Array([request]), sha256) as AnyMessage;
}

/** How many of these clients cannot be answered, because no connection is known for them. */
function unreachable(ids: readonly bigint[]): number {
  const dropped = (): number =>
    seen.events.filter(({ what, name }) => what === 'dropped' && name === 'client_unreachable')
      .length;
  const before = dropped();
  for (const id of ids) clients.send(ClientId(id), reply(id, 3));
  return dropped() - before;
}

describe('connections of clients', () => {
  it('greets back with the sizes of the cluster', async () => {
    const { socket, answers } = dial();
    socket.write(clientHello().bytes);
    const hello = await answers.when(({ header }) => header.command === 'hello');
    expect(hello.header).toMatchObject({
      replica: 0,
      replicaCount: 3,
      messageSizeMax: CONFIG_SIMULATION.messageSizeMax,
    });
  });

  it('delivers every request, wherever the stream is cut into pieces', async () => {
    const prng = new Prng(5n);
    const messages = Array.from({ length: 40 }, (_, index) =>
      clientRequest(BigInt(index + 1), index, prng.below(3500)),
    );
    const stream = Buffer.concat([clientHello().bytes, ...messages.map(({ bytes }) => bytes)]);
    const { socket } = dial();
    for (let at = 0; at < stream.length; ) {
      const length = prng.chance(0.3) ? prng.between(1, 40) : prng.between(1, 6000);
      const piece = stream.subarray(at, at + length);
      await new Promise((resolve) => socket.write(piece, resolve));
      at += length;
    }
    await delivered.when(({ header }) => header.command === 'request' && header.request === 39);
    expect(delivered.events.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      messages.map(({ bytes }) => Buffer.from(bytes)),
    );
  });

  it('answers garbage with the reason and closes, whatever the garbage is', async () => {
    const prng = new Prng(9n);
    for (let round = 0; round < 30; round += 1) {
      const { socket, answers, closed } = dial();
      const good = Buffer.concat([clientHello().bytes, clientRequest(1n, round, 300).bytes]);
      const place = prng.below(good.length);
      good[place] = (good[place] ?? 0) ^ (1 << prng.below(8));
      socket.write(good);
      await closed;
      const rejection = answers.events.find(({ header }) => header.command === 'rejection');
      expect(rejection).toBeDefined();
    }
    expect(clients.count()).toBe(0);
    expect(unreachable([1n])).toBe(1);
  });

  it('cuts off a size above the limit before its bytes have come', async () => {
    const { socket, answers, closed } = dial();
    const large = clientRequest(1n, 0, CONFIG_SIMULATION.messageSizeMax + 5000);
    socket.write(clientHello().bytes);
    socket.write(large.bytes.subarray(0, HEADER_SIZE));
    await closed;
    expect(answers.events.map(({ header }) => header.command)).toEqual(['hello', 'rejection']);
    expect(seen.events).toContainEqual({ what: 'fault', name: 'too_large' });
  });

  it('takes no more than a greeting from who has not greeted', async () => {
    const body = dial();
    body.socket.write(clientRequest(1n, 0, 100).bytes.subarray(0, HEADER_SIZE));
    await body.closed;
    expect(seen.events).toContainEqual({ what: 'fault', name: 'too_large' });
    const silent = dial();
    silent.socket.write(clientRequest(1n, 0, 0).bytes);
    await silent.closed;
    expect(silent.answers.events.at(0)?.header).toMatchObject({
      command: 'rejection',
      reason: REJECTION_REASONS.badMessage,
    });
    expect(delivered.events).toEqual([]);
  });

  it('closes a connection that never greets, and keeps one that has', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const silent = dial();
    // A part of a greeting is none.
    silent.socket.write(clientHello().bytes.subarray(0, HEADER_SIZE - 1));
    const greeted = dial();
    greeted.socket.write(clientHello().bytes);
    await greeted.answers.when(({ header }) => header.command === 'hello');
    await accepted.when((port) => port === silent.socket.localPort);
    vi.advanceTimersByTime(HANDSHAKE_MILLIS - 1);
    expect(clients.count()).toBe(2);
    expect(silent.socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    await silent.closed;
    greeted.socket.write(clientRequest(1n, 7, 10).bytes);
    await delivered.when(({ header }) => header.command === 'request' && header.request === 7);
    expect(clients.count()).toBe(1);
    expect(silent.answers.events).toEqual([]);
  });

  it('says that the cluster or the version is the wrong one', async () => {
    const cluster = dial();
    cluster.socket.write(clientHello(78n).bytes);
    await cluster.closed;
    expect(cluster.answers.events.at(0)?.header).toMatchObject({
      cluster: 77n,
      reason: REJECTION_REASONS.wrongCluster,
    });

    const version = dial();
    const bytes = Uint8Array.from(clientHello().bytes);
    bytes[52] = 9;
    const digest = sha256.hash(bytes.subarray(16, 256));
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, digest), true);
    new DataView(bytes.buffer).setBigUint64(8, digest >> 64n, true);
    version.socket.write(bytes);
    await version.closed;
    expect(version.answers.events.at(0)?.header).toMatchObject({
      reason: REJECTION_REASONS.wrongVersion,
    });
  });

  it('refuses a client of another state machine, and takes one of its own or of any', async () => {
    const other = dial();
    other.socket.write(clientHello(77n, 'mine').bytes);
    await other.closed;
    expect(other.answers.events.map(({ header }) => header)).toMatchObject([
      { command: 'rejection', reason: REJECTION_REASONS.wrongMachine },
    ]);
    for (const machine of ['kimberlite.kernel', null]) {
      const { socket, answers } = dial();
      socket.write(clientHello(77n, machine).bytes);
      expect(await answers.when(({ header }) => header.command === 'hello')).toMatchObject({
        header: { machine: 7n, machineName: machineNameHash('kimberlite.kernel', sha256) },
      });
    }
  });

  it('routes replies to every connection on which the client has spoken, and forgets', async () => {
    const [first, second, other] = [dial(), dial(), dial()];
    for (const [index, { socket }] of [first, second, other].entries()) {
      socket.write(clientHello().bytes);
      socket.write(clientRequest(index < 2 ? 5n : 6n, index, 10).bytes);
      await delivered.when(
        ({ header }) => header.command === 'request' && header.request === index,
      );
    }
    clients.send(ClientId(5n), reply(5n, 1));
    for (const { answers } of [first, second]) {
      await answers.when(({ header }) => header.command === 'reply');
    }
    clients.send(ClientId(6n), reply(6n, 2));
    await other.answers.when(({ header }) => header.command === 'reply');
    const replies = other.answers.events.filter(({ header }) => header.command === 'reply');
    expect(replies.length).toBe(1);

    for (const { socket, closed } of [first, second, other]) {
      socket.destroy();
      await closed;
    }
    const [last] = [dial()];
    last.socket.write(clientHello().bytes);
    await last.answers.when(({ header }) => header.command === 'hello');
    expect(unreachable([5n])).toBe(1);
  });

  it('remembers a bounded number of clients a connection', async () => {
    const { socket } = dial();
    socket.write(clientHello().bytes);
    for (let id = 1; id <= 200; id += 1) socket.write(clientRequest(BigInt(id), id, 0).bytes);
    await delivered.when(({ header }) => header.command === 'request' && header.request === 200);
    const ids = Array.from({ length: 200 }, (_, index) => BigInt(index + 1));
    expect(unreachable(ids)).toBe(200 - 64);
  });

  it('closes connections beyond the limit on arrival', async () => {
    const open = Array.from({ length: CONNECTIONS_MAX }, () => dial());
    for (const { socket, answers } of open) {
      socket.write(clientHello().bytes);
      await answers.when(({ header }) => header.command === 'hello');
    }
    const extra = dial();
    await extra.closed;
    expect(seen.events).toContainEqual({ what: 'dropped', name: 'too_many_clients' });
    expect(clients.count()).toBe(CONNECTIONS_MAX);
  });
});
