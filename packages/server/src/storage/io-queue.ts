import { assert } from '@kimberlite/store';
import type { StagingPool } from './aligned-memory.ts';
import type { IoTask } from './io-task.ts';

/** One that is over. */
export interface IoDone extends Pick<IoTask, 'kind' | 'background'> {
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
  readonly step: (task: IoTask, staging: Uint8Array<ArrayBuffer>) => void;
  readonly observer: IoObserver;
}

/**
 * Two queues before the thread pool. The WAL and the superblock go first and are bounded only by
 * the staging buffers; everything else has a fixed share of them.
 */
export class IoQueue {
  readonly #options: IoQueueOptions;
  readonly #foreground: IoTask[];
  readonly #background: IoTask[];
  readonly #inFlight: Map<IoTask, Uint8Array<ArrayBuffer>>;
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

  push(task: IoTask): void {
    task.startedAt = performance.now();
    (task.background ? this.#background : this.#foreground).push(task);
    this.#start();
  }

  /** The task is over: its buffer is free, its completion runs, the next one starts. */
  finish(task: IoTask, ok: boolean): void {
    this.#release(task);
    const { kind, background, progress, startedAt } = task;
    const seconds = (performance.now() - startedAt) / 1000;
    this.#options.observer.onIo({ kind, background, seconds, bytes: progress });
    task.finish(ok);
    this.#start();
    this.#resolveIdle();
  }

  /**
   * The task is over, and so is everything: its buffer is free, but nobody is told of its end
   * and no other one starts.
   */
  abandon(task: IoTask): void {
    this.#release(task);
    this.#resolveIdle();
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #release(task: IoTask): void {
    const staging = this.#inFlight.get(task);
    assert(staging !== undefined, 'ended once, after it was started');
    this.#inFlight.delete(task);
    this.#options.pool.release(staging);
    if (task.background) this.#backgroundInFlight -= 1;
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

  #begin(queue: IoTask[]): boolean {
    const staging = this.#options.pool.acquire();
    if (staging === null) return false;
    const task = queue.shift();
    assert(task !== undefined, 'the queue was not empty');
    this.#inFlight.set(task, staging);
    this.#options.step(task, staging);
    return true;
  }
}
