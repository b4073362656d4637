import { assert } from '@kimberlite/store';

/**
 * Quorums by their formulae, written down again on purpose: the simulator must not believe the code
 * that it checks.
 */
export function replicationQuorum(replicaCount: number): number {
  assert(replicaCount >= 1 && replicaCount <= 6, 'one to six replicas');
  if (replicaCount === 2) return 2;
  return Math.min(3, Math.ceil(replicaCount / 2));
}

/** Votes that move the view, and logs that a new primary chooses from. */
export function viewChangeQuorum(replicaCount: number): number {
  if (replicaCount === 2) return 2;
  return replicaCount - replicationQuorum(replicaCount) + 1;
}

/** Denials with which an op may be dropped. */
export function nackQuorum(replicaCount: number): number {
  return replicaCount - replicationQuorum(replicaCount) + 1;
}
