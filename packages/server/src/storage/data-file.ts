import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import type { ChecksumFunction } from '@kimberlite/store';
import {
  decodeCopies,
  hasSuperblockMagic,
  type Identity,
  type MachineIdentity,
  readSuperblockIdentity,
  SECTOR_SIZE,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockFault,
  zoneOffset,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { fileFault, isFault, makeFault, type ServerFault } from '../errors.ts';
import { alignedBytes } from './aligned-memory.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { type IoMode, type OpenedFile, openBestMode } from './io-mode.ts';
import { unfinishedFault } from './unfinished-owner.ts';
import { fileReader, holdsNoOp, type ReadAt } from './unused-log.ts';

/** Fills `bytes`, or less of it, from `position` on; throws what the system says. */
export type ReadSync = (fd: number, bytes: Uint8Array, position: number) => number;

const systemRead: ReadSync = (fd, bytes, position) => {
  return readSync(fd, bytes, 0, bytes.length, position);
};

/** What the operator says that the file is; null where nothing was said. */
export interface ExpectedIdentity {
  readonly cluster: bigint | null;
  readonly slot: number | null;
  readonly replicaCount: number | null;
  /** What this program runs. */
  readonly machine: MachineIdentity | null;
}

export interface OpenDataFileOptions {
  readonly path: string;
  readonly checksum: ChecksumFunction;
  readonly expected: ExpectedIdentity;
  /** How the superblock is read; the system's call by default. */
  readonly read?: ReadSync;
}

/**
 * A data file that this process has opened and locked. Whoever has it closes `fd` and releases the
 * lock in the end.
 */
export interface OpenDataFile {
  readonly path: string;
  readonly fd: number;
  readonly mode: IoMode;
  /** Bytes when it was opened. */
  readonly size: number;
  readonly identity: Identity;
  readonly lock: FileLock;
}

/**
 * Opens and locks a data file for one process, and looks before anything is written: whether it
 * is whole, of this program, and the one that was meant. Changes nothing in it.
 */
export async function openDataFile(
  options: OpenDataFileOptions,
): Promise<OpenDataFile | ServerFault> {
  const { path } = options;
  let opened: OpenedFile;
  try {
    const foreign = noFileFault(path);
    if (foreign !== null) return foreign;
    opened = openBestMode(path, { create: false });
  } catch (error) {
    return fileFault(error, path, 'open');
  }
  const { fd, mode } = opened;
  const lock = await lockFile(fd, path);
  if (isFault(lock)) {
    closeSync(fd);
    return lock;
  }
  const looked = lookInside(fd, options);
  if (isFault(looked)) {
    lock.release();
    closeSync(fd);
    return looked;
  }
  return { path, fd, mode, size: looked.size, identity: looked.identity, lock };
}

/** Refuses a directory, a device, a pipe. Throws what the system says. */
export function noFileFault(path: string): ServerFault | null {
  if (statSync(path).isFile()) return null;
  return makeFault('data_file_foreign', `${path} is not a file`);
}

function lookInside(
  fd: number,
  options: OpenDataFileOptions,
): { readonly identity: Identity; readonly size: number } | ServerFault {
  const { path, checksum, expected } = options;
  let size: number;
  let superblock: Uint8Array;
  try {
    size = fstatSync(fd).size;
    superblock = readStart(fd, options.read ?? systemRead);
  } catch (error) {
    return fileFault(error, path, 'read');
  }
  const identity = readSuperblockIdentity(superblock, checksum);
  if (typeof identity === 'string') {
    return superblockFault({ path, size, superblock, reason: identity, readAt: fileReader(fd) });
  }
  if (identity.checksumName !== checksum.name) {
    return makeFault(
      'data_file_foreign',
      `${path} was made with the checksum ${identity.checksumName}, not ${checksum.name}`,
    );
  }
  // Before its size: one that was never finished may have any, and its superblock says so.
  const other = identityFault(path, identity, expected);
  if (other !== null) return other;
  const needed = zoneOffset(identity.config, 'blocks');
  if (size < needed) {
    return makeFault(
      'data_file_truncated',
      `${path} has ${size} bytes, at least ${needed} expected`,
    );
  }
  return { identity, size };
}

/** The superblock zone; zeros where the file is shorter, and where the device fails. */
function readStart(fd: number, read: ReadSync): Uint8Array {
  const length = SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;
  const bytes = alignedBytes(length);
  let failure: unknown = null;
  let failed = 0;
  // Sector by sector: one that is unreadable must not hide the copies that are not.
  for (let at = 0; at < length; at += SECTOR_SIZE) {
    try {
      read(fd, bytes.subarray(at, at + SECTOR_SIZE), at);
    } catch (error) {
      failure = error;
      failed += SECTOR_SIZE;
    }
  }
  if (failed === length) throw failure;
  return bytes;
}

/**
 * What a file is whose superblock can't be chosen for `reason`. A damaged file of ours still has
 * the magic in some copy; a foreign one has it in none. Zeros in place of the superblock alone do
 * not mean an interrupted format: the log behind them may be full of what was acknowledged.
 */
export function superblockFault(found: {
  readonly path: string;
  readonly size: number;
  /** The superblock zone; zeros where the file is shorter. */
  readonly superblock: Uint8Array;
  readonly reason: SuperblockFault;
  readonly readAt: ReadAt;
}): ServerFault {
  const { path, size, superblock, reason, readAt } = found;
  if (size === 0) return makeFault('data_file_truncated', `${path} is empty`);
  if (superblock.every((byte) => byte === 0)) {
    return holdsNoOp(readAt)
      ? makeFault('data_file_incomplete', `${path} was never formatted to the end`)
      : makeFault('data_file_damaged', `${path}: the superblock is all zeros, but the log is not`);
  }
  const ours = Array.from({ length: SUPERBLOCK_COPIES }, (_, copy) => {
    return hasSuperblockMagic(superblock.subarray(copy * SUPERBLOCK_COPY_SIZE));
  }).some(Boolean);
  if (!ours) return makeFault('data_file_foreign', `${path} has no superblock`);
  if (size < superblock.length) {
    return makeFault('data_file_truncated', `${path} has only ${size} bytes`);
  }
  return makeFault('data_file_damaged', `${path}: ${copiesText(superblock, reason)}`);
}

/** Why no superblock can be chosen, in numbers of copies. */
function copiesText(superblock: Uint8Array, reason: SuperblockFault): string {
  const valid = decodeCopies(superblock, sha256).filter((copy) => copy !== null).length;
  const are = valid === 1 ? 'is' : 'are';
  const count = `${valid} of ${SUPERBLOCK_COPIES} copies of the superblock ${are} valid`;
  if (reason === 'not_found' || reason === 'quorum_lost') {
    return `${count}, and 2 that are alike are needed`;
  }
  return `${count}, but they contradict each other (${reason})`;
}

function identityFault(
  path: string,
  found: Identity,
  expected: ExpectedIdentity,
): ServerFault | null {
  const other = machineFault(path, found.machine, expected.machine);
  if (other !== null) return other;
  if (expected.cluster !== null && found.cluster !== expected.cluster) {
    return makeFault(
      'data_file_wrong_cluster',
      `${path} is of cluster ${found.cluster}, not ${expected.cluster}`,
    );
  }
  if (expected.slot !== null && found.slot !== expected.slot) {
    return makeFault(
      'data_file_wrong_replica',
      `${path} is of replica ${found.slot}, not ${expected.slot}`,
    );
  }
  if (expected.replicaCount !== null && found.replicaCount !== expected.replicaCount) {
    return makeFault(
      'data_file_wrong_cluster',
      `${path} is of a cluster of ${found.replicaCount}, but ${expected.replicaCount} addresses are given`,
    );
  }
  return null;
}

/** Whether what is at the path is of another state machine than the one that is meant. */
export function machineFault(
  path: string,
  found: MachineIdentity,
  expected: MachineIdentity | null,
): ServerFault | null {
  if (expected === null || found.id === expected.id) return null;
  const unfinished = unfinishedFault(path, found.name);
  if (unfinished !== null) return unfinished;
  const tables = found.name === expected.name ? ' with other tables' : '';
  return makeFault(
    'wrong_state_machine',
    `${path} is of the state machine ${found.name}${tables}; this program runs ${expected.name}`,
  );
}
