/** One replica of the benchmark, in a process of its own. Its configuration is its argument. */
import { createKernel } from '@kimberlite/kernel';
import { exitOnBug, isFault, loadConfiguration, startReplica } from '@kimberlite/server';

exitOnBug();
// SAFETY: the benchmark wrote it, from strings only.
const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
const configuration = loadConfiguration({ file: null, env: {}, flags });
if (isFault(configuration)) throw new Error(configuration.message);
const replica = await startReplica({ configuration, stateMachine: createKernel() });
if (isFault(replica)) throw new Error(replica.message);
const stop = (): void => void replica.stop().then(() => process.exit(0));
process.on('message', (what) => {
  if (what === 'view') {
    const { status, view } = replica.status().state;
    process.send?.({ status, view });
    return;
  }
  // Only where the flag that allows it was given.
  globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
process.once('SIGTERM', stop);
// The channel closes when the benchmark ends, however it ends.
process.once('disconnect', stop);
