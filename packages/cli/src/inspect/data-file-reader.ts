import { closeSync, fstatSync, openSync } from 'node:fs';
import { fileFault, lockFile, sha256, superblockFault } from '@kimberlite/server';
import {
  type ClusterConfig,
  CONFIG_DEFAULT,
  decodeCopies,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockCopy,
  type SuperblockFault,
  selectSuperblock,
  type Zone,
  zoneOffset,
} from '@kimberlite/vsr';
import { CliError, ofServerFault, unwrap } from '../fault.ts';
import { readFrom } from '../read-from.ts';

/** The bytes of a file, for looking only: nothing is ever written. */
export interface RawFile {
  readonly path: string;
  readonly size: number;
  /** Fewer bytes where the file ends. Throws the system's error. */
  readAt(position: number, length: number): Uint8Array;
}

/** A data file as it is on disk. */
export interface DataFileReader {
  readonly path: string;
  readonly size: number;
  /** Each of the four copies; null for one that is not valid. */
  readonly copies: readonly (SuperblockCopy | null)[];
  /** The copy that a replica would start from. */
  readonly chosen: SuperblockCopy;
  readonly config: ClusterConfig;
  /** Bytes of a zone; fewer where the file ends. */
  read(zone: Zone, offset: number, length: number): Uint8Array;
  /** The same, or null where the file ends before that or the device fails. */
  readWhole(zone: Zone, offset: number, length: number): Uint8Array | null;
}

/**
 * Opens a data file, lets `use` look into it, and closes it. A replica may have it open: then what
 * is seen is of no one moment. Throws CliError.
 */
export function withDataFile<T>(path: string, use: (file: DataFileReader) => T): T {
  const { fd, file } = openRaw(path);
  try {
    return use(readerOf(file));
  } catch (error) {
    throw namedError(error, path);
  } finally {
    closeSync(fd);
  }
}

/**
 * The same for what makes sense at rest only: the file is locked meanwhile, so no replica has it
 * and none can start on it. Throws CliError, `data_file_locked` among them.
 */
export async function withOfflineFile<T>(
  path: string,
  use: (file: RawFile) => T | Promise<T>,
): Promise<T> {
  const { fd, file } = openRaw(path);
  try {
    const lock = unwrap(await lockFile(fd, path));
    try {
      return await use(file);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw namedError(error, path);
  } finally {
    closeSync(fd);
  }
}

function openRaw(path: string): { readonly fd: number; readonly file: RawFile } {
  try {
    const fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    return { fd, file: { path, size, readAt: (at, length) => readFrom(fd, at, length) } };
  } catch (error) {
    const fault = fileFault(error, path, 'open');
    if (fault.code !== 'data_file_missing') throw ofServerFault(fault);
    // Whoever only looks has mistyped a path rather than lost a disk.
    const remedy = 'Check the path; nothing was read or changed.';
    throw ofServerFault({ ...fault, remedy });
  }
}

function namedError(error: unknown, path: string): unknown {
  if (error instanceof CliError || !isSystemError(error)) return error;
  return ofServerFault(fileFault(error, path, 'read'));
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

/** The superblock zone; zeros where the file is shorter or the device fails. */
function superblockOf(file: RawFile): Uint8Array {
  const zone = new Uint8Array(SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
  // Its place is the same whatever the sizes of the cluster.
  const at = zoneOffset(CONFIG_DEFAULT, 'superblock');
  for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
    const offset = copy * SUPERBLOCK_COPY_SIZE;
    zone.set(tryReadAt(file, at + offset, SUPERBLOCK_COPY_SIZE) ?? NOTHING, offset);
  }
  return zone;
}

const NOTHING = new Uint8Array(0);

/** The four copies, decoded; null for what is not one or can't be read. */
export function copiesOf(file: RawFile): readonly (SuperblockCopy | null)[] {
  return decodeCopies(superblockOf(file), sha256);
}

/** What a replica would say that could not choose a superblock. */
export function refusalOf(file: RawFile, reason: SuperblockFault): CliError {
  const { path, size } = file;
  return ofServerFault(
    superblockFault({
      path,
      size,
      superblock: superblockOf(file),
      reason,
      readAt: (position, length) => file.readAt(position, length),
    }),
  );
}

/** Throws CliError where a replica would not start on it for want of a superblock. */
export function readerOf(file: RawFile): DataFileReader {
  const copies = copiesOf(file);
  const chosen = selectSuperblock(copies);
  if (typeof chosen === 'string') throw refusalOf(file, chosen);
  return readerFrom(file, copies, chosen);
}

/** A reader that believes this copy, chosen by whoever knows better than a start. */
export function readerFrom(
  file: RawFile,
  copies: readonly (SuperblockCopy | null)[],
  chosen: SuperblockCopy,
): DataFileReader {
  const { config } = chosen.state.identity;
  return {
    path: file.path,
    size: file.size,
    copies,
    chosen,
    config,
    read: (zone, offset, length) => file.readAt(zoneOffset(config, zone) + offset, length),
    readWhole(zone, offset, length): Uint8Array | null {
      const bytes = tryReadAt(file, zoneOffset(config, zone) + offset, length);
      return bytes?.length === length ? bytes : null;
    },
  };
}

/** Null where the device fails. */
function tryReadAt(file: RawFile, position: number, length: number): Uint8Array | null {
  try {
    return file.readAt(position, length);
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}
