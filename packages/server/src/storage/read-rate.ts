import { alignedBytes } from './aligned-memory.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';

/** Bytes of one read, and of all at most. */
const PIECE = 1024 * 1024;
const TOTAL = 16 * PIECE;
/** The measurement ends after this many milliseconds, whatever it has read. */
const MILLIS_MAX = 100;

/**
 * Bytes a second that the device gives in a row from the start of the file, measured for a tenth of
 * a second at most before a replica runs. Null when nothing could be read. A device that first
 * answers later is taken for as slow as it then was.
 */
export async function measureReadRate(
  file: { readonly fd: number; readonly size: number },
  calls: FileCalls = systemCalls,
): Promise<number | null> {
  const bytes = alignedBytes(PIECE);
  const end = Math.min(TOTAL, file.size);
  const begin = performance.now();
  let done = 0;
  while (done < end && performance.now() - begin < MILLIS_MAX) {
    const count = await readAt(calls, file.fd, bytes, done);
    if (count === 0) break;
    done += count;
  }
  const seconds = (performance.now() - begin) / 1000;
  return done === 0 || seconds === 0 ? null : done / seconds;
}

/** Bytes read; 0 at the end of the file and where the device fails. */
function readAt(
  calls: FileCalls,
  fd: number,
  bytes: Uint8Array,
  position: number,
): Promise<number> {
  return new Promise((resolve) => {
    calls.read(fd, bytes, position, (error, count) => resolve(error === null ? count : 0));
  });
}
