import {
  Client,
  ClientError,
  type ClientOptions,
  type ReadOptions,
  text,
} from '@kimberlite/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProxiedCluster, slots } from '../support/proxied-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const MINUTES = 60_000;
const PATIENT = { timeout: 45_000 } as const;

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster;
let clients: Client[];

beforeEach(async () => {
  directory = temporaryDirectory();
  clients = [];
  cluster = await ProxiedCluster.make(directory.path);
  await cluster.startAll();
}, 2 * MINUTES);
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster.stop();
  directory.remove();
}, MINUTES);

/** A client of these replicas; of all when none is named. */
function clientOf(asked: readonly number[] = slots(), more: Partial<ClientOptions> = {}): Client {
  const endpoints = cluster.endpoints().filter((_, slot) => asked.includes(slot));
  const client = new Client({ endpoints, ...more });
  clients.push(client);
  return client;
}

async function valueOf(client: Client, options: ReadOptions = PATIENT): Promise<string | null> {
  const found = await client.get('key', { ...PATIENT, ...options });
  return found === null ? null : text(found.value);
}

async function failure(promise: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ClientError) return error;
  throw new Error(`not a ClientError: ${String(error)}`);
}

/** Slots other than this one. */
function others(slot: number): number[] {
  return slots().filter((other) => other !== slot);
}

describe('reads of three processes', () => {
  it(
    'of a primary that slept while another led on see what was written meanwhile',
    async () => {
      const primary = await cluster.primary();
      const writer = clientOf();
      await writer.put('key', 'old', PATIENT);
      const asker = clientOf([primary]);
      expect(await valueOf(asker)).toBe('old');

      cluster.signal(primary, 'SIGSTOP');
      // They lie in the sockets of the process that sleeps, from before the write and from after.
      const before = valueOf(asker);
      await writer.put('key', 'new', PATIENT);
      const after = valueOf(asker);
      cluster.signal(primary, 'SIGCONT');
      expect(await after).toBe('new');
      expect(['old', 'new']).toContain(await before);
      // What this client has seen it never unsees, at any level.
      expect(await valueOf(asker, { consistency: 'local' })).toBe('new');
    },
    3 * MINUTES,
  );

  it(
    'of a replica that is cut off are refused, or as old as they may be',
    async () => {
      const primary = await cluster.primary();
      const [alone = 0] = others(primary);
      const writer = clientOf();
      await writer.put('key', 'old', PATIENT);
      const asker = clientOf([alone]);
      expect(await valueOf(asker)).toBe('old');
      for (const peer of others(alone)) {
        cluster.setLink(alone, peer, { kind: 'cut' });
        cluster.setLink(peer, alone, { kind: 'cut' });
      }
      await writer.put('key', 'new', PATIENT);

      expect(await valueOf(asker, { consistency: 'local' })).toBe('old');
      // The put above took longer than that, and began after the last index was asked for.
      const bounded = asker.get('key', { ...PATIENT, consistency: { boundedMillis: 1 } });
      expect(await failure(bounded)).toMatchObject({ code: 'too_stale', definite: true });
      // At first it only says nothing; once it has missed the others for long enough, it says why.
      const linearizable = await until(async () => {
        const error = await failure(asker.get('key', { timeout: 500 }));
        return error.code === 'timeout' ? null : error;
      }, cluster.waiting('it says that it sees no quorum'));
      expect(linearizable).toMatchObject({ code: 'no_quorum', definite: true });
      // With the others to turn to, the same bound can be kept.
      const free = clientOf();
      expect(await valueOf(free, { consistency: { boundedMillis: 2_000 } })).not.toBeNull();

      cluster.heal();
      expect(await valueOf(asker)).toBe('new');
      expect(await valueOf(asker, { consistency: 'local' })).toBe('new');
    },
    3 * MINUTES,
  );

  it(
    'write nothing to the log, and are answered by every replica',
    async () => {
      const writer = clientOf();
      await writer.put('key', 'value', PATIENT);
      await cluster.whole();
      const before = await commits();
      for (const slot of slots()) {
        const client = clientOf([slot]);
        for (const consistency of ['linearizable', 'local', { boundedMillis: 5_000 }] as const) {
          expect(await valueOf(client, { consistency })).toBe('value');
        }
        expect(client.status().sessions).toBe(0);
      }
      expect(await commits()).toEqual(before);
    },
    3 * MINUTES,
  );
});

/** What each replica knows to be committed. */
async function commits(): Promise<(number | undefined)[]> {
  const records = await Promise.all(slots().map((slot) => cluster.status(slot)));
  return records.map((record) => record?.state.commitMax);
}
