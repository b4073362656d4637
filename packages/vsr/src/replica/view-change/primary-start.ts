import { assert } from '@kimberlite/store';
import { type Op, opMax, opNext } from '../../std/numbers.ts';
import type { ReplicaEvent } from '../effect.ts';
import { forgetHeldRequests } from '../liveness/checkpoint-lag.ts';
import { heartbeatFields, sendHeartbeat } from '../normal/heartbeat.ts';
import { indexInFlight, sendPipeline } from '../normal/prepare.ts';
import type { PipelineEntry } from '../primary-state.ts';
import { readPrepare, takePrepareRead } from '../repair/wal-read.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { compose, sendToClient } from '../send.ts';
import { transitionToStatus } from '../status.ts';
import { isChainComplete } from './chain.ts';
import { noteViewBegun } from './view-change-pace.ts';

/**
 * The new primary begins to serve only when its log is whole (rule primary-whole-log): headers
 * chained down to what it executed, every body on its disk, everything executed that is known to be
 * committed, and the rest back in the pipeline. Until then it only repairs.
 */
export function primaryRepairStep(r: Replica): void {
  if (!r.viewChange.repairing || r.superblock.durable.logView !== r.view) return;
  if (!r.restored || !isChainComplete(r) || r.commitMax > r.op) return;
  if (r.commitMin < r.commitMax) return;
  const pipeline: PipelineEntry[] = [];
  for (let op = opNext(r.commitMax); op <= r.op; op = opNext(op)) {
    if (!r.journal.isDurable(op)) return;
    const message = r.journal.body(op);
    if (message === null) readForPipeline(r, op);
    else pipeline.push({ message, acks: 0, sentAt: r.tick, preparedAt: r.monotonic });
  }
  if (pipeline.length < r.op - r.commitMax) return;
  becomePrimary(r, pipeline);
}

function readForPipeline(r: Replica, op: Op): void {
  const entry = r.journal.header(op);
  assert(entry !== null, 'a durable op is known');
  const { checksum } = entry.header;
  if (r.pipelineReading.has(checksum)) return;
  r.pipelineReading.add(checksum);
  readPrepare(r, entry, { kind: 'pipeline' });
}

export function onPipelineRead(
  r: Replica,
  event: Extract<ReplicaEvent, { kind: 'prepare_read' }>,
): void {
  if (event.checksum !== null) r.pipelineReading.delete(event.checksum);
  const message = takePrepareRead(r, event);
  if (message !== null) r.journal.cacheBody(message);
}

function becomePrimary(r: Replica, pipeline: readonly PipelineEntry[]): void {
  assert(pipeline.length <= r.config.pipelineMax, 'no more than a pipeline was uncommitted');
  const { primary, viewChange } = r;
  viewChange.repairing = false;
  noteViewBegun(r, r.commitMax);
  // A vote given while the repair was slow is void: sent again, it would end the view just begun.
  viewChange.voting = null;
  viewChange.votes = 0;
  r.timers.stop('startViewChange');
  r.timers.stop('startViewChangeWindow');
  r.timers.stop('viewChange');
  primary.pipeline.push(...pipeline);
  primary.lastNewAck = r.tick;
  primary.viewHead = r.op;
  primary.heardInViewAt.fill(r.tick);
  forgetHeldRequests(r);
  const head = r.journal.header(r.op);
  if (head !== null) {
    primary.timestampNext = Math.max(
      primary.timestampNext,
      head.header.timestamp + head.header.count,
    );
  }
  indexInFlight(r);
  transitionToStatus(r, 'normal');
  trace(r, { kind: 'primary', view: r.view, op: r.op, commit: opMax(r.commitMin, r.commitMax) });
  sendPipeline(r);
  sendHeartbeat(r);
  tellClients(r);
}

/**
 * Clients that have asked the primary before wait for its answer; where it hangs, and no connection
 * breaks, nobody else tells them that another one leads. It is a hint: a client that does not get
 * it, or that this replica has no connection to, asks elsewhere when it has waited long enough.
 */
function tellClients(r: Replica): void {
  const message = compose(r, 'commit', heartbeatFields(r));
  for (const client of r.sessions.clients()) sendToClient(r, client, message);
}
