import { ClientError, OperationClient, type OperationQueryOptions } from '@kimberlite/client';
import { formatAddress, type RunningReplica } from '@kimberlite/server';
import { CONFIG_SIMULATION } from '@kimberlite/vsr';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestCluster } from '../../packages/server/src/testing/test-cluster.ts';
import {
  counterMachine,
  counterValue,
  OPERATION_ADD,
  OPERATION_READ,
} from '../../packages/vsr/src/testing/counter-machine.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const CONFIG = { ...CONFIG_SIMULATION, messageSizeMax: 16 * 1024, blockSize: 16 * 1024 };
const REPLICAS = 3;
const EMPTY = new Uint8Array(0);
const LEVELS: readonly OperationQueryOptions[] = [
  {},
  { prefer: 'nearest' },
  { consistency: { boundedMillis: 10_000 } },
  { consistency: 'local' },
  { consistency: 'local', prefer: 'primary' },
];

let directory: ReturnType<typeof temporaryDirectory>;
/** A cluster that counts, on real disks and sockets. */
let cluster: TestCluster;
let clients: OperationClient[];

function replicas(): readonly RunningReplica[] {
  return cluster.replicas.filter((replica) => replica !== null);
}

function clientOf(asked: readonly RunningReplica[] = replicas()): OperationClient {
  const endpoints = asked.map(({ clientAddress }) => formatAddress(clientAddress));
  const client = new OperationClient({
    endpoints,
    machine: 'test.counter',
    requestTimeout: 45_000,
  });
  clients.push(client);
  return client;
}

async function add(client: OperationClient, amount: number): Promise<void> {
  await client.request(OPERATION_ADD, Uint8Array.of(amount));
}

async function ask(client: OperationClient, options?: OperationQueryOptions): Promise<number> {
  return counterValue((await client.query(OPERATION_READ, EMPTY, options)).body);
}

async function failure(promise: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ClientError) return error;
  throw new Error(`not a ClientError: ${String(error)}`);
}

beforeAll(async () => {
  directory = temporaryDirectory();
  clients = [];
  cluster = new TestCluster({
    directory: directory.path,
    replicaCount: REPLICAS,
    config: CONFIG,
    powerLoss: 'none',
    stateMachine: counterMachine,
  });
  await cluster.formatAll();
  await cluster.startAll();
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster.stopAll();
  directory.remove();
});

describe('queries of a state machine of one’s own, asked of real replicas', () => {
  it('see the own requests at every level, and those of others where they must', async () => {
    const client = clientOf();
    let sum = 0;
    for (const options of LEVELS) {
      await add(client, 3);
      sum += 3;
      expect(await ask(client, options)).toBe(sum);
      expect(await ask(clientOf())).toBe(sum);
    }
    for (const replica of replicas()) {
      const alone = clientOf([replica]);
      expect(await ask(alone)).toBe(sum);
      // It has seen the sum, so nothing older will do.
      for (const options of LEVELS) expect(await ask(alone, options)).toBe(sum);
    }
  });

  it('take no place in the log, and no turn among the requests', async () => {
    const client = clientOf();
    await add(client, 1);
    const first = await client.query(OPERATION_READ, EMPTY);
    const many = await Promise.all(
      Array.from({ length: 100 }, () => client.query(OPERATION_READ, EMPTY)),
    );
    for (const { body, op } of many) {
      expect(counterValue(body)).toBe(counterValue(first.body));
      expect(op).toBeGreaterThanOrEqual(first.op);
    }
    const { op } = await client.request(OPERATION_ADD, Uint8Array.of(1));
    // Registrations and pulses have ops too, a hundred queries have none.
    expect(op - first.op).toBeLessThan(50);
  });

  it('are refused where `isQuery` or `validate` says no', async () => {
    const client = clientOf();
    const before = await ask(client);
    const refused = { code: 'refused', definite: true };
    expect(await failure(client.query(OPERATION_ADD, Uint8Array.of(1)))).toMatchObject(refused);
    expect(await failure(client.query(OPERATION_READ, Uint8Array.of(1)))).toMatchObject(refused);
    expect(await failure(client.query(99, EMPTY))).toMatchObject(refused);
    expect(await ask(client)).toBe(before);
  });

  it('of a replica that is left alone are answered as far as they may be', async () => {
    const client = clientOf();
    await add(client, 1);
    const sum = await ask(client);
    const [survivor, ...others] = replicas();
    if (survivor === undefined) throw new Error('the cluster has replicas');
    const asker = clientOf([survivor]);
    expect(await ask(asker)).toBe(sum);
    for (const { slot } of others) await cluster.stop(slot);
    const told = await until(
      async () => {
        const error = await failure(asker.query(OPERATION_READ, EMPTY, { timeout: 500 }));
        return error.code === 'timeout' ? null : error;
      },
      { what: 'the survivor says that it sees no quorum', within: 60_000 },
    );
    expect(told).toMatchObject({ code: 'no_quorum', definite: true });
    const bounded = asker.query(OPERATION_READ, EMPTY, { consistency: { boundedMillis: 100 } });
    expect(await failure(bounded)).toMatchObject({ code: 'too_stale', definite: true });
    expect(await ask(asker, { consistency: 'local' })).toBe(sum);
    await asker.close();
    expect(await failure(asker.query(OPERATION_READ, EMPTY))).toMatchObject({ code: 'closed' });
  });
});
