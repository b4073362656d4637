import { type FileCalls, systemCalls } from '@kimberlite/server';

/** The system's calls on a data file, with what shows whether its disk is well. */
export interface WatchedCalls extends FileCalls {
  /** Writes that came to an end. */
  written(): number;
  /** What the system said of the first read that failed; null while all were answered. */
  readError(): unknown;
}

export function watchedCalls(calls: FileCalls = systemCalls): WatchedCalls {
  let written = 0;
  let readError: unknown = null;
  return {
    written: () => written,
    readError: () => readError,
    read(fd, bytes, position, done): void {
      calls.read(fd, bytes, position, (error, count) => {
        readError ??= error;
        done(error, count);
      });
    },
    write(fd, bytes, position, done): void {
      calls.write(fd, bytes, position, (error, count) => {
        if (error === null) written += 1;
        done(error, count);
      });
    },
    sync: (fd, done) => calls.sync(fd, done),
  };
}
