import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  type BackupHead,
  type BackupLayout,
  backupLayoutOf,
  creationFault,
  decodeBackupHead,
  encodeBackupTrailer,
  type FileLock,
  fileFault,
  lockFile,
  syncDirectory,
} from '@kimberlite/server';
import type { BackupPiece } from '@kimberlite/vsr';
import { cliError, ofServerFault, unwrap } from '../fault.ts';
import { partialOf, takeName } from '../take-name.ts';
import { type BackupFile, backupOf } from './backup-file.ts';

/** Refuses to take the name of a file that is there. */
export function assertFree(path: string): void {
  if (!existsSync(path)) return;
  throw cliError('refused', `${path} is already there`, 'It was not touched. Choose another name.');
}

/**
 * A backup in the making, under the name FILE.partial until it is whole. Parts come in any order
 * and are written where they belong, so two backups of one state are the same bytes but for the
 * head. Memory: a bit a part.
 */
export class BackupWriter {
  readonly #path: string;
  readonly #partial: string;
  readonly #fd: number;
  readonly #lock: FileLock;
  #head: BackupHead | null = null;
  #layout: BackupLayout | null = null;
  /** A one for each part that is there: blocks by rank, then prepares. */
  #there: Uint8Array = new Uint8Array(0);
  #missing = 0;

  private constructor(path: string, fd: number, lock: FileLock) {
    this.#path = path;
    this.#partial = partialOf(path);
    this.#fd = fd;
    this.#lock = lock;
  }

  /** Throws CliError when FILE is there, and while another process writes FILE.partial. */
  static async open(path: string): Promise<BackupWriter> {
    assertFree(path);
    const partial = partialOf(path);
    let fd: number;
    try {
      // What an earlier one left unfinished is of no use, and is written over.
      fd = openSync(partial, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch (error) {
      throw ofServerFault(creationFault(error, path));
    }
    try {
      return new BackupWriter(path, fd, unwrap(await lockFile(fd, partial)));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Bytes of the whole file, 0 before it is known. */
  get fileSize(): number {
    return this.#layout?.fileSize ?? 0;
  }

  /** Begins, or begins again with another replica. Null when these bytes are no head. */
  begin(bytes: Uint8Array): BackupHead | null {
    const head = decodeBackupHead(bytes);
    if (typeof head === 'string') return null;
    const layout = backupLayoutOf(head);
    this.#head = head;
    this.#layout = layout;
    this.#missing = layout.blocks.count + head.prepareSizes.length;
    this.#there = new Uint8Array(Math.ceil(this.#missing / 8));
    ftruncateSync(this.#fd, 0);
    this.#write(bytes, 0);
    return head;
  }

  /** False when it is no part of this backup, or came before. */
  put(piece: BackupPiece): boolean {
    const head = this.#head;
    const layout = this.#layout;
    if (head === null || layout === null) return false;
    if (piece.kind === 'prepare') {
      const index = piece.op - head.checkpoint.op - 1;
      if (head.prepareSizes[index] !== piece.bytes.length) return false;
      if (!this.#note(layout.blocks.count + index)) return false;
      this.#write(piece.bytes, layout.prepareOffsets[index] ?? 0);
      return true;
    }
    const { blockSize } = head.config;
    const count = piece.bytes.length / blockSize;
    const rank = layout.blocks.rankOf(piece.address);
    if (rank < 0 || !Number.isInteger(count) || count < 1) return false;
    if (layout.blocks.neighbours(rank) < count) return false;
    for (let at = 0; at < count; at += 1) if (!this.#note(rank + at)) return false;
    this.#write(piece.bytes, layout.blocksOffset + rank * blockSize);
    return true;
  }

  /** Whether everything that the head names is there. */
  get complete(): boolean {
    return this.#head !== null && this.#missing === 0;
  }

  /** What was written so far, to be read back. */
  file(): BackupFile {
    return backupOf(this.#fd, this.#partial);
  }

  /** Makes it durable under its name. Throws CliError when something has taken the name. */
  finish(onProgress: (done: number, total: number) => void): number {
    const file = this.file();
    this.#write(encodeBackupTrailer(file.hash(onProgress)), file.layout.trailerOffset);
    fsyncSync(this.#fd);
    this.#takeName();
    syncDirectory(dirname(this.#path));
    return file.layout.fileSize;
  }

  close(options: { readonly remove: boolean }): void {
    closeSync(this.#fd);
    if (options.remove) rmSync(this.#partial, { force: true });
    this.#lock.release();
  }

  #takeName(): void {
    try {
      takeName(this.#path);
    } catch (error) {
      assertFree(this.#path);
      throw ofServerFault(creationFault(error, this.#path));
    }
  }

  #note(part: number): boolean {
    const bit = 1 << (part & 7);
    const byte = this.#there[part >>> 3] ?? 0;
    if ((byte & bit) !== 0) return false;
    this.#there[part >>> 3] = byte | bit;
    this.#missing -= 1;
    return true;
  }

  #write(bytes: Uint8Array, position: number): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
      }
    } catch (error) {
      throw ofServerFault(fileFault(error, this.#partial, 'write'));
    }
  }
}
