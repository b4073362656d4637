import { TICK_MICROS } from '@kimberlite/vsr';

const TICK_MILLIS = TICK_MICROS / 1000;
/**
 * Ticks that are made up for at once after a pause: 30 s of them, so that a replica which was
 * asleep for hours does not count them all. Most timeouts are shorter and are over then; that of a
 * view change which has backed off may be longer, and only ends later for it.
 */
const CATCH_UP_TICKS_MAX = 3000;

/** Time as it is handed to the ticker, so that tests need not wait. */
export interface TickerClock {
  /** Milliseconds that never go back and go on while the process is paused. */
  now(): number;
  /** Calls back once, after at least `millis` milliseconds; returns how to cancel it. */
  after(millis: number, callback: () => void): () => void;
  /** Calls back after the I/O that is already waiting; returns how to cancel it. */
  afterIo(callback: () => void): () => void;
}

export interface TickerOptions {
  readonly clock: TickerClock;
  readonly onTick: () => void;
  /** How late a tick was, in seconds. */
  readonly onDelay: (seconds: number) => void;
}

/**
 * Ticks by the monotonic clock; late ones at once. After a pause the messages that came meanwhile
 * go first: a replica that was merely asleep must not vote against a primary whose heartbeats wait
 * in its socket.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #dueMillis: number;
  #cancel: () => void;
  #running: boolean;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#dueMillis = 0;
    this.#cancel = (): void => {};
    this.#running = false;
  }

  start(): void {
    this.#running = true;
    this.#dueMillis = this.#options.clock.now() + TICK_MILLIS;
    this.#wait();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
  }

  #wait(): void {
    if (!this.#running) return;
    const { clock } = this.#options;
    const millis = Math.max(0, this.#dueMillis - clock.now());
    this.#cancel = clock.after(millis, () => {
      this.#cancel = clock.afterIo(() => this.#run());
    });
  }

  #run(): void {
    const { clock, onTick, onDelay } = this.#options;
    const late = clock.now() - this.#dueMillis;
    if (late >= 0) {
      onDelay(late / 1000);
      const count = Math.floor(late / TICK_MILLIS) + 1;
      this.#dueMillis += count * TICK_MILLIS;
      for (let tick = 0; tick < Math.min(count, CATCH_UP_TICKS_MAX); tick += 1) {
        if (this.#running) onTick();
      }
    }
    this.#wait();
  }
}

/** The process's own time. */
export const systemTickerClock: TickerClock = {
  now: () => performance.now(),
  after(millis, callback) {
    const timer = setTimeout(callback, millis);
    return () => clearTimeout(timer);
  },
  afterIo(callback) {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
