import {
  addReads,
  CALLS_MAX,
  LIST_HEADER_SIZE,
  NO_READS,
  RESULTS_SIZE_MAX,
  ROWS_READ_MAX,
  rowsRead,
} from '@kimberlite/kernel';
import type { PendingCall } from './pending-call.ts';
import type { QueueRoom } from './queue-room.ts';

/** Entries that no longer wait, and may stay in the queue until it is swept. */
const SWEEP_MIN = 1024;
/** Bytes of them: what is over must not take more memory than what waits. */
const SWEEP_BYTES = 4 * 1024 * 1024;

/**
 * The calls that wait to be sent, oldest first, in a room that several queues may share. A call
 * that was taken, or settled while it waited, stays in the list until it is swept.
 */
export class CallQueue {
  private readonly room: QueueRoom;
  private items: PendingCall[];
  /** First entry of `items` that was not taken. */
  private head: number;
  private waitingCalls: number;
  /** Bytes of calls that no longer wait, and stand in `items` yet. */
  private passedBytes: number;

  constructor(room: QueueRoom) {
    this.room = room;
    this.items = [];
    this.head = 0;
    this.waitingCalls = 0;
    this.passedBytes = 0;
  }

  /** Calls that wait. */
  get length(): number {
    return this.waitingCalls;
  }

  /** Bytes of calls that it holds though they do not wait: at most a few MiB. */
  get heldBytes(): number {
    return this.passedBytes;
  }

  push(pending: PendingCall): void {
    this.items.push(pending);
    this.enter(pending);
  }

  /** A call that waited here was settled. */
  onSettled(pending: PendingCall): void {
    this.leave(pending);
    const held = this.items.length - this.head;
    const mostlySettled = held > SWEEP_MIN && held > this.waitingCalls * 2;
    if (mostlySettled || this.passedBytes > SWEEP_BYTES) this.sweep();
  }

  /** Puts a batch back in front: nothing of it has happened. */
  unshift(batch: readonly PendingCall[]): void {
    const waiting = batch.filter((pending) => pending.state === 'sent');
    for (const pending of waiting) pending.state = 'queued';
    this.sweep();
    this.items = [...waiting, ...this.items];
    for (const pending of waiting) this.enter(pending);
  }

  /**
   * Takes, and marks as sent, what fits into one request: its body has at most `bodyMax` bytes, its
   * reply fits too, and it looks at no more rows than one may. The first waiting call is always
   * taken, so its size is the caller's care.
   */
  take(bodyMax: number): PendingCall[] {
    const batch: PendingCall[] = [];
    let size = LIST_HEADER_SIZE;
    let replySize = 0;
    let reads = NO_READS;
    while (this.head < this.items.length && batch.length < CALLS_MAX) {
      const pending = this.items[this.head];
      if (pending !== undefined && pending.state === 'queued') {
        const together = addReads(reads, pending.asked.reads);
        const fits =
          size + pending.asked.size <= bodyMax &&
          replySize + pending.asked.replyLimit <= RESULTS_SIZE_MAX &&
          rowsRead(together) <= ROWS_READ_MAX;
        if (!fits && batch.length > 0) break;
        size += pending.asked.size;
        replySize += pending.asked.replyLimit;
        reads = together;
        batch.push(pending);
        pending.state = 'sent';
        this.leave(pending);
      }
      this.head += 1;
    }
    const mostlyTaken = this.head > SWEEP_MIN && this.head * 2 > this.items.length;
    const isEmpty = this.head === this.items.length;
    if (mostlyTaken || isEmpty || this.passedBytes > SWEEP_BYTES) this.sweep();
    return batch;
  }

  /** Visits every call that waits; the visitor may settle it. */
  forEach(visit: (pending: PendingCall) => void): void {
    for (const pending of this.items.slice(this.head)) {
      if (pending.state === 'queued') visit(pending);
    }
  }

  private sweep(): void {
    this.items = this.items.slice(this.head).filter((pending) => pending.state === 'queued');
    this.head = 0;
    this.passedBytes = 0;
  }

  private enter({ asked }: PendingCall): void {
    this.waitingCalls += 1;
    this.room.enter(asked.size);
  }

  private leave({ asked }: PendingCall): void {
    this.waitingCalls -= 1;
    this.passedBytes += asked.size;
    this.room.leave(asked.size);
  }
}
