import { OperationClient } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';
import type { StateMachine } from '@kimberlite/vsr';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TestCluster } from '../../packages/server/src/testing/test-cluster.ts';
import { counterMachine, OPERATION_ADD } from '../../packages/vsr/src/testing/counter-machine.ts';
import { DISK_CONFIG } from '../support/disk-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ODD = 2;
const REPLICAS = 3;

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: TestCluster;
let client: OperationClient;

beforeEach(async () => {
  directory = temporaryDirectory();
  let made = 0;
  cluster = new TestCluster({
    directory: directory.path,
    replicaCount: REPLICAS,
    config: DISK_CONFIG,
    powerLoss: 'none',
    // One for each file, then one for each replica, in the order of their slots.
    stateMachine: () => {
      made += 1;
      return made === REPLICAS + ODD + 1 ? addingTwice(counterMachine()) : counterMachine();
    },
  });
  await cluster.formatAll();
  await cluster.startAll();
  client = new OperationClient({
    endpoints: cluster.replicas.flatMap((replica) => {
      return replica === null ? [] : [formatAddress(replica.clientAddress)];
    }),
    machine: counterMachine().name,
  });
});
afterEach(async () => {
  await client.close();
  await cluster.stopAll();
  directory.remove();
});

/** Whatever makes it do so: a bug of one build, or memory that is bad. */
function addingTwice(machine: StateMachine): StateMachine {
  return {
    ...machine,
    execute: (request, context) => {
      machine.execute(request, context);
      return machine.execute(request, context);
    },
  };
}

it('a replica whose state is the odd one ends with diverged, and the others go on', async () => {
  const add = (): Promise<unknown> => client.request(OPERATION_ADD, Uint8Array.of(1));
  for (let op = 0; op < 2 * DISK_CONFIG.checkpointInterval; op += 1) await add();
  const fault = await until(() => cluster.fatal[0] ?? null, {
    within: 20_000,
    what: 'a replica gives up',
    explain: () => cluster.log.slice(-40).join('\n'),
  });
  expect(fault).toMatchObject({ code: 'diverged', exitCode: 34 });
  const said = (message: string): readonly unknown[] =>
    cluster.log
      .filter((line) => line.includes(`"${message}"`))
      // SAFETY: lines of the log are objects, and have this field.
      .map((line) => (JSON.parse(line) as { readonly replica: unknown }).replica);
  expect(said('giving up')).toEqual([ODD]);
  expect(new Set(said('the state of a peer differs'))).toContain(ODD);
  await cluster.stop(ODD);
  const { body } = await client.request(OPERATION_ADD, Uint8Array.of(1));
  expect(new DataView(body.buffer, body.byteOffset).getUint32(0, true)).toBe(
    2 * DISK_CONFIG.checkpointInterval + 1,
  );
  expect(cluster.fatal).toHaveLength(1);
});
