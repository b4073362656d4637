import type { Prng } from '@kimberlite/vsr';

/** Milliseconds before a session is registered again that did not live long; doubles. */
const PAUSE_MIN = 100;
const PAUSE_MAX = 5_000;
/** A session that lived so long, in milliseconds, is replaced at once. */
const LIFE_GOOD = 10_000;

/**
 * When a session that was evicted is registered again. Clients above the cluster's limit of
 * sessions would otherwise evict each other as fast as they can.
 */
export class RegisterPause {
  private readonly prng: Prng;
  private pause: number;
  private until: number;
  /** When the session was registered; null while there is none. */
  private registeredAt: number | null;

  constructor(prng: Prng) {
    this.prng = prng;
    this.pause = PAUSE_MIN;
    this.until = Number.NEGATIVE_INFINITY;
    this.registeredAt = null;
  }

  /** A session is there, at this time of the client. */
  onRegistered(now: number): void {
    this.registeredAt = now;
  }

  /** It was evicted. */
  onEvicted(now: number): void {
    const livedWell = this.registeredAt !== null && now - this.registeredAt >= LIFE_GOOD;
    this.registeredAt = null;
    if (livedWell) {
      this.pause = PAUSE_MIN;
      return;
    }
    this.until = now + this.prng.between(this.pause / 2, this.pause);
    this.pause = Math.min(this.pause * 2, PAUSE_MAX);
  }

  /** Whether no session should be registered now. */
  isOn(now: number): boolean {
    return now < this.until;
  }
}
