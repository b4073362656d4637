import { type DropReason, NO_REPLICA, type TraceEvent } from '@kimberlite/vsr';
import { check } from './violation.ts';

/** Reasons to drop what no replica sends that keeps the protocol. */
const ONLY_OF_LIARS: ReadonlySet<DropReason> = new Set<DropReason>([
  'invalid_metadata',
  'invalid_repair_range',
  'log_conflict',
  'unexpected_command',
  'unknown_author',
  'wrong_checkpoint',
  'wrong_cluster',
]);

/**
 * Where nobody lies, nobody is told what only a liar would say. The core drops such messages, as it
 * must with anything from outside; so a replica that contradicts itself would be noticed by nobody,
 * if it were not for this.
 */
export function checkHonestPeers(slot: number, event: TraceEvent): void {
  // A client may be anybody's.
  if (event.kind !== 'dropped' || event.from === NO_REPLICA) return;
  check(
    'honest_peers',
    !ONLY_OF_LIARS.has(event.reason),
    () => `replica ${slot} drops a ${event.command} of replica ${event.from}: ${event.reason}`,
  );
}
