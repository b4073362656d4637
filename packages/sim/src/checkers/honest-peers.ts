import { type DropReason, NO_REPLICA, OPERATION_USER_MIN, type TraceEvent } from '@kimberlite/vsr';
import type { Workload } from '../workload/workload.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/** Reasons to drop what no replica sends that keeps the protocol. */
export const ONLY_OF_LIARS: readonly DropReason[] = [
  'invalid_metadata',
  'invalid_repair_range',
  'log_conflict',
  'unexpected_command',
  'unknown_author',
  'wrong_checkpoint',
  'wrong_cluster',
];

/**
 * Where nobody lies, nobody is told what only a liar would say. The core drops such messages, as it
 * must with anything from outside; so a replica that contradicts itself would be noticed by nobody,
 * if it were not for this. Nor is a file said to be an older copy of itself but those that are.
 */
export function checkHonestPeers(
  slot: number,
  event: TraceEvent,
  oldFiles: ReadonlySet<number>,
): void {
  if (event.kind === 'denied') {
    check(
      'honest_peers',
      event.reason !== 'rolled_back' || oldFiles.has(slot),
      () => `replica ${event.peer} says that the true file of replica ${slot} is an older copy`,
    );
  }
  // A client may be anybody's.
  if (event.kind !== 'dropped' || event.from === NO_REPLICA) return;
  check(
    'honest_peers',
    !ONLY_OF_LIARS.includes(event.reason),
    () => `replica ${slot} drops a ${event.command} of replica ${event.from}: ${event.reason}`,
  );
}

/**
 * Where nobody lies, what no replica would execute is refused by the primary: it never has a place
 * in the log. Replicas pass it over, as they must, so nobody would notice there either.
 */
export function checkHonestLog(entry: HistoryEntry, workload: Workload): void {
  entry.requests.forEach((request, index) => {
    if (request.operation < OPERATION_USER_MIN) return;
    check(
      'honest_peers',
      workload.isValid?.(request) !== false,
      () => `op ${entry.op} holds a request that nobody executes: ${index}`,
    );
  });
}
