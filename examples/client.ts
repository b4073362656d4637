/**
 * A tour of the client. Start a cluster with `npm start`, then, in another terminal:
 *
 *   npm run example:client
 *
 * It talks to 127.0.0.1:7100, 7110 and 7120, or to what KIMBERLITE_ENDPOINTS names.
 */
import { type Client, ClientError, connect, text } from '@kimberlite/client';

const endpoints = (
  process.env['KIMBERLITE_ENDPOINTS'] ?? '127.0.0.1:7100,127.0.0.1:7110,127.0.0.1:7120'
).split(',');

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A key has revisions; a put is durable on a quorum when it resolves. */
async function keys(client: Client): Promise<void> {
  const { revision } = await client.put('tour/greeting', 'hello', { timeout: 2_000 });
  const found = await client.get('tour/greeting');
  say(`put at revision ${revision}, got ${found === null ? 'nothing' : text(found.value)}`);
  const absent = await client.get('tour/absent');
  say(`an absent key is ${absent === null ? 'null' : 'there after all'}`);
}

/** Concurrent calls share requests: these hundred travel in a handful. */
async function together(client: Client): Promise<void> {
  const names = Array.from({ length: 100 }, (_, index) => `tour/many/${index}`);
  await Promise.all(names.map((name) => client.put(name, 'x')));
  const page = await client.range({ prefix: 'tour/many/', limit: 3 });
  say(`wrote 100 keys; the first three: ${page.entries.map(({ key }) => text(key)).join(', ')}`);
  await client.delete(names);
}

/** A counter that loses no increment, however many processes run this. */
async function increment(client: Client, key: string): Promise<number> {
  for (;;) {
    const found = await client.get(key);
    const next = found === null ? 1 : Number(text(found.value)) + 1;
    const expected = found === null ? null : { modRevision: found.modRevision };
    const { succeeded } = await client.compareAndSwap(key, { expected, value: String(next) });
    if (succeeded) return next;
  }
}

/** A lock that only one holder gets: absent, or nothing happens. */
async function lock(client: Client, holder: string): Promise<boolean> {
  const { succeeded } = await client.txn({
    compares: [{ key: 'tour/lock', target: 'absent' }],
    then: [{ kind: 'put', key: 'tour/lock', value: holder }],
  });
  return succeeded;
}

/** Events at expected offsets: two writers cannot both append the third event. */
async function events(client: Client): Promise<void> {
  const name = `tour-${Date.now()}`;
  await client.stream.create(name);
  await client.stream.append(name, ['opened', 'moved'], { expectedOffset: 0 });
  try {
    await client.stream.append(name, 'opened again', { expectedOffset: 0 });
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'wrong_offset') throw error;
    say(`refused${error.definite ? ', definitely' : ''}: ${error.message}`);
  }
  const page = await client.stream.read(name);
  say(`the stream has ${page.length} events: ${page.events.map(text).join(', ')}`);
}

const client = await connect({ endpoints });
client.onConnection((event) => say(`connection ${event.endpoint}: ${event.kind}`));
try {
  await keys(client);
  await together(client);
  const counts = await Promise.all([1, 2, 3].map(() => increment(client, 'tour/counter')));
  say(`three increments at once: ${counts.toSorted((a, b) => a - b).join(', ')}`);
  say(`locked by me: ${await lock(client, 'me')}; by you: ${await lock(client, 'you')}`);
  await client.delete('tour/lock');
  await events(client);
  const { primary, view } = client.status();
  say(`the primary is replica ${primary} (view ${view})`);
} finally {
  await client.close();
}
