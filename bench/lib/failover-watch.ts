/** What the callers of one trial see. */
export class Watch {
  /** Callers end. */
  stopped: boolean;
  /** From the signal to the first answer of a put begun after it. */
  millis: number | null;
  private since: number | null;

  constructor() {
    this.stopped = false;
    this.millis = null;
    this.since = null;
  }

  begin(): void {
    this.since = performance.now();
  }

  answered(beganAt: number): void {
    if (this.since === null || beganAt < this.since) return;
    this.millis ??= performance.now() - this.since;
  }
}
