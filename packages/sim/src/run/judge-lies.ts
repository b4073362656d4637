import { type Exposure, keepsPromises } from '../byzantine/exposure.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { NOTHING_THROWN, type Outcome } from './outcome.ts';
import { standstillReason } from './standstill.ts';

/** What comes of a replica that stopped, or of one that should have; null when that is open. */
export function outcomeOfStop(exposure: Exposure, micros: number): Outcome | null {
  const { stopped, options, divergence } = exposure;
  const { expects, liar } = options;
  if (exposure.isOverdue(micros)) {
    return failure(`${divergence?.message ?? 'replicas diverged'}, and nobody stopped in time`);
  }
  if (stopped === null) return null;
  const message = `replica ${stopped} stopped: ${exposure.reason ?? 'unknown'}`;
  if (exposure.stoppedUnreached) {
    return failure(`${message}, though no lie had come to it, or to anybody that it heard`);
  }
  if (expects === 'liar_stops') {
    if (stopped === liar) return null; // The others are judged as ever.
    return failure(`replica ${stopped} stopped, though the state of replica ${liar} is wrong`);
  }
  if (exposure.stoppedLate) {
    return failure(`${message}, long after ${divergence?.message ?? 'replicas diverged'}`);
  }
  if (!keepsPromises(options) || stopped === liar) return passed(message);
  return failure(`${message}, though the lie can be told`);
}

/** What comes of the lies of a run in which nobody stopped; null when the core decides. */
export function outcomeOfLies(
  cluster: Cluster,
  core: readonly number[],
  stuck: boolean,
): Outcome | null {
  const { exposure } = cluster;
  if (exposure === null) return null;
  const { expects, liar } = exposure.options;
  if (expects === 'liar_stops') {
    if (exposure.stopped === liar) return null;
    return failure(`replica ${liar} did not stop, though its state is another`);
  }
  if (exposure.divergence !== null) {
    return failure(`${exposure.divergence.message}, and nobody stopped`);
  }
  if (stuck) {
    const mayStand = expects === 'stands_still' && exposure.heard.any;
    const reason = mayStand ? standstillReason(cluster, core) : null;
    if (reason === null) return null;
    exposure.standsStill = true;
    return passed(`no view begins after a lie: ${reason}`);
  }
  const head = Math.max(...cluster.snapshots().map(({ op }) => op));
  const forgotten = exposure.forgotten(head);
  return forgotten === null ? null : failure(`${forgotten}, and nobody stopped`);
}

function passed(message: string): Outcome {
  return { verdict: 'ok', checker: null, message, ...NOTHING_THROWN };
}

function failure(text: string): Outcome {
  const message = `byzantine: ${text}`;
  return { verdict: 'correctness', checker: 'byzantine', message, ...NOTHING_THROWN };
}
