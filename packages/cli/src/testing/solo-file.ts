import { connect } from '@kimberlite/client';
import { createKernel } from '@kimberlite/kernel';
import {
  formatAddress,
  formatDataFile,
  isFault,
  loadConfiguration,
  type RunningReplica,
  startReplica,
} from '@kimberlite/server';
import { type ClusterConfig, CONFIG_SIMULATION } from '@kimberlite/vsr';

/** Small, so that a file is made in no time and a few puts make a checkpoint. */
export const CONFIG_SMALL: ClusterConfig = {
  ...CONFIG_SIMULATION,
  messageSizeMax: 16 * 1024,
  blockSize: 16 * 1024,
};

function ok<T>(value: T): Exclude<T, { readonly kind: 'fault' }> {
  if (isFault(value)) throw new Error(value.message);
  return value as Exclude<T, { readonly kind: 'fault' }>; // SAFETY: it is no fault.
}

/** Makes the data file of the only replica of cluster 7. */
export async function formatSolo(path: string): Promise<void> {
  const stateMachine = createKernel();
  const sizes = { config: CONFIG_SMALL, stateMachine, cluster: 7n, slot: 0, replicaCount: 1 };
  ok(await formatDataFile({ path, ...sizes }));
}

/** Starts it in this process, on ports that the system picks. */
export async function startSolo(
  path: string,
  options: { readonly http?: 'off' | '127.0.0.1:0' } = {},
): Promise<RunningReplica> {
  const configuration = ok(
    loadConfiguration({
      file: null,
      env: {},
      flags: {
        'data-file': path,
        addresses: '127.0.0.1:1',
        'peer-address': '127.0.0.1:0',
        'client-address': '127.0.0.1:0',
        'http-address': options.http ?? 'off',
      },
    }),
  );
  return ok(
    await startReplica({ configuration, stateMachine: createKernel(), writeLog: (): void => {} }),
  );
}

/** Puts and appends, one request after another, so that each is an op of its own. */
export async function fill(replica: RunningReplica, puts: number): Promise<void> {
  const endpoints = [formatAddress(replica.clientAddress)];
  const client = await connect({ endpoints, lanes: 1 });
  try {
    await client.stream.create('audit');
    for (let turn = 0; turn < puts; turn += 1) {
      await client.put(`key${turn}`, `value ${turn} `.repeat(20));
      await client.stream.append('audit', `event ${turn}`);
    }
  } finally {
    await client.close();
  }
}
