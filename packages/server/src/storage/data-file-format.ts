import { randomBytes } from 'node:crypto';
import { close, closeSync, fsync, write } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import {
  type ClusterConfig,
  type FormatOptions,
  type FormatWrite,
  formatReplica,
  type MachineIdentity,
  type MachineParts,
  machineIdentityOf,
  SECTOR_SIZE,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  stateMachineFault,
  type Zone,
  zoneOffset,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { creationFault, fileFault, isFault, makeFault, type ServerFault } from '../errors.ts';
import { alignedBytes } from './aligned-memory.ts';
import { lockFile } from './file-lock.ts';
import { type IoMode, type OpenedFile, openBestMode, unlinkQuietly } from './io-mode.ts';
import { syncDirectory } from './sync-directory.ts';
import { isUnfinishedName } from './unfinished-owner.ts';

const writeAsync = promisify(write);
const fsyncAsync = promisify(fsync);
const closeAsync = promisify(close);

/** Block area that format writes ahead; it grows by BLOCK_AREA_STEP (block-area.ts). */
export const BLOCK_AREA_INITIAL: number = 4 * 1024 * 1024;
const CHUNK_SIZE = 4 * 1024 * 1024;
const SUPERBLOCK_SIZE: number = SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;

/** What `formatDataFile` makes a file from. */
export interface FormatDataFileOptions {
  /** Of the new file; nothing may be there. */
  readonly path: string;
  readonly config: ClusterConfig;
  /** That is to run on it, or its identity as another file has it. */
  readonly stateMachine: MachineParts | MachineIdentity;
  /** The same for all replicas of the cluster. */
  readonly cluster: bigint;
  /** Slot of this replica, below `replicaCount`. */
  readonly slot: number;
  /** Voters of the cluster: 1 to 6. */
  readonly replicaCount: number;
  /**
   * What a file begins with that takes the place of a lost one, or goes on from another one's
   * state; else it is a new replica's.
   */
  readonly file?: Pick<FormatOptions, 'incarnation' | 'introductions' | 'view' | 'adopted'>;
  /** The blocks of the adopted state. */
  readonly blocks?: BlockSource;
  /** Told bytes written so far, of how many; called at least at the start and the end. */
  readonly onProgress?: (written: number, total: number) => void;
}

/** The block area of another data file. */
export interface BlockSource {
  /** Bytes; whatever is behind a whole number of sectors is no block. */
  readonly size: number;
  /** Fewer bytes where it ends. Throws the system's error. */
  read(offset: number, length: number): Uint8Array;
}

/** Makes the data file of a replica, with an incarnation of its own. */
export function formatDataFile(
  options: FormatDataFileOptions,
): Promise<WrittenDataFile | ServerFault> {
  const { path, config, stateMachine, cluster, slot, replicaCount, onProgress } = options;
  const known = 'id' in stateMachine;
  const fault = known ? null : stateMachineFault(stateMachine);
  if (fault !== null) {
    const message = `the state machine ${fault}`;
    const remedy = 'Correct the machine; nothing was made.';
    return Promise.resolve(makeFault('state_machine_failed', message, remedy));
  }
  const machine = known ? stateMachine : machineIdentityOf(stateMachine, sha256);
  const blocks = options.blocks ?? { size: 0, read: (): Uint8Array => new Uint8Array(0) };
  const file = options.file ?? { incarnation: randomU128() };
  const written = { config, machine, cluster, slot, replicaCount, checksum: sha256, ...file };
  const first = isUnfinishedName(machine.name) ? superblockOf(formatReplica(written)) : [];
  return writeDataFile({
    path,
    config,
    blockBytes: blocks.size,
    first,
    writes: inOrder(copyBlocks(blocks), formatReplica(written)),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

/** In one piece: half of it would tell nothing. */
function superblockOf(format: Iterable<FormatWrite>): FormatWrite[] {
  const all = new Uint8Array(SUPERBLOCK_SIZE);
  for (const { zone, offset, bytes } of format) if (zone === 'superblock') all.set(bytes, offset);
  return [{ zone: 'superblock', offset: 0, bytes: all }];
}

function* inOrder(
  ...parts: readonly Iterable<FormatWrite>[]
): Generator<FormatWrite, void, undefined> {
  for (const part of parts) yield* part;
}

function* copyBlocks(blocks: BlockSource): Generator<FormatWrite, void, undefined> {
  const { size } = blocks;
  for (let offset = 0; offset < size; offset += CHUNK_SIZE) {
    const part = blocks.read(offset, Math.min(CHUNK_SIZE, size - offset));
    const whole = part.length - (part.length % SECTOR_SIZE);
    yield { zone: 'blocks', offset, bytes: part.subarray(0, whole) };
  }
}

/** A random number of 128 bits, never zero: an incarnation, or the number of a new cluster. */
export function randomU128(): bigint {
  const value = BigInt(`0x${randomBytes(16).toString('hex')}`);
  return value === 0n ? 1n : value;
}

export interface WriteDataFileOptions {
  readonly path: string;
  readonly config: ClusterConfig;
  /**
   * Written before anything else, zeros too: the superblock of a file that is not to be a
   * replica's as it is, so that it is known for one wherever its making ends. Default: nothing.
   */
  readonly first?: readonly FormatWrite[];
  /** In order; the superblock last, so that a replica's superblock means a finished file. */
  readonly writes: Iterable<FormatWrite>;
  /** Bytes that the block area needs, at least; default 0. */
  readonly blockBytes?: number;
  /** Bytes written so far, of how many; called at least at the start and the end. */
  readonly onProgress?: (written: number, total: number) => void;
}

/** A data file that was made, and is on the disk with its name. */
export interface WrittenDataFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** How it was opened for writing: the best that the file system takes. */
  readonly mode: IoMode;
}

/**
 * Makes a data file. Zeros are written over all of it first: space that is merely reserved costs
 * a commit of the file system at its first use, on the path of an acknowledgement. Refuses a file
 * that exists; a file that could not be finished is removed.
 */
export async function writeDataFile(
  options: WriteDataFileOptions,
): Promise<WrittenDataFile | ServerFault> {
  const { path, config } = options;
  let opened: OpenedFile;
  try {
    opened = openBestMode(path, { create: true });
  } catch (error) {
    return creationFault(error, path);
  }
  const { fd, mode } = opened;
  const lock = await lockFile(fd, path);
  try {
    if (isFault(lock)) {
      closeQuietly(fd);
      // Whoever else holds it has found it here; nobody has one that could not be locked.
      if (lock.code !== 'data_file_locked') unlinkQuietly(path);
      return lock;
    }
    const blockBytes = Math.max(options.blockBytes ?? 0, BLOCK_AREA_INITIAL);
    const size = zoneOffset(config, 'blocks') + blockBytes;
    const onProgress = options.onProgress ?? ((): void => {});
    onProgress(0, size);
    const { first = [] } = options;
    await writeInOrder(fd, config, first);
    if (first.length > 0) await fsyncAsync(fd);
    await writeZeros(fd, { from: first.length > 0 ? SUPERBLOCK_SIZE : 0, size, onProgress });
    await writeInOrder(fd, config, options.writes);
    await fsyncAsync(fd);
    await closeAsync(fd);
    syncDirectory(dirname(path));
    return { path, size, mode };
  } catch (error) {
    closeQuietly(fd);
    unlinkQuietly(path);
    return fileFault(error, path, 'write');
  } finally {
    if (!isFault(lock)) lock.release();
  }
}

async function writeZeros(
  fd: number,
  options: {
    readonly from: number;
    readonly size: number;
    readonly onProgress: (written: number, total: number) => void;
  },
): Promise<void> {
  const { from, size, onProgress } = options;
  const zeros = alignedBytes(CHUNK_SIZE);
  for (let at = from; at < size; ) {
    at += await writeSome(fd, zeros, Math.min(CHUNK_SIZE, size - at), at);
    onProgress(Math.min(at, size), size);
  }
}

/** Writes the parts of the format through aligned memory, whole sectors at a time. */
async function writeInOrder(
  fd: number,
  config: ClusterConfig,
  writes: Iterable<FormatWrite>,
): Promise<void> {
  const staging = alignedBytes(CHUNK_SIZE);
  let zone: Zone | null = null;
  for (const { zone: next, offset, bytes } of writes) {
    // What an earlier zone holds is on the disk before a later one can say that it is there.
    if (zone !== null && zone !== next) await fsyncAsync(fd);
    zone = next;
    const base = zoneOffset(config, next) + offset;
    for (let done = 0; done < bytes.length; done += CHUNK_SIZE) {
      const part = bytes.subarray(done, done + CHUNK_SIZE);
      const padded = Math.ceil(part.length / SECTOR_SIZE) * SECTOR_SIZE;
      staging.set(part);
      staging.fill(0, part.length, padded);
      await writeAll(fd, staging, padded, base + done);
    }
  }
}

async function writeAll(
  fd: number,
  bytes: Uint8Array,
  length: number,
  position: number,
): Promise<void> {
  let rest = length;
  while (rest > 0) {
    const wrote = await writeSome(fd, bytes, rest, position + length - rest);
    rest -= wrote;
    // Direct I/O reads from the start of aligned memory: what is left moves there.
    if (rest > 0) bytes.copyWithin(0, wrote, wrote + rest);
  }
}

/** Whole sectors written by one call. */
async function writeSome(
  fd: number,
  bytes: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  const { bytesWritten } = await writeAsync(fd, bytes, 0, length, position);
  const whole = bytesWritten - (bytesWritten % SECTOR_SIZE);
  if (whole === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  return whole;
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Already closed; the fault that is being reported matters more.
  }
}
