import { assert } from '@kimberlite/store';
import type { Prng } from '../std/prng.ts';

/** Default pause before the first retransmission, in ticks of 10 ms. */
const RETRY_TICKS_MIN_DEFAULT = 10;
/** Default longest pause between retransmissions, in ticks of 10 ms. */
const RETRY_TICKS_MAX_DEFAULT = 30;

export interface RetryOptions {
  /** Draws the jitter of retransmissions. */
  readonly prng: Prng;
  /** Ticks (10 ms) before the first retransmission; at least 1. */
  readonly retryTicksMin?: number;
  /** Ticks (10 ms) between retransmissions, at most. */
  readonly retryTicksMax?: number;
}

/** How long a session waits before it asks again; in ticks of 10 ms. */
export class RetryPause {
  readonly ticksMin: number;
  readonly ticksMax: number;
  private readonly prng: Prng;

  constructor(options: RetryOptions) {
    this.ticksMin = options.retryTicksMin ?? RETRY_TICKS_MIN_DEFAULT;
    this.ticksMax = options.retryTicksMax ?? RETRY_TICKS_MAX_DEFAULT;
    this.prng = options.prng;
    assert(this.ticksMin >= 1, 'a retry waits for at least one tick');
    assert(this.ticksMax >= this.ticksMin, 'retry pauses have a range');
  }

  /** The pause after one of `pauseTicks`, before jitter. */
  longer(pauseTicks: number): number {
    return Math.min(pauseTicks * 2, this.ticksMax);
  }

  /** Three quarters to five quarters of the pause, so that clients do not retry in step. */
  jittered(pauseTicks: number): number {
    const spread = Math.floor(pauseTicks / 4);
    return Math.max(1, this.prng.between(pauseTicks - spread, pauseTicks + spread));
  }
}
