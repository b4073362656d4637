import { assert } from '@kimberlite/store';
import type { StagingPool } from './aligned-memory.ts';
import type { Growth } from './block-area.ts';

/** One read or write, done in pieces of a staging buffer. */
export interface Operation {
  readonly kind: 'read' | 'write';
  /** Limited in number, so that the WAL and the superblock always find a thread. */
  readonly background: boolean;
  /** Place in the file and bytes on disk, of whole sectors. */
  readonly position: number;
  readonly length: number;
  /** Target of a read; source of a write, followed by zeros up to `length`. */
  readonly bytes: Uint8Array;
  /** Bytes done, of whole sectors. */
  progress: number;
  /** Tries in a row without progress. */
  retries: number;
  /** Of a read: the device failed a larger piece of it, so the rest goes sector by sector. */
  bySector: boolean;
  /** Of a read: bytes that the device does not give. */
  unreadable: number;
  /** When it was asked for, in milliseconds of the monotonic clock. */
  startedAt: number;
  readonly finish: (ok: boolean) => void;
  /** Set for zeros written ahead of need. */
  readonly growth: Growth | null;
}

/** One that is over. */
export interface IoDone extends Pick<Operation, 'kind' | 'background'> {
  /** Its wait included. */
  readonly seconds: number;
  readonly bytes: number;
}

export interface IoObserver {
  onIo(done: IoDone): void;
}

export interface IoQueueOptions {
  readonly pool: StagingPool;
  readonly backgroundMax: number;
  /** Starts the next piece; ends in `finish` or `abandon` some turns later. */
  readonly step: (operation: Operation, staging: Uint8Array<ArrayBuffer>) => void;
  readonly observer: IoObserver;
}

/**
 * Two queues before the thread pool. The WAL and the superblock go first and are bounded only by
 * the staging buffers; everything else has a fixed share of them.
 */
export class IoQueue {
  readonly #options: IoQueueOptions;
  readonly #foreground: Operation[];
  readonly #background: Operation[];
  readonly #inFlight: Map<Operation, Uint8Array<ArrayBuffer>>;
  #backgroundInFlight: number;
  #idle: (() => void)[];

  constructor(options: IoQueueOptions) {
    assert(options.backgroundMax < options.pool.count, 'some buffers are left for the WAL');
    this.#options = options;
    this.#foreground = [];
    this.#background = [];
    this.#inFlight = new Map();
    this.#backgroundInFlight = 0;
    this.#idle = [];
  }

  push(operation: Operation): void {
    operation.startedAt = performance.now();
    (operation.background ? this.#background : this.#foreground).push(operation);
    this.#start();
  }

  /** The operation is over: its buffer is free, its completion runs, the next one starts. */
  finish(operation: Operation, ok: boolean): void {
    this.#release(operation);
    const { kind, background, length, startedAt } = operation;
    const seconds = (performance.now() - startedAt) / 1000;
    this.#options.observer.onIo({ kind, background, seconds, bytes: length });
    operation.finish(ok);
    this.#start();
    this.#resolveIdle();
  }

  /**
   * The operation is over, and so is everything: its buffer is free, but nobody is told of its end
   * and no other one starts.
   */
  abandon(operation: Operation): void {
    this.#release(operation);
    this.#resolveIdle();
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #release(operation: Operation): void {
    const staging = this.#inFlight.get(operation);
    assert(staging !== undefined, 'ended once, after it was started');
    this.#inFlight.delete(operation);
    this.#options.pool.release(staging);
    if (operation.background) this.#backgroundInFlight -= 1;
  }

  #resolveIdle(): void {
    if (this.#inFlight.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #start(): void {
    while (this.#foreground.length > 0 && this.#begin(this.#foreground)) {
      // Each turn starts one.
    }
    while (
      this.#background.length > 0 &&
      this.#backgroundInFlight < this.#options.backgroundMax &&
      this.#begin(this.#background)
    ) {
      this.#backgroundInFlight += 1;
    }
  }

  #begin(queue: Operation[]): boolean {
    const staging = this.#options.pool.acquire();
    if (staging === null) return false;
    const operation = queue.shift();
    assert(operation !== undefined, 'the queue was not empty');
    this.#inFlight.set(operation, staging);
    this.#options.step(operation, staging);
    return true;
  }
}
