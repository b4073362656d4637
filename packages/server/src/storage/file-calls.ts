import { fdatasync, read, write } from 'node:fs';

/** Told how a call ended: bytes transferred, or the system's error. */
export type CallDone = (error: Error | null, count: number) => void;

/** The calls of the system that touch the data file. Tests put faults between. */
export interface FileCalls {
  /** Fills `bytes`, or less of it, from `position` on. */
  read(fd: number, bytes: Uint8Array, position: number, done: CallDone): void;
  /** Writes all of `bytes`, or less of it from the start, at `position`. */
  write(fd: number, bytes: Uint8Array, position: number, done: CallDone): void;
  /** Makes what was written durable; only where the file is not open for synchronous writes. */
  sync(fd: number, done: (error: Error | null) => void): void;
}

/** The system's own, in the thread pool. */
export const systemCalls: FileCalls = {
  read(fd, bytes, position, done): void {
    read(fd, bytes, 0, bytes.length, position, done);
  },
  write(fd, bytes, position, done): void {
    write(fd, bytes, 0, bytes.length, position, done);
  },
  sync(fd, done): void {
    fdatasync(fd, done);
  },
};
