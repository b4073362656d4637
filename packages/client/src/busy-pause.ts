import type { Prng } from '@kimberlite/vsr';

/** Milliseconds before a busy cluster is asked again; doubles from one refusal to the next. */
const PAUSE_MIN = 50;
const PAUSE_MAX = 1_000;

/**
 * When a cluster that said that it is full is asked again. A spike is over soon, so the first
 * pauses are short; a load that stays would only grow with what is asked again and again, so they
 * double.
 */
export class BusyPause {
  private readonly prng: Prng;
  private pause: number;
  private until: number;

  constructor(prng: Prng) {
    this.prng = prng;
    this.pause = PAUSE_MIN;
    this.until = Number.NEGATIVE_INFINITY;
  }

  /** It said that it is full, at this time of the client. */
  onBusy(now: number): void {
    // Between half and three halves: clients that were refused together come back apart.
    this.until = now + this.prng.between(this.pause / 2, (this.pause * 3) / 2);
    this.pause = Math.min(this.pause * 2, PAUSE_MAX);
  }

  /** It answered. */
  onAnswer(): void {
    this.pause = PAUSE_MIN;
  }

  /** Whether it should be left alone now. */
  isOn(now: number): boolean {
    return now < this.until;
  }
}
