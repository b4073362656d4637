import { assert } from '@kimberlite/store';
import type { PrepareMessage } from '../../message/message.ts';
import { Op, opMin, opNext } from '../../std/numbers.ts';
import { checkpointAllowsCommit, freezeCheckpoint } from '../checkpoint/checkpoint.ts';
import { expectedCheckpointId } from '../checkpoint/window.ts';
import type { ReplicaEvent } from '../effect.ts';
import { beginExecution, continueExecution } from '../execution/execute.ts';
import { readPrepare, takePrepareRead } from '../repair/wal-read.ts';
import type { Replica } from '../replica.ts';
import { fatal, trace } from '../report.ts';

/** Ops executed in one step, at most; the rest follows in `work`, so that I/O gets its turn. */
const OPS_PER_STEP = 8;

/**
 * Executes committed ops in order, each only when its header is chained from the head of this
 * view's log down to what was executed before (rule commit-by-chain): an equal op number alone is
 * no ground to commit.
 */
export function commitAdvance(r: Replica): void {
  r.commitBacklog = false;
  for (let executed = 0; canCommit(r); executed += 1) {
    const op = opNext(r.commitMin);
    const message = r.journal.body(op);
    if (message === null) {
      readForCommit(r, op);
      return;
    }
    if (executed === OPS_PER_STEP) {
      r.commitBacklog = true;
      return;
    }
    if (!executeOp(r, message)) return;
  }
}

/** Whether the next op could be executed but for its body. */
function canCommit(r: Replica): boolean {
  if (!r.restored || (r.status !== 'normal' && r.status !== 'view_change')) return false;
  if (r.pendingSync !== null) return false;
  const next = opNext(r.commitMin);
  return next <= opMin(r.commitMax, r.op) && next >= r.chainOp && checkpointAllowsCommit(r, next);
}

function readForCommit(r: Replica, op: Op): void {
  const entry = r.journal.header(op);
  assert(entry !== null, 'a chained op is known');
  const { checksum } = entry.header;
  if (!r.journal.isReadable(op)) {
    r.timers.ensure('repair');
    return;
  }
  if (r.commitReading === checksum) return;
  r.commitReading = checksum;
  r.commitReadingSince = r.tick;
  readPrepare(r, entry, { kind: 'commit' });
}

export function onCommitRead(
  r: Replica,
  event: Extract<ReplicaEvent, { kind: 'prepare_read' }>,
): void {
  if (event.checksum === r.commitReading) r.commitReading = null;
  const message = takePrepareRead(r, event);
  if (message !== null) r.journal.cacheBody(message);
}

/** False when the op waits for blocks, or this replica has diverged. */
function executeOp(r: Replica, message: PrepareMessage): boolean {
  const { header } = message;
  assert(header.op === r.commitMin + 1, 'ops execute in order');
  if (r.executing === null && !beginOp(r, message)) return false;
  const { executing } = r;
  assert(executing?.header.checksum === header.checksum, 'a committed op stays what it is');
  if (!continueExecution(r, executing)) return false;
  r.executing = null;
  r.commitMin = header.op;
  r.commitChecksum = header.checksum;
  r.stuckSince = null;
  dropOldBody(r, header.op);
  if (header.op % r.config.checkpointInterval === 0) freezeCheckpoint(r, header);
  return true;
}

function beginOp(r: Replica, message: PrepareMessage): boolean {
  const { header } = message;
  if (header.parent !== r.commitChecksum) {
    // Committed ops form one chain: this replica executed something that the cluster did not.
    fatal(r, 'diverged');
    return false;
  }
  if (header.checkpointId !== expectedCheckpointId(r, header.op)) {
    // When it was appended this replica may not have had that checkpoint yet; now it has.
    fatal(r, 'diverged');
    return false;
  }
  trace(r, {
    kind: 'committed',
    op: header.op,
    view: header.view,
    checksum: header.checksum,
    timestamp: header.timestamp,
    count: header.count,
    body: message.body,
  });
  r.executing = beginExecution(r, message);
  return true;
}

/** Bodies stay in memory for a pipeline's length behind the commit, for peers that ask again. */
function dropOldBody(r: Replica, op: Op): void {
  if (op <= 2 * r.config.pipelineMax) return;
  const old = Op(op - 2 * r.config.pipelineMax);
  if (r.journal.isDurable(old)) r.journal.dropBody(old);
}
