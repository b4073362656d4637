/** One replica of the benchmark, in a process of its own. Its configuration is its argument. */
import { createKernel } from '@kimberlite/kernel';
import { exitOnBug, isFault, loadConfiguration, startReplica } from '@kimberlite/server';
import { isCheckpointing } from './lib/checkpoint-watch.ts';

/** Between two looks at whether a checkpoint is in the making. */
const LOOK_MILLIS = 5;

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
  if (what === 'state') {
    process.send?.(replica.status().state);
    return;
  }
  if (what === 'checkpoints') {
    tellCheckpoints(() => isCheckpointing(replica.status().state));
    return;
  }
  // Only where the flag that allows it was given.
  globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
process.once('SIGTERM', stop);
// The channel closes when the benchmark ends, however it ends.
process.once('disconnect', stop);

/** Tells when the making of a checkpoint begins and ends, in milliseconds since the epoch. */
function tellCheckpoints(look: () => boolean): void {
  let making = false;
  setInterval(() => {
    const now = look();
    if (now === making) return;
    making = now;
    process.send?.({ making, at: performance.timeOrigin + performance.now() });
  }, LOOK_MILLIS).unref();
}
