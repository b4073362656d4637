import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { isPrimary } from '../role.ts';

/**
 * Notices that commits stand still (limit `commitStall`): the pipeline is full, or more waits than
 * the cluster can be expected to have under way, and nothing has committed for the time. The
 * primary says so and, until something commits, turns new requests away at the door: what it took
 * would wait with the rest, and the client, told at once, can go elsewhere or come back.
 */
export function watchCommits(r: Replica): void {
  const { primary } = r;
  if (!isPrimary(r) || !isBacklogged(r)) {
    primary.backlogSince = null;
    if (primary.commitStalled) resumed(r);
    return;
  }
  if (r.commitMax > primary.backlogCommit) {
    primary.backlogSince = null;
    if (primary.commitStalled) resumed(r);
  }
  primary.backlogCommit = r.commitMax;
  primary.backlogSince ??= r.tick;
  if (primary.commitStalled || r.tick - primary.backlogSince <= r.timers.ticks('commitStall'))
    return;
  primary.commitStalled = true;
  r.timers.count('commitStall');
  trace(r, { kind: 'commit_stalled', view: r.view, commit: r.commitMax, waiting: waiting(r) });
}

/**
 * Ops above which a backlog is one, even with room in the pipeline: a full pipeline and one more op
 * for each other replica, ten for three replicas and the default pipeline of eight.
 */
export function stallThreshold(r: Replica): number {
  return r.config.pipelineMax + r.replicaCount - 1;
}

function waiting(r: Replica): number {
  return r.primary.pipeline.length + r.primary.queue.length;
}

function isBacklogged(r: Replica): boolean {
  return r.primary.pipeline.length >= r.config.pipelineMax || waiting(r) > stallThreshold(r);
}

function resumed(r: Replica): void {
  r.primary.commitStalled = false;
  trace(r, { kind: 'commit_resumed', view: r.view, commit: r.commitMax });
}
