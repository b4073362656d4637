import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { systemCode } from '../errors.ts';
import { alignedBytes, PAGE_SIZE } from './aligned-memory.ts';

/**
 * How a write becomes durable, best first:
 * - `direct_dsync`: past the page cache and synchronous, one call (Linux).
 * - `dsync`: synchronous through the page cache, one call (Linux where direct I/O is refused).
 * - `write_fdatasync`: a write, then fdatasync (elsewhere; on macOS only a sync that Node issues
 *   as F_FULLFSYNC reaches the medium).
 */
export type IoMode = 'direct_dsync' | 'dsync' | 'write_fdatasync';

/** Modes to try on this platform, best first. */
export const IO_MODES: readonly IoMode[] =
  process.platform === 'linux' ? ['direct_dsync', 'dsync'] : ['write_fdatasync'];

/** The open(2) flags of a mode, without the access mode. */
export function ioFlags(mode: IoMode): number {
  switch (mode) {
    case 'direct_dsync':
      return constants.O_DIRECT | constants.O_DSYNC;
    case 'dsync':
      return constants.O_DSYNC;
    case 'write_fdatasync':
      return 0;
  }
}

export interface OpenedFile {
  readonly fd: number;
  readonly mode: IoMode;
}

/**
 * Opens with the best mode that really works: opening alone proves nothing, since some file
 * systems refuse direct I/O only at the first transfer, and so does memory that is not aligned.
 * `create` makes the file and tries a write; without it a read is tried and nothing is changed.
 * Throws the system's error when no mode can open the file, and leaves none behind that it made.
 */
export function openBestMode(path: string, options: { readonly create: boolean }): OpenedFile {
  if (!options.create) return openTried(path, { write: false });
  // Apart from the modes: some kernels leave the file behind when direct I/O is then refused. What
  // fails here has made nothing, and what is at the path is somebody's, whatever the error is.
  const made = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    closeSync(made);
    return openTried(path, { write: true });
  } catch (error) {
    unlinkQuietly(path);
    throw error;
  }
}

/** Removes a file that was made and is of no use. */
export function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Nothing to remove, or no permission: the fault that is being reported says so.
  }
}

function openTried(path: string, { write }: { readonly write: boolean }): OpenedFile {
  let refused: unknown = null;
  for (const mode of IO_MODES) {
    let fd: number | null = null;
    try {
      fd = openSync(path, constants.O_RDWR | ioFlags(mode));
      tryTransfer(fd, write);
      return { fd, mode };
    } catch (error) {
      if (fd !== null) closeSync(fd);
      if (systemCode(error) !== 'EINVAL') throw error;
      refused = error;
    }
  }
  throw refused;
}

/** One page in the second half of a mapping: catches memory that is aligned only at its start. */
function tryTransfer(fd: number, write: boolean): void {
  const page = alignedBytes(2 * PAGE_SIZE).subarray(PAGE_SIZE);
  if (write) {
    writeSync(fd, page, 0, PAGE_SIZE, 0);
    return;
  }
  try {
    readSync(fd, page, 0, PAGE_SIZE, 0);
  } catch (error) {
    // A sector that is bad says nothing against the mode; another copy may still be read.
    if (systemCode(error) !== 'EIO') throw error;
  }
}
