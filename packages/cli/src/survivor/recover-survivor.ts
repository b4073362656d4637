import { dirname, join } from 'node:path';
import { type MachineFlags, type MakeMachine, machineFor } from '../cluster/machine-module.ts';
import { assertNothingThere, blocksOf, makeCluster } from '../cluster/make-cluster.ts';
import {
  type NewCluster,
  type NewClusterFlags,
  newClusterOf,
  newFilePaths,
} from '../cluster/new-cluster.ts';
import type { ReplaySource } from '../cluster/replay-log.ts';
import { placesOfOld, type Starts, startCommands, startText } from '../cluster/start-text.ts';
import { type ConnectionFlags, endpointsOf, type OutputFlags } from '../connection-options.ts';
import { type CliError, cliError, usageError } from '../fault.ts';
import { type DataFileReader, readerOf, withOfflineFile } from '../inspect/data-file-reader.ts';
import { readTree } from '../inspect/read-tree.ts';
import { type Io, writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { addressesToProbe, type ProbedAddress, probeMembers } from './probe-members.ts';
import { planOf, type SurvivorPlan } from './survivor-plan.ts';
import { planRecord, planText } from './survivor-text.ts';

export interface SurvivorFlags extends ConnectionFlags, OutputFlags, MachineFlags, NewClusterFlags {
  readonly fromSurvivor: string;
  readonly into?: string;
  readonly peers?: string;
  readonly http?: string;
  readonly yesILose?: bigint;
  readonly dryRun?: boolean;
}

/** Milliseconds until an address counts as silent. */
const PROBE_MILLIS = 2_000;
const NOTHING = 'Nothing was changed.';

/**
 * Makes a new cluster from the file of one replica of a cluster whose majority is lost for good.
 * The file is locked meanwhile and only read.
 */
export async function recoverFromSurvivor(flags: SurvivorFlags, io: Io): Promise<void> {
  const path = flags.fromSurvivor;
  await withOfflineFile(path, async (raw) => {
    const progress = new ProgressLine(io);
    const file = readerOf(raw);
    const makeMachine = await machineFor(path, file.chosen.state.identity.machine, flags);
    const plan = planOf(file, (done, total) => progress.show('log', done, total));
    progress.clear();
    const json = flags.output === 'json';
    if (flags.dryRun === true) {
      if (json) writeJson(io, planRecord(path, plan));
      else io.write(planText(path, plan));
      return;
    }
    const wanted = wantedCluster(flags, plan);
    await assertNothingThere(wanted);
    const probed = await probe(flags, io, plan);
    if (!json) io.writeError(`${planText(path, plan)}${probedText(probed)}`);
    await confirm(flags, io, plan);
    const needed = assertWhole(file, progress);
    const source = sourceOf(file, { plan, needed, makeMachine });
    const op = await makeCluster(source, wanted, { progress });
    const files = newFilePaths(wanted);
    const { cluster, replicaCount } = wanted;
    const known = placesOfOld(endpointsOf(flags, io), flags);
    const starts: Starts = { ofKernel: flags.stateMachine === undefined, known };
    if (json) {
      const made = { new_cluster: cluster, new_replica_count: replicaCount, begins_at_op: op };
      const start = startCommands(wanted, starts);
      writeJson(io, { ...planRecord(path, plan), ...made, data_files: files, start });
      return;
    }
    io.write(
      `made cluster ${cluster} of ${replicaCount}, which begins at op ${op}, in\n` +
        files.map((name) => `  ${name}\n`).join('') +
        `${startText(wanted, starts)}Then point clients at the new cluster; keep the old files, ` +
        'and never start a replica on one of them again.\n',
    );
  });
}

/**
 * Looks at every block of the checkpoint, for there is nobody left to repair one from: a replica
 * that starts on it reads the metadata alone, and what it does not need it copies as it is. Returns
 * their addresses. Throws CliError at the first that is not whole.
 */
function assertWhole(file: DataFileReader, progress: ProgressLine): ReadonlySet<number> {
  const addresses = new Set<number>();
  readTree(file, {
    onBlock: (address, total) => {
      addresses.add(address);
      progress.show('checkpoint', addresses.size, total);
    },
    onFault: ({ address, problem }) => {
      progress.clear();
      const what = address === null ? 'its checkpoint' : `block ${address} of its checkpoint`;
      throw damagedError(`${what}: ${problem}`);
    },
  });
  progress.clear();
  return addresses;
}

function damagedError(message: string): CliError {
  return cliError(
    'damaged',
    `the survivor's state cannot be worked out: ${message}`,
    `${NOTHING} Try another survivor, or restore a backup.`,
  );
}

/** What the new cluster is made of, without the blocks that its state does not need. */
export function sourceOf(
  file: DataFileReader,
  survivor: {
    readonly plan: SurvivorPlan;
    readonly needed: ReadonlySet<number>;
    readonly makeMachine: MakeMachine;
  },
): ReplaySource {
  const { plan, needed, makeMachine } = survivor;
  const { cluster, config } = plan.identity;
  return {
    cluster,
    makeMachine,
    config,
    view: plan.view,
    adoptedOp: plan.adoptedOp,
    state: plan.state,
    blocks: blocksOf(file, (address) => needed.has(address)),
    onDamage: damagedError,
  };
}

function wantedCluster(flags: SurvivorFlags, { identity }: SurvivorPlan): NewCluster {
  const wanted = newClusterOf(flags, identity);
  const beside = join(dirname(flags.fromSurvivor), `cluster-${wanted.cluster}`);
  return { ...wanted, directory: flags.into ?? beside };
}

async function probe(
  flags: SurvivorFlags,
  io: Io,
  { identity }: SurvivorPlan,
): Promise<ProbedAddress[]> {
  if (flags.endpoints === undefined && !io.env['KIMBERLITE_ENDPOINTS']) {
    throw usageError('--endpoints must name the old cluster: whether a quorum may live is asked');
  }
  const endpoints = endpointsOf(flags, io);
  if (endpoints.length < identity.replicaCount) {
    throw usageError(
      `--endpoints names ${endpoints.length} of ${identity.replicaCount} replicas of the old ` +
        'cluster; one that is not asked may live',
    );
  }
  const addresses = addressesToProbe(endpoints, flags);
  const probed = await probeMembers(addresses, flags.timeout ?? PROBE_MILLIS);
  const alive = probed.filter(({ answers }) => answers).map(({ address }) => address);
  if (alive.length === 0) return probed;
  throw cliError(
    'refused',
    `something answers at ${alive.join(', ')}: a member may live, and know more than this file`,
    `${NOTHING} Start the others if a quorum of them can be had; it goes on by itself. Only ` +
      'if they are lost for good: stop what is left, and compare the files with --dry-run.',
  );
}

function probedText(probed: readonly ProbedAddress[]): string {
  return probed.map(({ address, outcome }) => `  ${address}: ${outcome}\n`).join('');
}

/** That nobody answers proves nothing: only a person can know that a majority is gone for good. */
async function confirm(flags: SurvivorFlags, io: Io, { identity }: SurvivorPlan): Promise<void> {
  const { cluster } = identity;
  let said: string | null = flags.yesILose === undefined ? null : String(flags.yesILose);
  said ??= await io.askLine(
    'If the other members come back, what they acknowledged is not in the new cluster.\n' +
      'To go on, type the number of the old cluster: ',
  );
  if (said?.trim() === String(cluster)) return;
  const message =
    said === null ? 'nobody confirmed it' : `${said.trim()} is not the number of the old cluster`;
  throw cliError(
    'refused',
    message,
    `${NOTHING} Where nobody can type: --yes-i-lose and the number of the old cluster.`,
  );
}
