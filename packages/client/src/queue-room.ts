import { assert } from '@kimberlite/vsr';

/** How much may wait. */
export interface QueueLimits {
  readonly callsMax: number;
  readonly bytesMax: number;
}

/** The room of what waits to be sent, bounded by count and by bytes. */
export class QueueRoom {
  private readonly limits: QueueLimits;
  /** Calls that wait: `calls ≤ callsMax`, but for those that came back unexecuted. */
  private calls: number;
  /** Bytes of these. */
  private bytes: number;

  constructor(limits: QueueLimits) {
    this.limits = limits;
    this.calls = 0;
    this.bytes = 0;
  }

  /** Whether a call of this size may join. A single call always may, whatever its size. */
  has(size: number): boolean {
    if (this.calls === 0) return true;
    return this.calls < this.limits.callsMax && this.bytes + size <= this.limits.bytesMax;
  }

  /** One more waits. */
  enter(size: number): void {
    this.calls += 1;
    this.bytes += size;
  }

  /** One fewer waits: it was sent, or settled. */
  leave(size: number): void {
    assert(this.calls > 0 && this.bytes >= size, 'what leaves was there');
    this.calls -= 1;
    this.bytes -= size;
  }
}
