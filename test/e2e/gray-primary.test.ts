import { Client, ClientError } from '@kimberlite/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ProxiedCluster as Cluster,
  type ProxiedCluster,
  slots,
} from '../support/proxied-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const MINUTES = 60_000;
vi.setConfig({ testTimeout: 3 * MINUTES, hookTimeout: 2 * MINUTES });

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster;
let client: Client;
/** Keys whose put was acknowledged, with their values. */
let acknowledged: Map<string, string>;

beforeEach(async () => {
  directory = temporaryDirectory();
  cluster = await Cluster.make(directory.path);
  acknowledged = new Map();
  await cluster.startAll();
  client = new Client({ endpoints: cluster.endpoints(), requestTimeout: 3_000 });
  await cluster.whole();
});
afterEach(async () => {
  await client.close();
  await cluster.stop();
  directory.remove();
});

/** Puts a new key until one is acknowledged; returns the milliseconds that this took. */
async function write(): Promise<number> {
  const since = performance.now();
  await until(async () => {
    const key = `key ${acknowledged.size}`;
    const value = `${performance.now()}`;
    try {
      await client.put(key, value);
    } catch (error) {
      if (error instanceof ClientError) return null;
      throw error;
    }
    acknowledged.set(key, value);
    return true;
  }, cluster.waiting('a put is acknowledged'));
  return performance.now() - since;
}

async function expectNothingLost(): Promise<void> {
  for (const [key, value] of acknowledged) {
    const record = await client.get(key);
    expect(Buffer.from(record?.value ?? []).toString(), key).toBe(value);
  }
}

/** What befalls a primary, and how it ends. */
const FAULTS: Readonly<Record<string, (primary: number) => () => void>> = {
  stopped(primary) {
    cluster.signal(primary, 'SIGSTOP');
    return () => cluster.signal(primary, 'SIGCONT');
  },
  deaf(primary) {
    for (const slot of slots()) {
      if (slot !== primary) cluster.setLink(slot, primary, { kind: 'drop' });
    }
    return () => cluster.heal();
  },
  mute(primary) {
    for (const slot of slots()) {
      if (slot !== primary) cluster.setLink(primary, slot, { kind: 'drop' });
    }
    return () => cluster.heal();
  },
};

describe('a primary of three processes that is stopped, deaf or mute', () => {
  // Times depend on the machine: they are reported, and bounded only by the patience of `until`.
  it('is replaced, follows when it is well again, and no acknowledged write is lost', async () => {
    for (const [name, begin] of Object.entries(FAULTS)) {
      for (let count = 0; count < 5; count += 1) await write();
      const primary = await cluster.primary();
      const view = (await cluster.status(primary))?.state.view ?? 0;
      const end = begin(primary);
      const failover = await write();
      end();
      const since = performance.now();
      await cluster.whole();
      const recovery = performance.now() - since;
      console.log(`${name}: ${failover.toFixed(0)} ms, whole after ${recovery.toFixed(0)} ms`);
      expect((await cluster.status(primary))?.state.view).toBeGreaterThan(view);
      await expectNothingLost();
    }
  });

  it('for a moment only, leads on', async () => {
    await write();
    const primary = await cluster.primary();
    cluster.signal(primary, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 100));
    cluster.signal(primary, 'SIGCONT');
    await write();
    await cluster.whole();
    await expectNothingLost();
  });
});

describe('a replica that is left alone', () => {
  it('says so, refuses writes for sure, and goes on by itself with the others', async () => {
    await write();
    const survivor = await cluster.primary();
    const others = slots().filter((slot) => slot !== survivor);
    for (const slot of others) await cluster.kill(slot);
    await until(async () => {
      const record = await cluster.status(survivor);
      return record?.state.quorumSeen === false ? true : null;
    }, cluster.waiting('it sees no quorum'));
    const refused = await until(async () => {
      try {
        await client.put('refused', 'never');
        return null;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        return error.code === 'no_quorum' ? error : null;
      }
    }, cluster.waiting('a put is refused'));
    expect(refused.definite).toBe(true);
    for (const slot of others) await cluster.start(slot);
    await cluster.whole();
    await write();
    await expectNothingLost();
    expect((await cluster.status(survivor))?.state.quorumSeen).toBe(true);
  });
});
