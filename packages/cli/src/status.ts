import { formatAddress, parseAddress, type StatusRecord, statusJson } from '@kimberlite/server';
import { quorumsOf } from '@kimberlite/vsr';
import { type Command, Option } from 'commander';
import {
  askReplicas,
  noneAnswered,
  type ReplicaReport,
  severalClusters,
} from './cluster/ask-replicas.ts';
import { type ConnectionFlags, type OutputFlags, withConnection } from './connection-options.ts';
import { type CliError, cliError, errorLine } from './fault.ts';
import { type Io, writeJson } from './io.ts';
import { tableText } from './text.ts';

export interface StatusFlags extends ConnectionFlags, OutputFlags {
  readonly http?: string;
}

/** Adds status. */
export function addStatusCommand(
  program: Command,
  io: Io,
  setExitCode: (code: number) => void,
): void {
  withConnection(program.command('status'))
    .description('Show every replica: role, view, op, commit, checkpoint, peers.')
    .addOption(
      new Option('--http <list>', 'HTTP ports of the replicas (default: each client port + 2)'),
    )
    .addHelpText(
      'after',
      `
One that does not answer is shown as such. Exit code 4 when none does, 2 when those that do are of
two clusters, 9 when so few do, or so few of them take part, that nothing can be committed. That
views jump, say from 2 to 16 and from 18 to 32, is normal: the primary of view v is the replica in
slot v mod 16, and views of empty slots are left out.
COMMIT is the newest op that the replica has executed (in JSON commit_min, as a metric
vsr_applied_number); what it knows to be committed may be more (commit_max, vsr_commit_number).

Examples:
  kimberlite status
  kimberlite status -o json
  kimberlite status --http 10.0.0.1:7102,10.0.0.2:7102,10.0.0.3:7102`,
    )
    .action(async (flags: StatusFlags) => {
      const reports = await askReplicas(flags, io);
      if (flags.output === 'json') writeJson(io, { replicas: reports.map(reportJson) });
      else io.write(statusText(reports));
      const fault = availabilityFault(reports);
      if (fault === null) return;
      io.writeError(errorLine(fault));
      setExitCode(fault.exitCode);
    });
}

function reportJson(report: ReplicaReport): object {
  if ('error' in report) return report;
  return { http: report.http, status: statusJson(report.status) };
}

/**
 * What the answers say against the cluster as a whole; null when they rule nothing out. Replicas
 * that were not asked count as running: whoever asks one of three learns of that one only.
 */
export function availabilityFault(reports: readonly ReplicaReport[]): CliError | null {
  const found = reports.flatMap((report) => ('status' in report ? [report.status] : []));
  const [first] = found;
  if (first === undefined) return noneAnswered(reports);
  const several = severalClusters(reports);
  if (several !== null) return several;
  const { replicaCount } = first;
  const answered = new Set(found.map(({ replica }) => replica)).size;
  const silent = reports.length - found.length;
  const { replication } = quorumsOf(replicaCount);
  // Addresses beyond the number of replicas, as the default ones for a cluster of one, say nothing.
  if (answered < replication && replicaCount - silent < replication) {
    return cliError(
      'below_quorum',
      `${answered} of ${replicaCount} replicas answered: no quorum, nothing can be committed`,
      'Nothing acknowledged is lost. Start the others; if they run, check that --endpoints or ' +
        '--http name them, and that this machine reaches their HTTP ports.',
    );
  }
  const unable = new Set(found.filter((status) => !takesPart(status)).map((one) => one.replica));
  const able = answered - unable.size;
  if (able >= replication || replicaCount - silent - unable.size >= replication) return null;
  return cliError(
    'below_quorum',
    `${able} of ${replicaCount} replicas take part and hear each other: nothing can be committed`,
    'Nothing acknowledged is lost. STATUS and QUORUM say what keeps the others: one that is ' +
      'introducing or recovering_head waits for the members that are down, one that is denied ' +
      'must be recovered, and QUORUM `no` means that the replicas do not reach each other.',
  );
}

/** Whether commits can count on it, as far as it knows; a view change is soon over. */
function takesPart({ state }: StatusRecord): boolean {
  const { status, deniedBy, quorumSeen } = state;
  return (status === 'normal' || status === 'view_change') && deniedBy.length === 0 && quorumSeen;
}

function remarkOn({ state, dataFile }: StatusRecord): string {
  const { syncing, deniedBy } = state;
  if (deniedBy.length > 0) return ` (its file is denied by ${deniedBy.join(', ')})`;
  if (dataFile.waitingBytes > 0) return ' (its disk is full)';
  return syncing ? ' (syncing)' : '';
}

/** Only a replica in normal status has one. */
function roleOf({ status, isPrimary }: StatusRecord['state']): string {
  if (status !== 'normal') return '-';
  return isPrimary ? 'primary' : 'backup';
}

/**
 * Which replicas do not answer, by their HTTP address: the one whose peer port, as those that
 * answer dial it, is the usual one beside it; and where only one is silent, the one that is left.
 */
export function silentReplicas(reports: readonly ReplicaReport[]): Map<string, string> {
  const found = reports.flatMap((report) => ('status' in report ? [report.status] : []));
  const silent = reports.flatMap((report) => ('status' in report ? [] : [report.http]));
  const known = new Set(found.map(({ replica }) => replica));
  const names = new Map<string, string>();
  for (const { slot, address } of found.flatMap(({ peers }) => peers)) {
    const peer = address === null ? null : parseAddress(address);
    if (peer === null || known.has(slot)) continue;
    const http = formatAddress({ host: peer.host, port: peer.port + 1 });
    if (silent.includes(http)) names.set(http, String(slot));
  }
  const count = found[0]?.replicaCount ?? 0;
  const left = Array.from({ length: count }, (_, slot) => slot).filter((slot) => !known.has(slot));
  const [only] = silent;
  if (silent.length === 1 && left.length === 1 && only !== undefined)
    names.set(only, String(left[0]));
  return names;
}

const HEAD = [
  'REPLICA',
  'ROLE',
  'STATUS',
  'QUORUM',
  'VIEW',
  'OP',
  'COMMIT',
  'CHECKPOINT',
  'FULL',
  'VERSION',
  'HTTP',
];

/** How much of the limit of the state is taken; `-` without one, and before it is known. */
function fullness(status: StatusRecord): string {
  // A replica of an older release does not say it.
  const { bytes = null, bytesMax = 0 }: Partial<StatusRecord['stateSize']> =
    (status as Partial<StatusRecord>).stateSize ?? {}; // SAFETY: fewer fields than ours.
  if (bytes === null || bytesMax === 0) return '-';
  return `${Math.floor((100 * bytes) / bytesMax)}%`;
}

/**
 * A table, one replica a line. QUORUM: whether it hears enough of the others. FULL: what the state
 * takes of its limit.
 */
export function statusText(reports: readonly ReplicaReport[]): string {
  const rows = [HEAD];
  const silent = silentReplicas(reports);
  for (const report of reports) {
    if ('error' in report) {
      rows.push([
        silent.get(report.http) ?? '-',
        '-',
        report.error,
        ...HEAD.slice(4).map(() => '-'),
        report.http,
      ]);
      continue;
    }
    const { state, replica, version } = report.status;
    rows.push([
      String(replica),
      roleOf(state),
      `${state.status}${remarkOn(report.status)}`,
      state.quorumSeen ? 'yes' : 'no',
      String(state.view),
      String(state.op),
      String(state.commitMin),
      String(state.checkpointOp),
      fullness(report.status),
      version,
      report.http,
    ]);
  }
  return tableText(rows);
}
