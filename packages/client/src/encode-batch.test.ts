import type { Call, Relation } from '@kimberlite/kernel';
import { expect, it } from 'vitest';
import { toBytes } from './bytes.ts';
import { Dispatcher } from './dispatcher.ts';
import { clientSettings } from './options.ts';
import type { ReadMode } from './read-mode.ts';
import { FakeCluster, FakeReplica } from './testing/fake-replica.ts';

const namespace = toBytes('default', 'a namespace');
const key = toBytes('k', 'a key');
const put: Call = { kind: 'put', namespace, key, value: key, previousBytesMax: null };
const get: Call = { kind: 'get', namespace, key, bytesMax: 10 };
const relation = '>' as Relation; // SAFETY: what no check has refused.
const unencodable: Call = {
  kind: 'txn',
  namespace,
  compares: [{ target: 'version', key, relation, operand: 1 }],
  then: [],
  else: [],
};

// The calls come to the dispatcher as if nothing had checked them.
it('a call that cannot be encoded is rejected alone, and the session goes on', async () => {
  const cluster = new FakeCluster();
  const replica = await new FakeReplica(cluster).start();
  const dispatcher = new Dispatcher(clientSettings({ endpoints: [replica.endpoint] }), () => {});
  dispatcher.open();
  const ask = (call: Call, read: ReadMode | null): Promise<unknown> => {
    return dispatcher
      .call({ call, read, timeout: 5_000, signal: null })
      .catch((error: unknown) => error);
  };
  const refused = { code: 'invalid_argument', definite: true };
  for (const read of [null, { level: 'local', lagMax: 0, prefer: 'primary' } as const]) {
    const good = read === null ? put : get;
    expect(await ask(unencodable, read)).toMatchObject(refused);
    const calls = [good, unencodable, good, unencodable].map((call) => ask(call, read));
    expect(await Promise.all(calls)).toMatchObject([
      { kind: good.kind },
      refused,
      { kind: good.kind },
      refused,
    ]);
  }
  expect(dispatcher.status()).toMatchObject({ queued: 0, inFlight: 0 });
  await dispatcher.close();
  await replica.stop();
});
