import { assert } from '@kimberlite/store';
import type { Prng } from '../std/prng.ts';

/** Default pause before the first retransmission, in ticks of 10 ms. */
const RETRY_TICKS_MIN_DEFAULT = 10;
/** Default longest pause between retransmissions, in ticks of 10 ms. */
const RETRY_TICKS_MAX_DEFAULT = 30;
/** Bytes that a link of 10 Mbit/s takes in a tick: a large message is on its way for longer. */
const LINK_BYTES_A_TICK = 12_500;
/** Bytes above which a message is large: one copy at a time is enough. */
const LARGE_SIZE_MIN = 16 * 1024;
/** A link may be so many times slower than that before a large message is sent twice at once. */
const LINK_SLOWNESS_MAX = 10;

export interface RetryOptions {
  /** Draws the jitter of retransmissions. */
  readonly prng: Prng;
  /** Ticks (10 ms) before the first retransmission; at least 1. */
  readonly retryTicksMin?: number;
  /** Ticks (10 ms) between retransmissions, at most. */
  readonly retryTicksMax?: number;
}

/**
 * How long a session waits before it asks again; in ticks of 10 ms. What is large waits for longer,
 * by the time that a slow link needs for its bytes (docs/timeouts.md, deadlines by kind).
 */
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

  /** The first pause for a message of `size` bytes that is usually answered in `usualTicks`. */
  first(size: number, usualTicks: number): number {
    return Math.min(Math.max(usualTicks, this.ticksMin + transferTicks(size)), this.longest(size));
  }

  /** The pause after one of `pauseTicks`, before jitter. */
  longer(pauseTicks: number, size: number): number {
    return Math.min(pauseTicks * 2, this.longest(size));
  }

  /** Three quarters to five quarters of the pause, so that clients do not retry in step. */
  jittered(pauseTicks: number): number {
    const spread = Math.floor(pauseTicks / 4);
    return Math.max(1, this.prng.between(pauseTicks - spread, pauseTicks + spread));
  }

  /** Whether it is sent to one replica at a time, and not at once to the next that may lead. */
  isLarge(size: number): boolean {
    return size > LARGE_SIZE_MIN;
  }

  private longest(size: number): number {
    return this.ticksMax + LINK_SLOWNESS_MAX * transferTicks(size);
  }
}

/** What the bytes of a large message take on a slow link; nothing for a small one. */
function transferTicks(size: number): number {
  return Math.floor(size / LINK_BYTES_A_TICK);
}
