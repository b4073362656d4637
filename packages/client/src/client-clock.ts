import { performance } from 'node:perf_hooks';

/** What a client measures deadlines with, and is woken by. A test brings its own. */
export interface ClientClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back every `millis` milliseconds, until the function that it returns is called. */
  every(millis: number, callback: () => void): () => void;
}

/** The clock and the timers of the process. */
export const systemClock: ClientClock = {
  now: () => performance.now(),
  every(millis, callback): () => void {
    const timer = setInterval(callback, millis);
    return () => clearInterval(timer);
  },
};
