/** Threads that libuv must have (UV_THREADPOOL_SIZE), set before anything uses the pool. */
export const THREAD_POOL_SIZE = 24;

/** Threads that libuv's own default gives. */
const DEFAULT_THREADS = 4;

/** Threads that this process was given. */
export function threadPoolSize(): number {
  return Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADS) || DEFAULT_THREADS;
}
