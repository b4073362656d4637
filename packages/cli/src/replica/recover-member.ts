import type { ClusterDescription } from '@kimberlite/client';
import { randomU128 } from '@kimberlite/server';
import { isMachineName, type MachineIdentity, type Op } from '@kimberlite/vsr';
import { askReplicas, type ReplicaReport } from '../cluster/ask-replicas.ts';
import { askUntil } from '../cluster/ask-until.ts';
import { removingUnfinished } from '../cluster/unfinished.ts';
import type { ConnectionFlags, OutputFlags } from '../connection-options.ts';
import { cliError, errorLine, ofServerFault } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { FileChange } from './file-change.ts';
import { headOf, isSettling, recoverRefusal, statusesOf } from './may-recover.ts';
import { assertPathFree, makeMemberFile } from './member-file.ts';
import { recoveredText, startOf } from './recovered-text.ts';

export interface RecoverFlags extends ConnectionFlags, OutputFlags {
  readonly dataFile: string;
  readonly replica: number;
  readonly http?: string;
}

/**
 * Milliseconds for which the others may still be settling: they have just lost a primary, or one of
 * them catches up.
 */
const SETTLE_TIMEOUT = 10_000;

/** Makes a file in the place of one that is lost, which the running others let in. */
export async function recoverMember(flags: RecoverFlags, io: Io): Promise<void> {
  const { dataFile, replica } = flags;
  assertPathFree(dataFile);
  const reports = await assertRecoverable(flags, io);
  const machine = machineOf(reports);
  const change = new FileChange(flags, machine, io);
  const made = await recover(flags, { machine, change }, io);
  const { cluster, op } = made;
  const others = [...statusesOf(reports).values()];
  const member = { slot: replica, dataFile, cluster, op, others };
  if (flags.output === 'json') {
    writeJson(io, { data_file: dataFile, replica, ...made, start: startOf(member) });
    return;
  }
  io.write(recoveredText(member));
}

/** Throws CliError while the member runs, or the others are no healthy quorum. */
async function assertRecoverable(flags: RecoverFlags, io: Io): Promise<readonly ReplicaReport[]> {
  const { replica } = flags;
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
  return reports;
}

/** The state machine of the cluster, whichever it is: only its name stands in the new file. */
function machineOf(reports: readonly ReplicaReport[]): MachineIdentity {
  const [first] = statusesOf(reports).values();
  const { name, id } = first?.stateMachine ?? { name: '', id: '' };
  if (isMachineName(name) && /^[0-9a-f]{32}$/.test(id)) return { name, id: BigInt(`0x${id}`) };
  const message = 'the replicas do not say which state machine they run';
  throw cliError('wrong_peer', message, 'Nothing was sent or changed. Check the versions.');
}

interface Recovered {
  readonly cluster: string;
  readonly op: Op;
  readonly bytes: number;
}

/**
 * The file is made before the cluster is asked, which can't be taken back: what keeps it from being
 * made must not cost the member the file that it has. What the answer has to say is written last,
 * and until then no replica starts on it.
 */
async function recover(
  flags: RecoverFlags,
  { machine, change }: { readonly machine: MachineIdentity; readonly change: FileChange },
  io: Io,
): Promise<Recovered> {
  const { replica: slot, dataFile: path } = flags;
  const description: ClusterDescription = await change.describe();
  const { cluster, replicaCount, config } = description;
  const incarnation = randomU128();
  const progress = new ProgressLine(io);
  const onSignal = (): void => {
    const error = change.unfinished('it was interrupted');
    if (error !== null) progress.say(errorLine(error));
  };
  return await removingUnfinished(async (made) => {
    const member = { cluster, slot, replicaCount };
    const { opened, size } = await makeMemberFile(
      path,
      { ...member, config, incarnation },
      { made, progress },
    );
    try {
      // That took a while, and another look costs nothing.
      await assertRecoverable(flags, io);
      return await change.make(description, incarnation, (recovered) => {
        const { view, introductions, op } = recovered;
        const fault = opened.finish(machine, { view, introductions });
        if (fault !== null) throw ofServerFault(fault);
        made.keep();
        return { cluster: String(cluster), op, bytes: size };
      });
    } finally {
      opened.close();
    }
  }, onSignal);
}
