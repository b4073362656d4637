import type { STATUS_CODES } from '../message/layout.ts';
import { Op } from '../std/numbers.ts';
import { carryReadsOver } from './reads/read-round.ts';
import type { Replica } from './replica.ts';
import { trace } from './report.ts';

const TIMERS_OF_A_VIEW = [
  'heartbeat',
  'commitMessage',
  'silence',
  'prepare',
  'startViewChange',
  'startViewChangeWindow',
  'doViewChange',
  'viewChange',
  'requestStartView',
] as const;

/** The only place where status changes. */
export function transitionToStatus(r: Replica, to: Status): void {
  if (r.status === to) return;
  trace(r, { kind: 'status', from: r.status, to, view: r.view });
  r.status = to;
}

/** Forgets everything that belongs to one view (rule view-state-dies): votes, acks, queues. */
export function clearViewState(r: Replica): void {
  const { primary, viewChange } = r;
  // Acks of a pipeline entry die with the view: a replica may have replaced the op since.
  primary.pipeline.length = 0;
  primary.queue.length = 0;
  primary.queueBytes = 0;
  primary.inFlight.clear();
  primary.heardInViewAt.fill(Number.NEGATIVE_INFINITY);
  primary.abdicated = null;
  primary.replacing.clear();
  primary.backlogSince = null;
  primary.commitStalled = false;
  viewChange.votes = 0;
  viewChange.voting = null;
  viewChange.dvcs.clear();
  viewChange.repairing = false;
  viewChange.nonce = 0n;
  r.buffer.clear();
  r.heartbeatStamp = 0;
  r.primaryCommit = Op(0);
  r.primaryOp = Op(0);
  r.forwarded.clear();
  r.nextAskedTo = Op(0);
  r.bodiesAskedAt.clear();
  r.pipelineReading.clear();
  carryReadsOver(r);
  r.budget.clear();
  for (const name of TIMERS_OF_A_VIEW) r.timers.stop(name);
}

/** One of `STATUS_CODES`. */
export type Status = keyof typeof STATUS_CODES;
