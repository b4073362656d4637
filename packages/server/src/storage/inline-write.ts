import { writeSync } from 'node:fs';
import type { Zone } from '@kimberlite/vsr';
import type { StagingPool } from './aligned-memory.ts';
import type { IoMode } from './io-mode.ts';
import type { IoObserver, IoQueue, Operation } from './io-queue.ts';

/** Longest write that is done on the loop's own thread, in bytes: one sector. */
export const INLINE_BYTES_MAX = 4096;
/** An inline write that takes longer, in milliseconds, shows a disk that must not hold the loop. */
export const SLOW_MILLIS = 5;
/** Milliseconds after a slow one during which every write goes to the thread pool. */
export const PAUSE_MILLIS = 100;

export interface InlineWriterOptions {
  readonly fd: number;
  readonly mode: IoMode;
  readonly queue: IoQueue;
  readonly pool: StagingPool;
  readonly observer: IoObserver;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Writes synchronously, on the loop's own thread, what is small, alone and waited for: the body of
 * an op when nothing else is under way, and the header behind it. There is nothing else to do
 * meanwhile, and the hop to the thread pool and back would add a third to the time of such a write
 * and double its CPU. Everything else goes to the queue; so does everything for a while after a
 * write that was slow, for heartbeats and clients would wait with the loop.
 */
export class InlineWriter {
  readonly #options: InlineWriterOptions;
  /** To be written at the end of the turn, after its sends. */
  #next: Operation | null;
  #running: boolean;
  #pausedUntil: number;

  constructor(options: InlineWriterOptions) {
    this.#options = options;
    this.#next = null;
    this.#running = false;
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
  }

  /**
   * Whether a write of so many bytes should be posted here. A header only right behind an inline
   * body: behind a longer one there is other work for the loop.
   */
  accepts(zone: Zone, length: number): boolean {
    const { mode, queue, now } = this.#options;
    if (mode === 'write_fdatasync' || length > INLINE_BYTES_MAX || this.#next !== null)
      return false;
    const waitedFor = zone === 'wal_prepares' || (zone === 'wal_headers' && this.#running);
    return waitedFor && queue.isIdle() && now() >= this.#pausedUntil;
  }

  /** Completes after the call has returned, like every write. */
  post(operation: Operation): void {
    operation.startedAt = this.#options.now();
    this.#next = operation;
    // The messages of this turn leave before: the peers' disks are to work at the same time.
    if (!this.#running) setImmediate(() => this.#run());
  }

  /** What was posted is written by the queue instead. */
  close(): void {
    if (this.#next !== null) this.#options.queue.push(this.#next);
    this.#next = null;
  }

  #run(): void {
    const { queue, observer, now } = this.#options;
    this.#running = true;
    for (let next = this.#next; next !== null; next = this.#next) {
      this.#next = null;
      if (queue.isIdle() && this.#write(next)) {
        observer.onIo('write', (now() - next.startedAt) / 1000, next.length);
        next.finish(true);
      } else {
        queue.push(next);
      }
    }
    this.#running = false;
  }

  /** False when it was not written whole: the queue tries again, and decides what to do. */
  #write(operation: Operation): boolean {
    const { fd, pool, now } = this.#options;
    const staging = pool.acquire();
    if (staging === null) return false;
    fillStaging(staging, operation.bytes, operation.length);
    const startedAt = now();
    let written = 0;
    try {
      written = writeSync(fd, staging, 0, operation.length, operation.position);
    } catch {
      // The same write is tried again, and its error is judged, by the queue.
    }
    pool.release(staging);
    const endedAt = now();
    if (endedAt - startedAt > SLOW_MILLIS) this.#pausedUntil = endedAt + PAUSE_MILLIS;
    return written === operation.length;
  }
}

/** Copies bytes to the front of a buffer, and zeros behind them up to `length`. */
export function fillStaging(staging: Uint8Array, bytes: Uint8Array, length: number): void {
  staging.set(bytes);
  if (bytes.length < length) staging.fill(0, bytes.length, length);
}
