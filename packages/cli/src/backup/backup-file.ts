import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import {
  BACKUP_HEAD_SIZE,
  type BackupHead,
  type BackupHeadFault,
  type BackupLayout,
  backupHeadSize,
  backupLayoutOf,
  decodeBackupHead,
  encodeBackupTrailer,
  fileFault,
  sha256,
} from '@kimberlite/server';
import { decodeMessage, isCommand, type PrepareMessage } from '@kimberlite/vsr';
import { type CliError, cliError, ofServerFault } from '../fault.ts';
import { readFrom } from '../read-from.ts';

/** Bytes hashed at a time. */
const CHUNK_SIZE = 1024 * 1024;
const ANOTHER = 'Nothing was changed. Take another backup.';

/** A backup on disk, for looking only. */
export interface BackupFile {
  readonly path: string;
  readonly head: BackupHead;
  readonly layout: BackupLayout;
  /** Null for an address that the checkpoint does not use, and where the file ends before it. */
  readBlock(address: number): Uint8Array | null;
  /** Throws CliError where it is not the prepare of this op. */
  readPrepare(op: number): PrepareMessage;
  /** SHA-256 of everything before the trailer. */
  hash(onProgress: (done: number, total: number) => void): Buffer;
  /** Throws CliError where the end of the file is not what follows from the rest. */
  checkTrailer(onProgress: (done: number, total: number) => void): void;
}

/** Opens a backup and lets `use` look into it. Throws CliError for what is none or not whole. */
export async function withBackup<T>(
  path: string,
  use: (file: BackupFile) => T | Promise<T>,
): Promise<T> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw systemFault(error, path);
  }
  try {
    const file = backupOf(fd, path);
    const { size } = fstatSync(fd);
    const { fileSize } = file.layout;
    if (size !== fileSize) throw damaged(path, `it has ${size} bytes and should have ${fileSize}`);
    return await use(file);
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? systemFault(error, path) : error;
  } finally {
    closeSync(fd);
  }
}

function systemFault(error: unknown, path: string): CliError {
  const fault = fileFault(error, path, 'read');
  if (fault.code !== 'data_file_missing') return ofServerFault(fault);
  return cliError('not_found', `there is no file ${path}`, 'Check the path of the backup.');
}

/** What has a whole head; whether the rest is there is not asked. */
export function backupOf(fd: number, path: string): BackupFile {
  const fixed = readFrom(fd, 0, BACKUP_HEAD_SIZE);
  const size = backupHeadSize(fixed);
  const head = typeof size === 'string' ? size : decodeBackupHead(readFrom(fd, 0, size));
  if (typeof head === 'string') throw headFault(path, head);
  const layout = backupLayoutOf(head);
  const { blockSize } = head.config;
  const hash: BackupFile['hash'] = (onProgress) => {
    const sum = createHash('sha256');
    for (let at = 0; at < layout.trailerOffset; at += CHUNK_SIZE) {
      const length = Math.min(CHUNK_SIZE, layout.trailerOffset - at);
      sum.update(readFrom(fd, at, length));
      onProgress(at + length, layout.trailerOffset);
    }
    return sum.digest();
  };
  return {
    path,
    head,
    layout,
    hash,
    readBlock(address): Uint8Array | null {
      const rank = layout.blocks.rankOf(address);
      if (rank < 0) return null;
      const bytes = readFrom(fd, layout.blocksOffset + rank * blockSize, blockSize);
      return bytes.length === blockSize ? bytes : null;
    },
    readPrepare(op): PrepareMessage {
      const index = op - head.checkpoint.op - 1;
      const start = layout.prepareOffsets[index] ?? 0;
      const bytes = readFrom(fd, start, head.prepareSizes[index] ?? 0);
      const message = decodeMessage(bytes, sha256);
      if (typeof message !== 'string' && isCommand(message, 'prepare') && message.header.op === op)
        return message;
      const why = typeof message === 'string' ? message : 'it is another message';
      throw damaged(path, `op ${op} is not what was written (${why})`);
    },
    checkTrailer(onProgress): void {
      const wanted = encodeBackupTrailer(hash(onProgress));
      const found = readFrom(fd, layout.trailerOffset, wanted.length);
      if (Buffer.compare(found, wanted) === 0) return;
      throw damaged(path, 'its bytes are not those that were written: the SHA-256 is another');
    },
  };
}

export function damaged(path: string, what: string): CliError {
  return cliError('damaged', `${path} cannot be restored: ${what}`, ANOTHER);
}

function headFault(path: string, fault: BackupHeadFault): CliError {
  switch (fault) {
    case 'foreign':
      return damaged(path, 'it is no backup of this program, or its beginning is lost');
    case 'version':
      return cliError(
        'refused',
        `${path} is a backup in another format`,
        'Nothing was changed. Restore it with the release that made it, or a newer one.',
      );
    case 'damaged':
      return damaged(path, 'its head is not what was written');
  }
}
