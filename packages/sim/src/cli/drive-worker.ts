import { Worker } from 'node:worker_threads';
import { NOTHING_THROWN } from '../run/outcome.ts';
import { nothingHappened, type RunResult } from '../run/run-seed.ts';
import type { Job } from './worker.ts';

/** Where worker threads get their seeds and bring their results. */
export interface Desk {
  /** Ends the workers at once. */
  readonly stop: AbortSignal;
  /** The next seed; null when there are no more. */
  readonly take: () => Job | null;
  readonly put: (job: Job, result: RunResult) => void;
}

/**
 * Keeps one worker thread busy until there are no more seeds, or it is told to stop. A run that
 * takes longer than `seconds` ends with its thread, as a failure, and another thread goes on.
 */
export function drive(desk: Desk, seconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let worker = newWorker();
    let job: Job | null = null;
    let timer: NodeJS.Timeout | null = null;
    const end = (): void => {
      if (timer !== null) clearTimeout(timer);
      desk.stop.removeEventListener('abort', end);
      void worker.terminate().then(() => resolve());
    };
    const give = (): void => {
      if (timer !== null) clearTimeout(timer);
      job = desk.take();
      if (job === null) return end();
      timer = setTimeout(onHang, seconds * 1000);
      worker.postMessage(job);
    };
    const onHang = (): void => {
      const hung = worker;
      worker = newWorker();
      listen();
      void hung.terminate();
      if (job !== null) desk.put(job, hungResult(job, seconds));
      give();
    };
    const listen = (): void => {
      const mine = worker;
      mine.on('error', reject);
      mine.on('message', (result: RunResult) => {
        // What a thread that was given up still had to say is no longer asked for.
        if (mine !== worker) return;
        if (job !== null) desk.put(job, result);
        give();
      });
    };
    desk.stop.addEventListener('abort', end);
    listen();
    give();
  });
}

function newWorker(): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./worker.${extension}`, import.meta.url));
}

function hungResult({ seed }: Job, seconds: number): RunResult {
  return {
    ...nothingHappened(seed),
    ...NOTHING_THROWN,
    verdict: 'crash',
    checker: null,
    message: `the run did not end within ${seconds} s: it hangs in the code, or is very slow`,
  };
}
