import { existsSync } from 'node:fs';
import { OperationClient } from '@kimberlite/client';
import { formatDataFile, makeFault, randomU128 } from '@kimberlite/server';
import {
  decodeRecovered,
  encodeRecovery,
  isMachineName,
  type MachineIdentity,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  type Op,
  recoveredFile,
  View,
} from '@kimberlite/vsr';
import { askReplicas, type ReplicaReport } from '../cluster/ask-replicas.ts';
import { askUntil } from '../cluster/ask-until.ts';
import { type ConnectionFlags, endpointsOf, type OutputFlags } from '../connection-options.ts';
import { cliError, ofServerFault, unwrap } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { headOf, isSettling, recoverRefusal, statusesOf } from './may-recover.ts';

export interface RecoverFlags extends ConnectionFlags, OutputFlags {
  readonly dataFile: string;
  readonly replica: number;
  readonly http?: string;
}

/** Milliseconds of one step: long enough for an election, and for the lost member to be missed. */
const STEP_TIMEOUT_DEFAULT = 30_000;

/**
 * Milliseconds for which the others may still be settling: they have just lost a primary, or one of
 * them catches up.
 */
const SETTLE_TIMEOUT = 10_000;

/** Makes a file in the place of one that is lost, which the running others let in. */
export async function recoverMember(flags: RecoverFlags, io: Io): Promise<void> {
  const { dataFile, replica } = flags;
  if (existsSync(dataFile)) {
    throw ofServerFault(makeFault('data_file_exists', `${dataFile} is already there`));
  }
  // All that the lost file can have acknowledged: it was not running when they were asked.
  let head: number | null = null;
  const reports = await askUntil(
    () => askReplicas(flags, io),
    (asked) => {
      head ??= headOf(asked);
      return !isSettling(asked, replica, head);
    },
    Math.min(SETTLE_TIMEOUT, flags.timeout ?? SETTLE_TIMEOUT),
  );
  const refusal = recoverRefusal(reports, replica, head ?? headOf(reports));
  if (refusal !== null) throw refusal;
  const made = await recover(flags, machineOf(reports), io);
  if (flags.output === 'json') {
    writeJson(io, { data_file: dataFile, replica, ...made });
    return;
  }
  io.write(
    `recovered replica ${replica} of cluster ${made.cluster} as of op ${made.op} in ` +
      `${dataFile}; start it as before, and destroy the lost file\n`,
  );
}

interface Recovered {
  readonly cluster: string;
  readonly op: Op;
  readonly bytes: number;
}

/** The state machine of the cluster, whichever it is: only its name stands in the new file. */
function machineOf(reports: readonly ReplicaReport[]): MachineIdentity {
  const [first] = statusesOf(reports).values();
  const { name, id } = first?.stateMachine ?? { name: '', id: '' };
  if (isMachineName(name) && /^[0-9a-f]{32}$/.test(id)) return { name, id: BigInt(`0x${id}`) };
  const message = 'the replicas do not say which state machine they run';
  throw cliError('wrong_peer', message, 'Nothing was sent or changed. Check the versions.');
}

async function recover(
  flags: RecoverFlags,
  stateMachine: MachineIdentity,
  io: Io,
): Promise<Recovered> {
  const { replica: slot, dataFile: path } = flags;
  const client = new OperationClient({
    endpoints: endpointsOf(flags, io),
    machine: stateMachine.name,
    requestTimeout: flags.timeout ?? STEP_TIMEOUT_DEFAULT,
    ...(flags.cluster === undefined ? {} : { cluster: flags.cluster }),
  });
  try {
    const incarnation = randomU128();
    const reply = await client.request(OPERATION_RECOVER, encodeRecovery({ slot, incarnation }));
    const recovered = decodeRecovered(reply.body);
    const { description } = client;
    if (recovered === null || description === null) {
      const message = `the cluster does not take another file for replica ${slot}`;
      throw cliError(
        'refused',
        message,
        'Nothing was changed. Check --replica against `kimberlite status`; a cluster of one or ' +
          'two replicas cannot recover a member.',
      );
    }
    const { cluster, replicaCount, config } = description;
    let { view } = reply;
    // What the lost file acknowledged is then so far below the head that no view change asks for
    // it again, and the new file, which has none of it, cannot be taken for a witness against it.
    for (let noops = 0; noops < config.pipelineMax; noops += 1) {
      const noop = await client.request(OPERATION_NOOP, new Uint8Array(0));
      view = Math.max(view, noop.view);
    }
    const file = recoveredFile({ slot, incarnation, recovered, view: View(view) });
    const sizes = { config, cluster, slot, replicaCount };
    const made = unwrap(await formatDataFile({ path, stateMachine, file, ...sizes }));
    return { cluster: String(cluster), op: recovered.since, bytes: made.size };
  } finally {
    await client.close();
  }
}
