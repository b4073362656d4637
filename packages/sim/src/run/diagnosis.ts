import type { ReplicaSnapshot } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import { nackQuorum, viewChangeQuorum } from '../cluster/quorums.ts';

/**
 * Asked only when a healed core did not converge: is it beyond what is promised? The rest of the
 * cluster is broken for good, and the core may by chance hold too little: then standing still is
 * right, and answering would be guessing. Returns the reason, or null when it should have gone on.
 */
export function unrecoverableReason(cluster: Cluster, core: readonly number[]): string | null {
  return (
    tooManyUncertain(cluster, core) ??
    lostPrepare(cluster, core) ??
    undecidableOp(cluster, core) ??
    lostBlock(cluster, core)
  );
}

/** Members with an uncertain head don't vote; they wait for a primary, and none may ever be. */
function tooManyUncertain(cluster: Cluster, core: readonly number[]): string | null {
  const states = cluster.snapshots().filter(({ slot }) => core.includes(slot));
  const certain = states.filter(({ status }) => status !== 'recovering_head').length;
  const led = states.some(({ status, isPrimary }) => status === 'normal' && isPrimary);
  if (led || certain >= viewChangeQuorum(cluster.options.replicaCount)) return null;
  return `only ${certain} of ${core.length} core members are certain of their heads`;
}

/** A committed op that somebody in the core still needs, with no readable copy in the core. */
function lostPrepare(cluster: Cluster, core: readonly number[]): string | null {
  const { history } = cluster.checkers;
  const states = cluster.snapshots().filter(({ slot }) => core.includes(slot));
  if (states.length === 0) return null;
  // Only a checkpoint that is provably on a quorum is given to others: until an op above its
  // deadline has committed, what can be had is the one before.
  const interval = cluster.options.config.checkpointInterval;
  const offered = states.map(({ checkpointOp, commitMax }) =>
    commitMax > checkpointOp + interval / 2 ? checkpointOp : checkpointOp - interval,
  );
  const checkpoint = Math.max(...offered);
  const lowest = Math.min(...states.map((state) => state.commitMin));
  for (let op = Math.max(lowest, checkpoint) + 1; op <= history.head; op += 1) {
    const entry = history.at(op);
    if (entry === null) continue;
    const held = core.some((slot) =>
      cluster.storage(slot).evidence.prepareReadable(op, entry.checksum),
    );
    if (!held) return `no readable copy of committed op ${op} is in the core`;
  }
  return null;
}

/**
 * An op above the history whose body no voting member of the core can read, while too many slots of
 * it are faulty for a nack quorum: it may have been acknowledged by those outside. A member with an
 * uncertain head has no vote, so what its disk would prove is not heard.
 */
function undecidableOp(cluster: Cluster, core: readonly number[]): string | null {
  const { replicaCount, config } = cluster.options;
  const { head } = cluster.checkers.history;
  const voting = cluster
    .snapshots()
    .filter(({ slot, status }) => core.includes(slot) && status !== 'recovering_head');
  const logView = Math.max(...voting.map((state) => state.logView));
  const logs = voting.filter((state) => state.logView === logView);
  const longest = Math.max(...logs.map((state) => state.op));
  for (let op = head + 1; op <= Math.min(longest, head + 2 * config.pipelineMax); op += 1) {
    // Only logs of the highest log view say what the op is; a copy of an older log is a nack.
    const wanted = inHeaders(cluster, logs, op) ?? namedAbove(cluster, logs, op);
    const held = voting.map((state) => {
      const canonical = state.logView === logView;
      // A log that ends below the op denies it: what still stands in its slot was given up.
      const found = state.op < op ? 'absent' : slotOf(cluster, state.slot, { op, wanted });
      return { canonical, found };
    });
    const canonical = held.filter((each) => each.canonical).map((each) => each.found);
    // The canonical log may also know the op by its header alone, and need a copy from anyone.
    const unheard = canonical.includes('damaged') ? canonical : held.map((each) => each.found);
    if (unheard.includes('readable') || !unheard.includes('damaged')) continue;
    const nacks = held.filter(
      (each) => each.found === 'absent' || (!each.canonical && each.found === 'readable'),
    ).length;
    if (nacks < nackQuorum(replicaCount)) return `op ${op} can be neither kept nor dropped`;
  }
  return null;
}

/**
 * The prepare of `op` in the headers that are durable with a log: a replica may know what its log
 * holds before it has any of it, while its slots hold what an older log had there.
 */
function inHeaders(cluster: Cluster, logs: readonly ReplicaSnapshot[], op: number): bigint | null {
  for (const { slot, logView } of logs) {
    const superblock = cluster.storage(slot).evidence.superblock();
    if (typeof superblock === 'string' || superblock.logView !== logView) continue;
    const entry = superblock.headers.find((each) => each?.header.op === op);
    if (entry !== undefined && entry !== null) return entry.header.checksum;
  }
  return null;
}

/** The prepare of `op` that the op above it names as its parent; null when nobody can tell. */
function namedAbove(cluster: Cluster, logs: readonly ReplicaSnapshot[], op: number): bigint | null {
  for (const { slot, op: head } of logs) {
    const parent = head > op ? cluster.storage(slot).evidence.parentIn(op + 1) : null;
    if (parent !== null) return parent;
  }
  return null;
}

/**
 * What a slot has of the op: a whole prepare that the log does not want there is a denial, and so
 * is a body that can't be read under the header of such a one.
 */
function slotOf(
  cluster: Cluster,
  slot: number,
  { op, wanted }: { readonly op: number; readonly wanted: bigint | null },
): 'readable' | 'damaged' | 'absent' {
  const { evidence } = cluster.storage(slot);
  const found = evidence.slotState(op);
  if (wanted === null) return found;
  if (found === 'damaged') {
    const named = evidence.redundantChecksum(op);
    return named === null || named === wanted ? found : 'absent';
  }
  if (found === 'absent') return found;
  return evidence.prepareReadable(op, wanted) ? 'readable' : 'absent';
}

/** A damaged block of one member that no other member of the core can give. */
function lostBlock(cluster: Cluster, core: readonly number[]): string | null {
  for (const slot of core) {
    for (const { address, bytes } of cluster.storage(slot).evidence.damagedBlocks()) {
      const held = core.some((other) => cluster.storage(other).evidence.holdsBlock(address, bytes));
      if (!held) return `block ${address} of replica ${slot} has no copy in the core`;
    }
  }
  return null;
}
