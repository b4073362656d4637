import { setCount } from '../../std/bitset.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isPrimary, primaryOfView } from '../role.ts';
import { heardCount, isHeard } from './heard.ts';

/**
 * Whether this replica hears enough others for the cluster to go on, as far as it can tell: with
 * the primary among them (or being it), a replication quorum; without, as many as must vote for the
 * next view. Nothing is decided by it but what is said to clients and operators.
 */
export function watchQuorum(r: Replica): void {
  const seen = seesQuorum(r);
  if (seen !== r.quorumSeen) {
    r.quorumSeen = seen;
    trace(r, { kind: 'quorum', seen, heard: heardCount(r) });
  }
  if (seen) r.quorumLostSince = null;
  else r.quorumLostSince ??= r.tick;
  if (isLostAt(r, r.tick) && !isLostAt(r, r.tick - 1)) r.timers.count('quorumLoss');
}

/**
 * No quorum was seen for so long that requests are better refused than taken. Looks again: between
 * two ticks one may have come back.
 */
export function isQuorumLost(r: Replica): boolean {
  return isLostAt(r, r.tick) && !seesQuorum(r);
}

function isLostAt(r: Replica, tick: number): boolean {
  return r.quorumLostSince !== null && tick - r.quorumLostSince >= r.timers.ticks('quorumLoss');
}

function seesQuorum(r: Replica): boolean {
  if (setCount(r.voters) === 1) return true;
  const primary = primaryOfView(r);
  const follows = r.status !== 'view_change' && primary !== r.slot && isHeard(r, primary);
  return heardCount(r) >= (isPrimary(r) || follows ? r.quorums.replication : r.quorums.viewChange);
}
