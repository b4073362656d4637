import { closeSync } from 'node:fs';
import { machineIdentityOf, StateMachineError, stateMachineFault } from '@kimberlite/vsr';
import { sha256 } from './checksum.ts';
import { isFault, makeFault, type ServerFault } from './errors.ts';
import { ReplicaServer } from './replica-server.ts';
import type { RunningReplica, StartReplicaOptions } from './running-replica.ts';
import { type OpenDataFile, openDataFile } from './storage/data-file.ts';
import { measureReadRate } from './storage/read-rate.ts';

/**
 * Starts one replica on its data file, sockets and timers, in this process. Resolves when it
 * listens; it then recovers by itself. A fault leaves nothing open and nothing changed.
 */
export async function startReplica(
  options: StartReplicaOptions,
): Promise<RunningReplica | ServerFault> {
  const { configuration, stateMachine } = options;
  const fault = stateMachineFault(stateMachine);
  if (fault !== null) {
    const remedy = 'Correct the machine; nothing was started or changed.';
    return makeFault('state_machine_failed', `the state machine ${fault}`, remedy);
  }
  const file = await openDataFile({
    path: configuration.dataFile,
    checksum: sha256,
    expected: {
      cluster: configuration.cluster,
      slot: configuration.replica,
      replicaCount: configuration.addresses.length,
      machine: machineIdentityOf(stateMachine, sha256),
    },
  });
  if (isFault(file)) return file;
  const readRate = await measureReadRate(file, options.fileCalls);
  const replica = assemble(options, file, readRate);
  if (isFault(replica)) return replica;
  const unheard = await replica.listen();
  if (unheard !== null) {
    await replica.stop();
    return unheard;
  }
  replica.run();
  return replica;
}

/** The state machine is opened here, and may throw: then nothing stays open. */
function assemble(
  options: StartReplicaOptions,
  file: OpenDataFile,
  readRate: number | null,
): ReplicaServer | ServerFault {
  try {
    return new ReplicaServer(options, file, readRate);
  } catch (error) {
    closeSync(file.fd);
    file.lock.release();
    if (!(error instanceof StateMachineError)) throw error;
    return makeFault('state_machine_failed', error.message);
  }
}
