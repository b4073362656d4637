import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import type { ChecksumFunction } from '@kimberlite/store';
import { type ClusterConfig, configFault, zoneOffset, zoneSize } from '@kimberlite/vsr';
import { fileFault, isFault, makeFault, type ServerFault } from '../errors.ts';
import { alignedBytes } from './aligned-memory.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { type IoMode, type OpenedFile, openBestMode } from './io-mode.ts';

/** Whose file it is, as its superblock says. */
export interface DataFileIdentity {
  readonly config: ClusterConfig;
  readonly cluster: bigint;
  readonly slot: number;
  readonly replicaCount: number;
  readonly member: bigint;
  readonly incarnation: bigint;
  readonly checksumName: string;
}

/**
 * Reads the identity from the superblock zone: `no superblock` for bytes that are none at all,
 * another text where one is there but cannot be believed. The core's `readSuperblockIdentity`.
 */
export type IdentityReader = (
  bytes: Uint8Array,
  checksum: ChecksumFunction,
) => DataFileIdentity | string;

/** What the operator says that the file is; null where nothing was said. */
export interface ExpectedIdentity {
  readonly cluster: bigint | null;
  readonly slot: number | null;
  readonly replicaCount: number | null;
}

export interface OpenDataFileOptions {
  readonly path: string;
  readonly checksum: ChecksumFunction;
  readonly readIdentity: IdentityReader;
  readonly expected: ExpectedIdentity;
}

export interface OpenDataFile {
  readonly path: string;
  readonly fd: number;
  readonly mode: IoMode;
  /** Bytes when it was opened. */
  readonly size: number;
  readonly identity: DataFileIdentity;
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
    if (!statSync(path).isFile()) return makeFault('data_file_foreign', `${path} is not a file`);
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

function lookInside(
  fd: number,
  options: OpenDataFileOptions,
): { readonly identity: DataFileIdentity; readonly size: number } | ServerFault {
  const { path, checksum, readIdentity, expected } = options;
  let size: number;
  let superblock: Uint8Array;
  try {
    size = fstatSync(fd).size;
    superblock = readStart(fd);
  } catch (error) {
    return fileFault(error, path, 'read');
  }
  if (superblock.every((byte) => byte === 0)) {
    return makeFault('data_file_incomplete', `${path} was never formatted to the end`);
  }
  const identity = readIdentity(superblock, checksum);
  if (typeof identity === 'string') return unreadableFault(path, size, identity);
  const sizes = configFault(identity.config);
  if (sizes !== null) return makeFault('data_file_damaged', `${path} names bad sizes: ${sizes}`);
  if (identity.checksumName !== checksum.name) {
    return makeFault(
      'data_file_foreign',
      `${path} was made with the checksum ${identity.checksumName}, not ${checksum.name}`,
    );
  }
  const needed = zoneOffset(identity.config, 'blocks');
  if (size < needed) {
    return makeFault('data_file_truncated', `${path} has ${size} bytes, at least ${needed} expected`);
  }
  return identityFault(path, identity, expected) ?? { identity, size };
}

/** The superblock zone; zeros where the file is shorter. */
function readStart(fd: number): Uint8Array {
  const length = zoneSize(SOME_CONFIG, 'superblock') ?? 0;
  const bytes = alignedBytes(length);
  for (let at = 0; at < length; ) {
    const read = readSync(fd, bytes, at, length - at, at);
    if (read === 0) break;
    at += read;
  }
  return bytes;
}

/** The superblock's place and size don't depend on the cluster's sizes. */
const SOME_CONFIG: ClusterConfig = {
  messageSizeMax: 4096,
  walSlots: 16,
  pipelineMax: 1,
  checkpointInterval: 2,
  blockSize: 4096,
  sessionsMax: 1,
};

function unreadableFault(path: string, size: number, reason: string): ServerFault {
  if (/no superblock|magic|foreign|format version/.test(reason)) {
    return makeFault('data_file_foreign', `${path} is not a data file: ${reason}`);
  }
  return makeFault('data_file_damaged', `${path} (${size} bytes): ${reason}`);
}

function identityFault(
  path: string,
  found: DataFileIdentity,
  expected: ExpectedIdentity,
): ServerFault | null {
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
