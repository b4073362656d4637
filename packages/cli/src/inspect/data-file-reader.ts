import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { fileFault, makeFault, sha256 } from '@kimberlite/server';
import {
  type ClusterConfig,
  CONFIG_DEFAULT,
  decodeCopies,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockCopy,
  selectSuperblock,
  type Zone,
  zoneOffset,
} from '@kimberlite/vsr';
import { ofServerFault } from '../fault.ts';

/** A data file as it is on disk, for looking only: nothing is locked, nothing is written. */
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
}

/** Opens a data file, lets `use` look into it, and closes it. Throws CliError. */
export function withDataFile<T>(path: string, use: (file: DataFileReader) => T): T {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw ofServerFault(fileFault(error, path, 'open'));
  }
  try {
    return use(readerOf(path, fd));
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) {
      throw ofServerFault(fileFault(error, path, 'read'));
    }
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readerOf(path: string, fd: number): DataFileReader {
  // The place of the superblock is the same whatever the sizes of the cluster.
  const at = zoneOffset(CONFIG_DEFAULT, 'superblock');
  const copies = decodeCopies(readAt(fd, at, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE), sha256);
  const chosen = selectSuperblock(copies);
  if (chosen === 'not_found') {
    throw ofServerFault(makeFault('data_file_foreign', `${path} has no superblock`));
  }
  if (typeof chosen === 'string') {
    throw ofServerFault(makeFault('data_file_damaged', `${path}: superblock ${chosen}`));
  }
  const { config } = chosen.state.identity;
  return {
    path,
    size: fstatSync(fd).size,
    copies,
    chosen,
    config,
    read: (zone, offset, length) => readAt(fd, zoneOffset(config, zone) + offset, length),
  };
}

function readAt(fd: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const read = readSync(fd, bytes, done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}
