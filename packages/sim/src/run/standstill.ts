import type { ReplicaSnapshot } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';

/**
 * Asked only after a lie, when a healed core did not converge: is there an op on which those who
 * vote cannot agree? Then standing still is right: to begin a view would be to give up what may
 * have been committed. Returns the reason, or null when the core should have gone on.
 */
export function standstillReason(cluster: Cluster, core: readonly number[]): string | null {
  const voting = cluster
    .snapshots()
    .filter(({ slot, status }) => core.includes(slot) && status !== 'recovering_head');
  const logView = Math.max(...voting.map((state) => state.logView));
  const logs = voting.filter((state) => state.logView === logView);
  return contradiction(cluster, logs) ?? commitWithoutOp(voting, logs);
}

/** Logs of one log view that differ at one op: nobody can tell which prepare was acknowledged. */
function contradiction(cluster: Cluster, logs: readonly ReplicaSnapshot[]): string | null {
  const head = Math.max(...logs.map(({ op }) => op));
  const lowest = Math.min(...logs.map(({ checkpointOp }) => checkpointOp));
  for (let op = lowest + 1; op <= head; op += 1) {
    const named = logs.flatMap((state) => {
      const checksum = state.op < op ? null : prepareOf(cluster, state, op);
      return checksum === null ? [] : [checksum];
    });
    if (new Set(named).size > 1) return `logs of one view hold different ops ${op}`;
  }
  return null;
}

/** Somebody was told that an op is committed which no log has that may lead. */
function commitWithoutOp(
  voting: readonly ReplicaSnapshot[],
  logs: readonly ReplicaSnapshot[],
): string | null {
  const head = Math.max(...logs.map(({ op }) => op));
  const told = voting.find(({ commitMax }) => commitMax > head);
  if (told === undefined) return null;
  return `replica ${told.slot} knows op ${told.commitMax} as committed, the newest log ends at ${head}`;
}

/** What the log of this replica has at an op: as its durable headers say, else its slot. */
function prepareOf(cluster: Cluster, state: ReplicaSnapshot, op: number): bigint | null {
  const { evidence } = cluster.storage(state.slot);
  const superblock = evidence.superblock();
  if (typeof superblock !== 'string' && superblock.logView === state.logView) {
    const entry = superblock.headers.find((each) => each?.header.op === op);
    if (entry !== undefined && entry !== null) return entry.header.checksum;
  }
  return evidence.checksumIn(op);
}
