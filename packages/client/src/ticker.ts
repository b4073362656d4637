import type { ClientClock } from './client-clock.ts';

/** Milliseconds of a tick of a session. */
const TICK_MILLIS = 10;
/** Late ticks that are made up for; more would only repeat retransmissions. */
const TICKS_LATE_MAX = 5;

/** Ticks while something waits: what a client sends again, ends and breaks is found at one. */
export class Ticker {
  private readonly clock: ClientClock;
  private readonly onTicks: (ticks: number, now: number) => void;
  /** Ends the ticks; null while there are none. */
  private stopTicks: (() => void) | null;
  private tickedAt: number;

  /** `onTicks` hears how many ticks have passed, a few at most, and what time it is. */
  constructor(clock: ClientClock, onTicks: (ticks: number, now: number) => void) {
    this.clock = clock;
    this.onTicks = onTicks;
    this.stopTicks = null;
    this.tickedAt = 0;
  }

  get running(): boolean {
    return this.stopTicks !== null;
  }

  /** Begins to tick, unless it does already. */
  start(): void {
    if (this.stopTicks !== null) return;
    this.tickedAt = this.clock.now();
    this.stopTicks = this.clock.every(TICK_MILLIS, () => this.wake());
  }

  stop(): void {
    this.stopTicks?.();
    this.stopTicks = null;
  }

  private wake(): void {
    const now = this.clock.now();
    const ticks = Math.floor((now - this.tickedAt) / TICK_MILLIS);
    this.tickedAt += ticks * TICK_MILLIS;
    this.onTicks(Math.min(ticks, TICKS_LATE_MAX), now);
  }
}
