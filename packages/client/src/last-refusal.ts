import type { DefiniteRefusal } from './endings.ts';

/** For so long, in milliseconds, a replica's word that it takes nothing says why nothing moves. */
const TOLD_MILLIS = 1_000;

/** What replicas last said of why they take nothing. It is true of all that waits. */
export class LastRefusal {
  private reason: DefiniteRefusal;
  private toldAt: number;

  constructor() {
    this.reason = 'no_quorum';
    this.toldAt = Number.NEGATIVE_INFINITY;
  }

  /** A replica said so, at this time of the client. */
  note(reason: DefiniteRefusal, now: number): void {
    this.reason = reason;
    this.toldAt = now;
  }

  /** What was said lately; null for nothing. */
  at(now: number): DefiniteRefusal | null {
    return now - this.toldAt > TOLD_MILLIS ? null : this.reason;
  }
}
