import type { ReplicaSnapshot } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';

/**
 * Whether the log of the latest view names an op that nobody committed, that at least two replicas
 * of that log know by its header alone, and whose body somebody still has.
 */
export function hasLastCopy(cluster: Cluster): boolean {
  const states = cluster.snapshots();
  const logView = Math.max(...states.map((state) => state.logView));
  const logs = states.filter((state) => state.logView === logView);
  const head = Math.max(...logs.map((state) => state.op));
  for (let op = cluster.checkers.history.head + 1; op <= head; op += 1) {
    const without = logs.filter((state) => state.op >= op && !holds(cluster, state.slot, op));
    if (without.length < 2) continue;
    if (cluster.replicas.some(({ slot }) => !isOneOf(without, slot) && holds(cluster, slot, op))) {
      return true;
    }
  }
  return false;
}

function isOneOf(states: readonly ReplicaSnapshot[], slot: number): boolean {
  return states.some((state) => state.slot === slot);
}

function holds(cluster: Cluster, slot: number, op: number): boolean {
  return cluster.storage(slot).evidence.slotState(op) === 'readable';
}
