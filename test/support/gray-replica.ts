/**
 * `kimberlite start` of the sources in a process of its own, whose disk hangs from the message
 * `hang` of its parent on until the message `release`. Takes the same flags.
 */
import { createKernel } from '@kimberlite/kernel';
import { exitOnBug, isFault, loadConfiguration, startReplica } from '@kimberlite/server';
import { FaultyCalls } from '../../packages/server/src/testing/faulty-calls.ts';

exitOnBug();
const flags: Record<string, string> = {};
for (const word of process.argv.slice(2)) {
  const [, key, value] = /^--([^=]+)=(.*)$/.exec(word) ?? [];
  if (key !== undefined && value !== undefined) flags[key] = value;
}
const configuration = loadConfiguration({ file: null, env: {}, flags });
if (isFault(configuration)) throw new Error(configuration.message);
const fileCalls = new FaultyCalls();
const replica = await startReplica({ configuration, stateMachine: createKernel(), fileCalls });
if (isFault(replica)) throw new Error(replica.message);
const stop = (): void => {
  // A stop waits for what is in flight.
  fileCalls.setFault(null);
  void replica.stop().then(() => process.exit(0));
};
process.on('message', (message) => {
  fileCalls.setFault(message === 'hang' ? (): { kind: 'hang' } => ({ kind: 'hang' }) : null);
});
process.once('SIGTERM', stop);
// The channel closes when the parent ends, however it ends.
process.once('disconnect', stop);
