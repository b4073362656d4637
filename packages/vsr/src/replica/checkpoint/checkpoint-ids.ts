import type { Header } from '../../message/layout.ts';
import type { PrepareHeader } from '../../message/message.ts';
import type { Checksum, Op } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import { expectedCheckpointId, ownCheckpointId } from './window.ts';

/*
 * The id of a checkpoint names the whole state, so two replicas with different ids at one op have
 * diverged: a bug, a broken memory, or one of the two lies. Every replica tells its own id with
 * each ping, pong, heartbeat, acknowledgement and do_view_change.
 *
 * Rule odd-one-stops: a replica stops when a majority of the cluster tells one id at an op at which
 * its own is another. One peer's word is never enough where there are three: a single liar, or a
 * primary whose own state is the odd one, would stop everybody else. Of two replicas nobody knows
 * which one is right; they can't commit without each other, so nothing is lost when both stop.
 *
 * Rule same-state-votes: an op that needs a checkpoint is neither appended from a prepare, nor
 * acknowledged, nor counted, by or for a replica whose checkpoint is another than the op or its
 * primary names. So what is committed above C + D stands on a replication quorum of equal states,
 * and a replica that executes such an op with another state knows that it is the odd one.
 */

/** What a peer has told of a durable checkpoint of its own. */
export interface ToldCheckpoint {
  readonly op: Op;
  readonly id: Checksum;
}

/** Told checkpoints that are kept of each peer: two neighbours, as replicas go through them. */
const KEPT = 2;

/** What this message says of its author's checkpoint, or null. */
function toldIn(header: Header): ToldCheckpoint | null {
  switch (header.command) {
    case 'ping':
    case 'pong':
    case 'commit':
    case 'prepareOk':
    case 'doViewChange':
      return { op: header.checkpointOp, id: header.checkpointId };
    default:
      return null;
  }
}

/** Remembers what a known peer tells of its checkpoint, and looks who differs. */
export function noteCheckpoint(r: Replica, header: Header): void {
  const told = toldIn(header);
  const known = r.checkpointsTold[header.replica];
  if (told === null || known === undefined) return;
  const [newest] = known;
  const same = newest !== undefined && newest.op === told.op && newest.id === told.id;
  // Acknowledgements come at every op; pings come often enough to look at what did not change.
  if (same && header.command === 'prepareOk') return;
  if (!same) {
    const others = known.filter(({ op }) => op !== told.op);
    known.splice(0, known.length, told, ...others.slice(0, KEPT - 1));
  }
  const previous = r.checkpoint.op - r.config.checkpointInterval;
  for (const op of [previous, r.checkpoint.op]) judgeCheckpoint(r, op);
}

/** Whether what its author tells of its checkpoint is another state than this replica's. */
export function isOtherCheckpoint(r: Replica, told: ToldCheckpoint): boolean {
  const own = ownCheckpointId(r, told.op);
  return own !== null && own !== told.id;
}

/** Whether the op needs a checkpoint that this replica knows by another id. */
export function namesOtherCheckpoint(r: Replica, header: PrepareHeader): boolean {
  const expected = expectedCheckpointId(r, header.op);
  return expected !== null && expected !== header.checkpointId;
}

function judgeCheckpoint(r: Replica, op: number): void {
  const own = ownCheckpointId(r, op);
  if (own === null) return;
  const peers = new Map<Checksum, number>();
  r.checkpointsTold.forEach((told, peer) => {
    const theirs = told.find((checkpoint) => checkpoint.op === op);
    if (theirs === undefined || theirs.id === own) return;
    peers.set(theirs.id, (peers.get(theirs.id) ?? 0) + 1);
    if ((r.conflictsTraced[peer] ?? -1) >= op) return;
    r.conflictsTraced[peer] = op;
    trace(r, { kind: 'checkpoint_conflict', peer, op: theirs.op, own, theirs: theirs.id });
  });
  const enough = r.replicaCount === 2 ? 1 : r.quorums.majority;
  for (const count of peers.values()) if (count >= enough) fatal(r, 'diverged');
}
