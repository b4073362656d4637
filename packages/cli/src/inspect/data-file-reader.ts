import { closeSync, fstatSync, openSync } from 'node:fs';
import { fileFault, lockFile, noFileFault, sha256, superblockFault } from '@kimberlite/server';
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
  /** The copy that a replica would start from; where it would refuse, one to look with. */
  readonly chosen: SuperblockCopy;
  /** Why a replica would refuse to start on these copies; null where it would not. */
  readonly superblockFault: SuperblockFault | null;
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
  return withRawFile(path, (file) => use(readerOf(file)));
}

/** The same with whatever copy of the superblock is valid, for who wants to see all four. */
export function withAnyDataFile<T>(
  path: string,
  use: (file: DataFileReader, refusal: CliError | null) => T,
): T {
  return withRawFile(path, (raw) => {
    const file = anyReaderOf(raw);
    const { superblockFault: reason } = file;
    return use(file, reason === null ? null : refusalOf(raw, reason));
  });
}

function withRawFile<T>(path: string, use: (file: RawFile) => T): T {
  const { fd, file } = openRaw(path);
  try {
    return use(file);
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
    const foreign = noFileFault(path);
    if (foreign !== null) throw ofServerFault(foreign);
    const fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    return { fd, file: { path, size, readAt: (at, length) => readFrom(fd, at, length) } };
  } catch (error) {
    if (error instanceof CliError) throw error;
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
function copiesOf(file: RawFile): readonly (SuperblockCopy | null)[] {
  return decodeCopies(superblockOf(file), sha256);
}

/** What a replica would say that could not choose a superblock. */
function refusalOf(file: RawFile, reason: SuperblockFault): CliError {
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
  const reader = anyReaderOf(file);
  if (reader.superblockFault !== null) throw refusalOf(file, reader.superblockFault);
  return reader;
}

/**
 * A reader that believes the copy that a start would choose, or where a start would refuse, the
 * newest that is valid. Throws CliError where none is: then not even the places of the rest are
 * known.
 */
export function anyReaderOf(file: RawFile): DataFileReader {
  const copies = copiesOf(file);
  const selected = selectSuperblock(copies);
  const chosen = typeof selected === 'string' ? newestOf(copies) : selected;
  const fault = typeof selected === 'string' ? selected : null;
  if (chosen === null) throw refusalOf(file, fault ?? 'not_found');
  const { config } = chosen.state.identity;
  return {
    path: file.path,
    size: file.size,
    copies,
    chosen,
    superblockFault: fault,
    config,
    read: (zone, offset, length) => file.readAt(zoneOffset(config, zone) + offset, length),
    readWhole(zone, offset, length): Uint8Array | null {
      const bytes = tryReadAt(file, zoneOffset(config, zone) + offset, length);
      return bytes?.length === length ? bytes : null;
    },
  };
}

function newestOf(copies: readonly (SuperblockCopy | null)[]): SuperblockCopy | null {
  let newest: SuperblockCopy | null = null;
  for (const copy of copies) {
    if (copy === null) continue;
    if (newest === null || copy.state.sequence > newest.state.sequence) newest = copy;
  }
  return newest;
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
