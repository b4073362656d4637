import type { ClientClock } from '../client-clock.ts';

/** Time that passes when a test says so. */
export class ManualClock implements ClientClock {
  private millis = 0;
  private readonly callbacks: Set<{ readonly every: number; next: number; call: () => void }> =
    new Set();

  now(): number {
    return this.millis;
  }

  every(millis: number, callback: () => void): () => void {
    const entry = { every: millis, next: this.millis + millis, call: callback };
    this.callbacks.add(entry);
    return () => void this.callbacks.delete(entry);
  }

  /** Lets so much time pass, with every call back on the way. */
  advance(millis: number): void {
    const end = this.millis + millis;
    while (this.millis < end) {
      this.millis += 1;
      for (const entry of [...this.callbacks]) {
        if (!this.callbacks.has(entry) || entry.next > this.millis) continue;
        entry.next += entry.every;
        entry.call();
      }
    }
  }
}
