import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from './bytes.ts';
import { Client } from './client.ts';
import { ClientError } from './errors.ts';
import type { ClientOptions } from './options.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';

let cluster: FakeCluster;
let replica: FakeReplica;
let client: Client;

beforeEach(async () => {
  cluster = new FakeCluster();
  replica = await new FakeReplica(cluster).start();
  client = new Client({ endpoints: [replica.endpoint] });
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  expect(client.status().state).toBe('closed');
  await replica.stop();
});

async function failure(promise: Promise<unknown>): Promise<ClientError> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(outcome instanceof ClientError)) throw new Error(`not a ClientError: ${String(outcome)}`);
  return outcome;
}

describe('arguments that make no sense', () => {
  it('are refused before anything is sent', async () => {
    const wrong = 5 as unknown as Bytes; // SAFETY: what a JavaScript caller may pass.
    const cases: [Promise<unknown>, string][] = [
      [client.put('', 'x'), 'invalid_argument'],
      [client.put(wrong, 'x'), 'invalid_argument'],
      [client.put('k', wrong), 'invalid_argument'],
      [client.get('k', { timeout: 0 }), 'invalid_argument'],
      [client.get('k', { timeout: Number.NaN }), 'invalid_argument'],
      [client.get('k', { namespace: '' }), 'invalid_argument'],
      [client.range({ prefix: 'a', from: 'b' }), 'invalid_argument'],
      [client.range({ limit: 0 }), 'invalid_argument'],
      [client.delete([]), 'invalid_argument'],
      [client.put('k', new Uint8Array(70_000)), 'too_large'],
      [client.put('k'.repeat(5000), 'x'), 'too_large'],
    ];
    for (const [promise, code] of cases) {
      expect(await failure(promise)).toMatchObject({ code, definite: true });
    }
    expect(cluster.executed).toEqual([]);
    expect(() => new Client({ endpoints: [] })).toThrow(ClientError);
    expect(() => new Client({ endpoints: ['nowhere'] })).toThrow(/host:port/);
  });

  it('are named, with their size and its limits', async () => {
    const events = new Array<string>(1025).fill('e');
    const cases: [Promise<unknown>, string][] = [
      [client.put('', 'x'), 'the key has 0 bytes; allowed are 1 to 4096'],
      [client.put('k'.repeat(5000), 'x'), 'the key has 5000 bytes; allowed are 1 to 4096'],
      [client.put('k', 'x'.repeat(70_000)), 'the value has 70000 bytes; allowed are 0 to 61440'],
      [client.get('k', { namespace: '' }), 'the namespace has 0 bytes; allowed are 1 to 64'],
      [client.delete([]), 'the number of keys is 0; allowed are 1 to 1024'],
      [client.stream.append('s', events), 'the number of events is 1025; allowed are 1 to 1024'],
      [client.range({ limit: 2000 }), "a range's limit is 1 to 1024, not 2000"],
    ];
    for (const [promise, message] of cases)
      expect(await failure(promise)).toMatchObject({ message });
    expect(cluster.executed).toEqual([]);
  });

  it('are options that no client has, and endpoints that are no list', () => {
    const wrong = (options: unknown): (() => Client) => {
      return () => new Client(options as ClientOptions); // SAFETY: what JavaScript may pass.
    };
    const endpoints = ['127.0.0.1:7100'];
    expect(wrong({ endpoints, requestTimout: 5 })).toThrow(
      'requestTimout is not an option of a client (did you mean requestTimeout?)',
    );
    expect(wrong({ endpoints, zzzzzzzz: 5 })).toThrow(/^zzzzzzzz is not an option of a client$/);
    expect(wrong({ endpoints: '127.0.0.1:7100' })).toThrow(
      "endpoints must be a list of strings, such as ['127.0.0.1:7100']",
    );
    expect(wrong({ endpoints: [7100] })).toThrow('an endpoint is a string');
  });

  it('are half a surrogate pair, which would become another key', async () => {
    for (const key of ['a\ud800', '\udc00b']) {
      expect(await failure(client.put(key, 'x'))).toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(/^a key has half a surrogate pair at [01], /),
      });
    }
    await client.put('\u{1f600}', 'x');
    expect(cluster.executed.flat()).toHaveLength(1);
  });
});
