import { readSync } from 'node:fs';

/** Bytes of a file from `position` on; fewer where it ends. Throws the system's error. */
export function readFrom(fd: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const read = readSync(fd, bytes, done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}
