/** The client process: takes plans over its channel, loads its target, and answers results. */
import { Client } from '@kimberlite/client';
import { etcdTarget } from './lib/etcd-target.ts';
import { type LoadedStore, type LoadPlan, runLoad } from './lib/load.ts';
import type { LoadTarget } from './lib/system.ts';

// SAFETY: the benchmark wrote it.
const target = open(JSON.parse(process.argv[2] ?? '') as LoadTarget);

process.on('message', (plan: LoadPlan) => {
  runLoad(target, plan, () => process.send?.({ kind: 'measuring' })).then(
    (result) => process.send?.({ kind: 'result', result }),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
const stop = (): void => void target.close().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('disconnect', stop);

function open(options: LoadTarget): LoadedStore {
  if (options.kind === 'etcd') return etcdTarget(options.endpoint, options.channels);
  const client = new Client({ endpoints: options.endpoints, cluster: BigInt(options.cluster) });
  return {
    put: (key, value) => client.put(key, value),
    get: (key, consistency) => client.get(key, { consistency }),
    close: () => client.close(),
  };
}
