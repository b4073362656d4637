import {
  ClientId,
  encodeMessage,
  type Message,
  NO_REPLICA,
  OPERATION_REGISTER,
  OPERATION_USER_MIN,
  Prng,
  View,
} from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from './checksum.ts';
import { Connection } from './connection.ts';
import { parseEndpoint } from './options.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';

let replica: FakeReplica;
let connection: Connection;
let now: number;
let events: string[];

/** A connection whose clock is the test's; every event is noted. */
function connectionTo(endpoint: string, onEvent: () => void): Connection {
  const note = (event: string): void => {
    events.push(event);
    onEvent();
  };
  return new Connection({
    endpoint: parseEndpoint(endpoint),
    cluster: () => 77n,
    machine: 'kimberlite.kernel',
    release: 256,
    checksum: sha256,
    prng: new Prng(1n),
    now: () => now,
    events: {
      onConnected: () => note('connected'),
      onMessage: (_connection, message) => note(message.header.command),
      onCluster: () => note('cluster'),
      onDown: (_connection, wasConnected) => note(wasConnected ? 'lost' : 'failed'),
    },
  });
}

function requestOf(size: number): Message<'request'> {
  return encodeMessage(
    'request',
    {
      cluster: 77n,
      replica: NO_REPLICA,
      view: View(0),
      release: 256,
      incarnation: 0n,
      client: ClientId(5n),
      session: 0,
      request: 0,
      operation: size === 0 ? OPERATION_REGISTER : OPERATION_USER_MIN,
    },
    size === 0 ? null : new Uint8Array(size),
    sha256,
  );
}

const message: Message<'request'> = requestOf(0);

beforeEach(async () => {
  now = 0;
  events = [];
  replica = await new FakeReplica(new FakeCluster()).start();
});

afterEach(async () => {
  await connection.close();
  await replica.stop();
});

describe('a connection', () => {
  // A peer that vanished without a word (half-open TCP) must be noticed.
  it('that is sent something and hears nothing is broken after the silence', async () => {
    await new Promise<void>((resolve) => {
      connection = connectionTo(replica.endpoint, resolve);
      connection.open();
    });
    expect(connection.state).toBe('connected');
    now = 10_000;
    connection.breakIfSilent();
    expect(connection.state).toBe('connected');

    replica.onRegister = () => {};
    expect(connection.send(message)).toBe('sent');
    now = 12_999;
    connection.breakIfSilent();
    expect(connection.state).toBe('connected');
    now = 13_000 + message.bytes.length;
    connection.breakIfSilent();
    expect(connection.state).toBe('disconnected');
    expect(connection.reason).toContain('stopped answering');
    expect(connection.send(message)).toBe('unsent');
    expect(events).toEqual(['connected', 'lost']);
  });

  it('is given the time that a slow link needs for what is large', async () => {
    await new Promise<void>((resolve) => {
      connection = connectionTo(replica.endpoint, resolve);
      connection.open();
    });
    replica.script = () => {};
    const large = requestOf(1024 * 1024 - 256);
    expect(connection.send(large)).toBe('sent');
    // One that is even slower is not told from a dead one: more does not add up without end.
    connection.send(requestOf(1024 * 1024 - 256));
    now = 3_000 + large.bytes.length / 125 - 1;
    connection.breakIfSilent();
    expect(connection.state).toBe('connected');
    now += 1;
    connection.breakIfSilent();
    expect(connection.state).toBe('disconnected');
  });

  // A second copy would stand behind the first and take its time on a link that is slow already.
  it('takes no second copy of a message that is still being written out', async () => {
    await new Promise<void>((resolve) => {
      connection = connectionTo(replica.endpoint, resolve);
      connection.open();
    });
    replica.script = () => {};
    replica.pause();
    const others: Message<'request'>[] = [];
    // What the system takes at once is written out; then the first one waits here.
    let waiting = requestOf(1024 * 1024 - 256);
    expect(connection.send(waiting)).toBe('sent');
    while (connection.send(waiting) === 'sent') {
      others.push(waiting);
      expect(others.length).toBeLessThan(64);
      waiting = requestOf(1024 * 1024 - 256);
      expect(connection.send(waiting)).toBe('sent');
    }
    expect(connection.send(waiting)).toBe('held');
    expect(connection.send(message)).toBe('sent');
    expect(connection.send(message)).toBe('held');
    replica.resume();
    await vi.waitFor(() => expect(connection.send(message)).toBe('sent'), { timeout: 20_000 });
    expect(connection.send(waiting)).toBe('sent');
  });

  it('comes back by itself after it was lost', async () => {
    await new Promise<void>((resolve) => {
      connection = connectionTo(replica.endpoint, () => {
        if (events.length === 1) replica.breakAll();
        if (events.length === 3) resolve();
      });
      connection.open();
    });
    expect(events).toEqual(['connected', 'lost', 'connected']);
    expect(connection).toMatchObject({ state: 'connected', slot: 0, reason: '' });
  });

  it('to a name is looked up, and a name that does not exist is a reason', async () => {
    const { port } = parseEndpoint(replica.endpoint);
    await new Promise<void>((resolve) => {
      connection = connectionTo(`localhost:${port}`, resolve);
      connection.open();
    });
    expect(connection.state).toBe('connected');
    await connection.close();
    await new Promise<void>((resolve) => {
      connection = connectionTo('no-such-host.invalid:7100', resolve);
      connection.open();
    });
    expect(connection.state).toBe('disconnected');
    expect(connection.reason).not.toBe('');
  });
});
