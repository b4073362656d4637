import type { Header } from '../../message/layout.ts';
import type { Message, PrepareHeader } from '../../message/message.ts';
import type { Checksum, Op } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';
import { expectedCheckpointId, ownCheckpointId } from './window.ts';

/*
 * The id of a checkpoint names the whole state, so two replicas with different ids at one op have
 * diverged: a bug, a broken memory, or one of the two lies. Every replica tells its own id with
 * each ping, heartbeat, acknowledgement and do_view_change; a pong tells its author's id at the op
 * of the checkpoint that the ping told, for as long as it remembers that one.
 *
 * Rule odd-one-stops: a replica stops when a majority of the cluster tells one id at an op at which
 * its own is another. One peer's word is never enough where there are three: a single liar, or a
 * primary whose own state is the odd one, would stop everybody else. Of two replicas nobody knows
 * which one is right; they can't commit without each other, so nothing is lost when both stop.
 *
 * Hence the pong: an odd backup appends nothing above its checkpoint's deadline (the rule below)
 * and stays where it is, while a busy cluster makes two more checkpoints between two pings.
 * Otherwise: it hears of nobody's id at the only op at which it can compare, and stands there for
 * good, or takes over another state and goes on, with whatever broke the first one.
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
    // Kept: this one, the one before it, and the one to compare with this replica's own.
    const others = known.filter(({ op }) => op !== told.op);
    const kept = others.filter(({ op }, place) => place === 0 || op === r.checkpoint.op);
    known.splice(0, known.length, told, ...kept);
  }
  const previous = r.checkpoint.op - r.config.checkpointInterval;
  for (const op of [previous, r.checkpoint.op]) judgeCheckpoint(r, op);
}

/** What a pong tells: this replica's checkpoint at the op of the ping's, or its newest. */
export function answeredCheckpoint(
  r: Replica,
  { checkpointOp: op }: Message<'ping'>['header'],
): Pick<Message<'pong'>['header'], 'checkpointOp' | 'checkpointId'> {
  const passed = r.checkpointsPassed.find((checkpoint) => checkpoint.op === op);
  const id = ownCheckpointId(r, op) ?? passed?.id ?? null;
  if (id !== null) return { checkpointOp: op, checkpointId: id };
  return { checkpointOp: r.checkpoint.op, checkpointId: r.checkpointId };
}

/** The checkpoint is about to give way to a newer one of this replica's own making. */
export function rememberCheckpoint(r: Replica): void {
  const { op } = r.checkpoint;
  r.checkpointsPassed.push({ op, id: r.checkpointId });
  // Who is further behind can't stay where it is: its head is no longer in anybody's log.
  const oldest = op - r.config.walSlots - r.config.checkpointInterval;
  while ((r.checkpointsPassed[0]?.op ?? op) < oldest) r.checkpointsPassed.shift();
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
