import type { StatusRecord } from '@kimberlite/server';
import { quorumsOf, RECOVERY_VOTERS_MIN } from '@kimberlite/vsr';
import { noneAnswered, type ReplicaReport, severalClusters } from '../cluster/ask-replicas.ts';
import { type CliError, cliError, usageError } from '../fault.ts';

/** The highest op that any of those that answered has in its log. */
export function headOf(reports: readonly ReplicaReport[]): number {
  return Math.max(0, ...[...statusesOf(reports).values()].map(({ state }) => state.op));
}

/**
 * Why a member must not be recovered now, by what the replicas say of themselves; or null. Enough
 * others must have every op up to `head` on their disks.
 */
export function recoverRefusal(
  reports: readonly ReplicaReport[],
  replica: number,
  head: number,
): CliError | null {
  const found = statusesOf(reports);
  const [first] = found.values();
  if (first === undefined) return noneAnswered(reports);
  const several = severalClusters(reports);
  if (several !== null) return several;
  const { replicaCount } = first;
  const nothing = 'Nothing was changed.';
  if (replica >= replicaCount) {
    return usageError(`replica ${replica} is not one of ${replicaCount}`);
  }
  if (replicaCount < RECOVERY_VOTERS_MIN) {
    const message = `a cluster of ${replicaCount} cannot do without any of its replicas`;
    const remedy =
      replicaCount === 1
        ? 'Restore a backup.'
        : 'The other file has all that was acknowledged: `kimberlite recover --from-survivor` ' +
          'makes a new cluster of it.';
    return cliError('refused', message, `${nothing} ${remedy}`);
  }
  if (found.has(replica)) {
    const message = `replica ${replica} runs: its file is not lost`;
    const remedy =
      'Check --replica. To replace its file all the same, stop it, move the file away and run ' +
      'this again.';
    return cliError('refused', message, `${nothing} ${remedy}`);
  }
  const whole = countWhole(found.values(), head);
  const needed = othersNeeded(replicaCount);
  if (whole >= needed) return null;
  const unnamed = unnamedOthers(reports, replicaCount);
  if (unnamed > 0 && whole + unnamed >= needed) {
    return cliError(
      'refused',
      `--endpoints (or --http) names ${reports.length} of ${replicaCount} replicas, and ${whole} ` +
        `other than replica ${replica} was found healthy and level: ${needed} are needed`,
      `${nothing} Name all replicas of the cluster.`,
    );
  }
  const message = `${whole} of the other replicas are healthy and level, ${needed} are needed`;
  const remedy = `${nothing} Until then the lost file may be the only one with some write.`;
  return cliError('refused', message, `${remedy} See \`kimberlite status\`.`);
}

/** Whether enough others answer, and are only not whole yet. */
export function isSettling(
  reports: readonly ReplicaReport[],
  replica: number,
  head: number,
): boolean {
  const found = statusesOf(reports);
  const [first] = found.values();
  if (first === undefined || found.has(replica)) return false;
  if (first.replicaCount < RECOVERY_VOTERS_MIN) return false;
  const needed = othersNeeded(first.replicaCount);
  return found.size >= needed && countWhole(found.values(), head) < needed;
}

/** Replicas besides the lost one that nobody asked; it is one of the silent, if there are any. */
function unnamedOthers(reports: readonly ReplicaReport[], replicaCount: number): number {
  const { size } = statusesOf(reports);
  const silentOthers = Math.max(0, reports.length - size - 1);
  return replicaCount - 1 - size - silentOthers;
}

/** By slot, of those that answered. */
export function statusesOf(reports: readonly ReplicaReport[]): Map<number, StatusRecord> {
  const answered = reports.flatMap((report) => ('status' in report ? [report.status] : []));
  return new Map(answered.map((status) => [status.replica, status]));
}

/** How many others must be whole, so that what the lost file acknowledged is with one of them. */
function othersNeeded(replicaCount: number): number {
  const { replication, viewChange } = quorumsOf(replicaCount);
  return Math.max(replication, viewChange - 1);
}

/** Those that take part and have all ops up to `head` on disk; under load others are on the way. */
function countWhole(statuses: Iterable<StatusRecord>, head: number): number {
  return [...statuses].filter(
    ({ state }) => state.status === 'normal' && !state.syncing && state.journalDurableOp >= head,
  ).length;
}
