import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {
  decodeCopies,
  type HandedOver,
  handOver,
  type Identity,
  type MachineIdentity,
  type MachineParts,
  machineIdentityOf,
  readSuperblockIdentity,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type SuperblockCopy,
  selectSuperblock,
  zoneOffset,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { fileFault, isFault, makeFault, type ServerFault } from '../errors.ts';
import { superblockFault } from './data-file.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { isUnfinishedName } from './unfinished-owner.ts';
import { fileReader, type ReadAt } from './unused-log.ts';

/**
 * Whether a restore, a verification or a `recover` was killed before it finished this file: it is
 * no replica's, whatever its name. Throws the system's error.
 */
export function isUnfinished(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const identity = readSuperblockIdentity(superblockOf(fileReader(fd)), sha256);
    return typeof identity !== 'string' && isUnfinishedName(identity.machine.name);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a replica's file of one that was formatted for the replay machine (replayMachineOf): the
 * last step, up to which it starts nowhere. Returns the fault that kept it from that, or null; the
 * file is then unfinished as before.
 */
export async function finishDataFile(
  path: string,
  stateMachine: MachineParts,
): Promise<ServerFault | null> {
  const file = await UnfinishedFile.open(path);
  if (isFault(file)) return file;
  try {
    return file.finish(machineIdentityOf(stateMachine, sha256));
  } finally {
    file.close();
  }
}

/** A file that no replica starts on, open and locked by this process until `close`. */
export class UnfinishedFile {
  readonly path: string;
  readonly identity: Identity;
  readonly #fd: number;
  readonly #lock: FileLock;
  readonly #chosen: SuperblockCopy;

  private constructor(path: string, fd: number, lock: FileLock, chosen: SuperblockCopy) {
    this.path = path;
    this.identity = chosen.state.identity;
    this.#fd = fd;
    this.#lock = lock;
    this.#chosen = chosen;
  }

  /** Refuses a replica's file, and every other one that is not unfinished. */
  static async open(path: string): Promise<UnfinishedFile | ServerFault> {
    let fd: number;
    try {
      fd = openSync(path, 'r+');
    } catch (error) {
      return fileFault(error, path, 'open');
    }
    const lock = await lockFile(fd, path);
    if (isFault(lock)) {
      closeSync(fd);
      return lock;
    }
    const chosen = chosenOf(fd, path);
    if (!isFault(chosen)) return new UnfinishedFile(path, fd, lock, chosen);
    lock.release();
    closeSync(fd);
    return chosen;
  }

  /**
   * Makes it the file of a replica that runs this machine. Returns the fault that kept it from
   * that, or null; the file is then unfinished as before, or finished where the fault came late.
   */
  finish(machine: MachineIdentity, begins: HandedOver = {}): ServerFault | null {
    const { path } = this;
    const { config } = this.identity;
    try {
      if (!isAt(path, this.#fd)) return replacedFault(path);
      for (const { zone, offset, bytes } of handOver(this.#chosen, machine, sha256, begins)) {
        writeWhole(this.#fd, bytes, zoneOffset(config, zone) + offset);
        fsyncSync(this.#fd);
      }
      return null;
    } catch (error) {
      return fileFault(error, path, 'write');
    }
  }

  /** Removes it; returns the fault that kept it from that, or null. */
  remove(): ServerFault | null {
    const { path } = this;
    try {
      if (!isAt(path, this.#fd)) return replacedFault(path);
      unlinkSync(path);
      return null;
    } catch (error) {
      return fileFault(error, path, 'remove');
    }
  }

  /** Closes it and gives up the lock. */
  close(): void {
    this.#lock.release();
    closeSync(this.#fd);
  }
}

function chosenOf(fd: number, path: string): SuperblockCopy | ServerFault {
  try {
    const readAt = fileReader(fd);
    const superblock = superblockOf(readAt);
    const chosen = selectSuperblock(decodeCopies(superblock, sha256));
    if (typeof chosen === 'string') {
      const { size } = fstatSync(fd);
      return superblockFault({ path, size, superblock, reason: chosen, readAt });
    }
    if (!isUnfinishedName(chosen.state.identity.machine.name)) {
      return makeFault('data_file_exists', `${path} is a replica's already`);
    }
    // Whoever removed it before it was locked here may have made another one since.
    return isAt(path, fd) ? chosen : replacedFault(path);
  } catch (error) {
    return fileFault(error, path, 'read');
  }
}

/** Whether the path still names the file that is open. */
function isAt(path: string, fd: number): boolean {
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  const open = fstatSync(fd, { bigint: true });
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

function replacedFault(path: string): ServerFault {
  const remedy = 'It was not touched. Let nothing else work on this path, and run it again.';
  return makeFault('io_failed', `${path} names another file than a moment ago, or none`, remedy);
}

function writeWhole(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/** The superblock zone; zeros where the file is shorter. */
function superblockOf(readAt: ReadAt): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
  bytes.set(readAt(0, bytes.length));
  return bytes;
}
