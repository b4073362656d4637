import { assert } from '@kimberlite/store';

interface Scheduled {
  readonly time: number;
  readonly sequence: number;
  readonly run: () => void;
}

/**
 * Simulated time: a heap of things to happen, ordered by time and then by the order in which they
 * were scheduled, so that a run is a function of its seed. Times are whole microseconds.
 */
export class EventQueue {
  /** Simulated microseconds since the run began. */
  now: number;
  /** Events that have run. */
  processed: number;
  /** Of those, the ones in which nothing happened: see `idle`. */
  idled: number;
  private sequence: number;
  private readonly heap: Scheduled[];

  constructor() {
    this.now = 0;
    this.processed = 0;
    this.idled = 0;
    this.sequence = 0;
    this.heap = [];
  }

  /** Runs the callback `delay` microseconds from now. It can't be cancelled: check when it runs. */
  after(delay: number, run: () => void): void {
    assert(delay >= 0, 'nothing happens in the past');
    this.sequence += 1;
    const entry: Scheduled = { time: this.now + delay, sequence: this.sequence, run };
    this.siftUp(entry);
  }

  /** Takes the next event and runs it; false when there is none. */
  step(): boolean {
    const next = this.heap[0];
    if (next === undefined) return false;
    const last = this.heap.pop();
    if (last !== undefined && this.heap.length > 0) this.siftDown(last);
    assert(next.time >= this.now, 'time goes forward');
    this.now = next.time;
    this.processed += 1;
    next.run();
    return true;
  }

  /** The event that runs turns out to be none: an idle tick, a packet that is lost on its way. */
  idle(): void {
    this.idled += 1;
  }

  /** Events that wait. */
  get size(): number {
    return this.heap.length;
  }

  private siftUp(entry: Scheduled): void {
    const heap = this.heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Scheduled; // SAFETY: above < at < length.
      if (before(parent, entry)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  private siftDown(entry: Scheduled): void {
    const heap = this.heap;
    const length = heap.length;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= length) break;
      let child = heap[below] as Scheduled; // SAFETY: below < length.
      const right = heap[below + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        below += 1;
      }
      if (before(entry, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = entry;
  }
}

function before(first: Scheduled, other: Scheduled): boolean {
  return first.time < other.time || (first.time === other.time && first.sequence < other.sequence);
}
