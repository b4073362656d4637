import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { systemCode } from '../errors.ts';
import type { LogSink } from './log-output.ts';

const STDERR = 2;
/** Bytes that wait for the reader of a pipe, at most: one that hangs must not fill the memory. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** Where the log goes by default. May be asked for more than once. */
export function stderrSink(): LogSink {
  // Without a listener the process would end for each line that a pipe without a reader refuses.
  if (!process.stderr.listeners('error').includes(ignoreError)) {
    process.stderr.on('error', ignoreError);
  }
  return isWrittenThrough() ? FILE_SINK : writeToStream;
}

/** The last words of a process that ends at once after them, whether or not anybody gets them. */
export function writeLast(text: string): void {
  stderrSink()(text, () => {});
}

/**
 * Writes to a file, and what of a text did not fit with the next one. `write` is the system's call:
 * it returns how many bytes it took, and throws when there is no room for any. (The stream of
 * Node.js takes a part for the whole, so that lines are cut and nobody hears of it.)
 */
export function fileSink(write: (bytes: Uint8Array) => number): LogSink {
  /** The file ends in the middle of a line, which must not become the beginning of another. */
  let torn = false;
  return (text, done) => {
    const bytes = Buffer.from(torn ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) {
        const count = write(bytes.subarray(written));
        if (count === 0) throw new Error('nothing was written');
        written += count;
      }
    } catch (error) {
      if (written > 0) torn = true;
      done(problemOf(error));
      return;
    }
    torn = false;
    done(null);
  };
}

const FILE_SINK: LogSink = fileSink((bytes) => writeSync(STDERR, bytes));

function writeToStream(text: string, done: (problem: string | null) => void): void {
  if (process.stderr.writableLength > WAITING_BYTES_MAX) {
    done('reader_slow');
    return;
  }
  process.stderr.write(text, (error) => done(error ? problemOf(error) : null));
}

/** Whether it is a file or a device without a queue, which takes what it is given or refuses it. */
function isWrittenThrough(): boolean {
  try {
    const stat = fstatSync(STDERR);
    return stat.isFile() || (stat.isCharacterDevice() && !isatty(STDERR));
  } catch {
    return false;
  }
}

/** What a system error says, as a label; `unknown` for any other. */
export function problemOf(error: unknown): string {
  return systemCode(error).toLowerCase() || 'unknown';
}

function ignoreError(): void {}
