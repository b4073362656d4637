import type { ClusterConfig, ReplicaSnapshot, ScrubOptions } from '@kimberlite/vsr';
import { check } from './violation.ts';

/** Requests that wait at a primary, at most. */
export const QUEUE_MAX = 4096;
/** Reads without a place in the log that wait at a replica, at most. */
const QUERIES_MAX = 4096;
/** Repairs that one peer is asked for at once, at most: else the lagging flood the healthy. */
const REPAIRS_PER_PEER_MAX = 2;

/** Looks at a replica's numbers: what must not grow, and what must not pass what. */
export function checkBounds(
  state: ReplicaSnapshot,
  { config, replicaCount }: { readonly config: ClusterConfig; readonly replicaCount: number },
): void {
  const { slot } = state;
  const within = (name: string, value: number, limit: number): void =>
    check('bounds', value <= limit, () => `replica ${slot}: ${name} ${value} is above ${limit}`);
  within('pipeline', state.pipelineLength, config.pipelineMax);
  within('queue', state.queueLength, QUEUE_MAX);
  within('queries', state.queries, QUERIES_MAX);
  within('blocks held', state.limitedBytes, state.limitedBytesMax);
  within('sessions', state.sessions, config.sessionsMax);
  within('repairs', state.repairsInFlight, REPAIRS_PER_PEER_MAX * (replicaCount - 1));
  within('dirty slots', state.journalDirty, config.walSlots);
  within('faulty slots', state.journalFaulty, config.walSlots);
  within('commit_min', state.commitMin, state.commitMax);
  within('log_view', state.logView, state.view);
  within('checkpoint', state.checkpointOp, state.commitMin);
  if (state.status === 'normal' && !state.syncing) within('commit_min', state.commitMin, state.op);
  within('head', state.op, state.checkpointOp + config.walSlots);
}

/** A second's share may be saved up, and the largest read begun on its last byte. */
export const SAVED_TICKS = 100;
const SCRUB_READ_MAX = 256 * 1024;

/** No scrubber has read more than its share of the disk in the ticks of the run. */
export function checkScrubShare(state: ReplicaSnapshot, scrub: ScrubOptions, ticks: number): void {
  const most = (ticks + SAVED_TICKS) * scrub.bytesPerTick + SCRUB_READ_MAX;
  check(
    'bounds',
    state.scrubBytes <= most,
    () => `replica ${state.slot}: scrubbing has read ${state.scrubBytes} bytes, above ${most}`,
  );
}
