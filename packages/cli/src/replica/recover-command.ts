import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { OperationClient } from '@kimberlite/client';
import { formatDataFile, makeFault, randomU128, type StatusRecord } from '@kimberlite/server';
import {
  decodeRecovered,
  encodeRecovery,
  isMachineName,
  type MachineIdentity,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  type Op,
  quorumsOf,
  RECOVERY_VOTERS_MIN,
  recoveredFile,
  View,
} from '@kimberlite/vsr';
import type { Command } from 'commander';
import { askReplicas, type ReplicaReport } from '../cluster/ask-replicas.ts';
import {
  type ConnectionFlags,
  clusterId,
  endpointsOf,
  natural,
  type OutputFlags,
  positive,
  withConnection,
} from '../connection-options.ts';
import { type CliError, cliError, ofServerFault, unwrap, usageError } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { recoverFromSurvivor, type SurvivorFlags } from '../survivor/recover-survivor.ts';

interface RecoverFlags extends ConnectionFlags, OutputFlags {
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
const SETTLE_POLL_MILLIS = 100;

/** Of one of the two forms alone. */
const OF_MEMBER = ['dataFile', 'replica'] as const;
const OF_SURVIVOR = ['into', 'newCluster', 'replicas', 'peers', 'yesILose', 'dryRun'] as const;

/** Adds recover. */
export function addRecoverCommand(program: Command, io: Io): void {
  withConnection(program.command('recover'), '; none with --from-survivor')
    .description('Make the file of a member whose own is lost, or a new cluster of what is left.')
    .option('--data-file <path>', 'where to make it; nothing may be there')
    .option('--replica <slot>', 'which replica of the cluster, from 0', natural)
    .option('--http <list>', 'HTTP ports of the replicas (default: each client port + 2)')
    .option('--from-survivor <path>', 'make a new cluster of the file of this stopped replica')
    .option('--into <directory>', 'where to make its files (default: beside the survivor)')
    .option('--new-cluster <id>', 'number of the new cluster (default: random)', clusterId)
    .option('--replicas <n>', 'replicas of the new cluster (default: as before)', positive)
    .option('--peers <list>', 'peer ports of the old cluster (default: each client port + 1)')
    .option('--yes-i-lose <id>', 'confirms, by the number of the old cluster', clusterId)
    .option('--dry-run', 'say what would be kept and lost, and change nothing')
    .addHelpText(
      'after',
      `
With --data-file, from the running others: the cluster writes into its log that the new file is the
member's, and that the lost one, should it turn up again, is not: destroy it. The file is empty; the
replica fetches its state when it is started. Refused while the member runs, and while the others
are no healthy quorum.

With --from-survivor, when a majority is lost for good: makes the files of a new cluster from what
one stopped replica has. Says what is kept and what may be lost, is refused while any member of
--endpoints answers (which must name all of the old cluster), and wants to be confirmed. The
survivor's file is not changed.

Examples:
  kimberlite recover --data-file /var/lib/kimberlite/1.data --replica 1
  kimberlite recover --from-survivor /var/lib/kimberlite/2.data --dry-run
  kimberlite recover --from-survivor /var/lib/kimberlite/2.data --endpoints a:7100,b:7100,c:7100`,
    )
    .action(async (flags: RecoverFlags | SurvivorFlags) => {
      assertOneForm(flags);
      if ('fromSurvivor' in flags) await recoverFromSurvivor(flags, io);
      else await recoverMember(flags, io);
    });
}

/** Options of the other form would be ignored, and whoever gave them meant something. */
function assertOneForm(flags: RecoverFlags | SurvivorFlags): void {
  const survivor = 'fromSurvivor' in flags;
  const foreign = (survivor ? OF_MEMBER : OF_SURVIVOR).find((name) => name in flags);
  const spelled = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  if (foreign !== undefined) {
    const form = survivor ? 'does not go with' : 'goes only with';
    throw usageError(`--${spelled(foreign)} ${form} --from-survivor`);
  }
  const missing = survivor ? undefined : OF_MEMBER.find((name) => !(name in flags));
  if (missing !== undefined) {
    throw usageError(`--${spelled(missing)} is missing (or --from-survivor)`);
  }
}

async function recoverMember(flags: RecoverFlags, io: Io): Promise<void> {
  const { dataFile, replica } = flags;
  if (existsSync(dataFile)) {
    throw ofServerFault(makeFault('data_file_exists', `${dataFile} is already there`));
  }
  const until = performance.now() + Math.min(SETTLE_TIMEOUT, flags.timeout ?? SETTLE_TIMEOUT);
  let reports = await askReplicas(flags, io);
  while (isSettling(reports, replica) && performance.now() < until) {
    await pause(SETTLE_POLL_MILLIS);
    reports = await askReplicas(flags, io);
  }
  const refusal = recoverRefusal(reports, replica);
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

/** Why a member must not be recovered now, by what the replicas say of themselves; or null. */
export function recoverRefusal(
  reports: readonly ReplicaReport[],
  replica: number,
): CliError | null {
  const found = statusesOf(reports);
  const [first] = found.values();
  if (first === undefined) {
    const remedy = 'Check that the replicas run and that --endpoints or --http name them.';
    return cliError('no_answer', 'no replica answered', remedy);
  }
  const { replicaCount } = first;
  const nothing = 'Nothing was sent or changed.';
  if (replica >= replicaCount) {
    return usageError(`replica ${replica} is not one of ${replicaCount}`);
  }
  if (replicaCount < RECOVERY_VOTERS_MIN) {
    const message = `a cluster of ${replicaCount} cannot do without any of its replicas`;
    return cliError('refused', message, `${nothing} Restore a backup.`);
  }
  if (found.has(replica)) {
    const message = `replica ${replica} runs: its file is not lost`;
    return cliError('refused', message, `${nothing} Stop it first, and destroy its file after.`);
  }
  const whole = [...found.values()].filter(isWhole).length;
  const needed = othersNeeded(replicaCount);
  if (whole >= needed) return null;
  const message = `${whole} of the other replicas are healthy and level, ${needed} are needed`;
  const remedy = `${nothing} Until then the lost file may be the only one with some write.`;
  return cliError('refused', message, `${remedy} See \`kimberlite status\`.`);
}

/** Whether enough others answer, and are only not whole yet. */
export function isSettling(reports: readonly ReplicaReport[], replica: number): boolean {
  const found = statusesOf(reports);
  const [first] = found.values();
  if (first === undefined || found.has(replica)) return false;
  if (first.replicaCount < RECOVERY_VOTERS_MIN) return false;
  const needed = othersNeeded(first.replicaCount);
  return found.size >= needed && [...found.values()].filter(isWhole).length < needed;
}

/** By slot, of those that answered. */
function statusesOf(reports: readonly ReplicaReport[]): Map<number, StatusRecord> {
  const answered = reports.flatMap((report) => ('status' in report ? [report.status] : []));
  return new Map(answered.map((status) => [status.replica, status]));
}

/** How many others must be whole, so that what the lost file acknowledged is with one of them. */
function othersNeeded(replicaCount: number): number {
  const { replication, viewChange } = quorumsOf(replicaCount);
  return Math.max(replication, viewChange - 1);
}

/** It takes part, and has all that it should have on its disk. */
function isWhole({ state }: StatusRecord): boolean {
  return state.status === 'normal' && !state.syncing && state.journalDirty === 0;
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
    const since = decodeRecovered(reply.body);
    const { description } = client;
    if (since === null || description === null) {
      const message = `the cluster does not take another file for replica ${slot}`;
      throw cliError('refused', message, 'Nothing was changed.');
    }
    const { cluster, replicaCount, config } = description;
    let { view } = reply;
    // What the lost file acknowledged is then so far below the head that no view change asks for
    // it again, and the new file, which has none of it, cannot be taken for a witness against it.
    for (let noops = 0; noops < config.pipelineMax; noops += 1) {
      const noop = await client.request(OPERATION_NOOP, new Uint8Array(0));
      view = Math.max(view, noop.view);
    }
    const file = recoveredFile({ slot, incarnation, since, view: View(view) });
    const sizes = { config, cluster, slot, replicaCount };
    const made = unwrap(await formatDataFile({ path, stateMachine, file, ...sizes }));
    return { cluster: String(cluster), op: since, bytes: made.size };
  } finally {
    await client.close();
  }
}
