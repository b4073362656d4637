import {
  ClientId,
  encodeMessage,
  type Message,
  NO_REPLICA,
  OPERATION_REGISTER,
  Prng,
  View,
} from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const message: Message<'request'> = encodeMessage(
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
    operation: OPERATION_REGISTER,
  },
  null,
  sha256,
);

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
    connection.breakIfSilent(3_000);
    expect(connection.state).toBe('connected');

    replica.onRegister = () => {};
    expect(connection.send(message)).toBe(true);
    now = 12_999;
    connection.breakIfSilent(3_000);
    expect(connection.state).toBe('connected');
    now = 13_000;
    connection.breakIfSilent(3_000);
    expect(connection.state).toBe('disconnected');
    expect(connection.reason).toContain('stopped answering');
    expect(connection.send(message)).toBe(false);
    expect(events).toEqual(['connected', 'lost']);
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
