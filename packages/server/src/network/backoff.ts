import type { Prng } from '@kimberlite/vsr';

export const BACKOFF_MILLIS_MIN = 50;
export const BACKOFF_MILLIS_MAX = 1000;

/**
 * Pause before dial number `attempt` (0 for the first after a failure), in milliseconds: doubling
 * from 50 to 1000, half of it drawn, so that replicas which lost one peer don't come back in step.
 */
export function backoffMillis(attempt: number, prng: Prng): number {
  const ceiling = Math.min(BACKOFF_MILLIS_MAX, BACKOFF_MILLIS_MIN * 2 ** Math.min(attempt, 10));
  const half = Math.max(BACKOFF_MILLIS_MIN / 2, ceiling / 2);
  return Math.floor(half + prng.below(Math.floor(half) + 1));
}
