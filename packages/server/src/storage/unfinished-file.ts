import { closeSync, fstatSync, fsyncSync, openSync, writeSync } from 'node:fs';
import {
  decodeCopies,
  handOver,
  type MachineParts,
  machineIdentityOf,
  readSuperblockIdentity,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  selectSuperblock,
  zoneOffset,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { fileFault, isFault, makeFault, type ServerFault } from '../errors.ts';
import { superblockFault } from './data-file.ts';
import { lockFile } from './file-lock.ts';
import { isReplayName } from './replay-machine.ts';
import { fileReader, type ReadAt } from './unused-log.ts';

/**
 * Whether a restore or a verification was killed before it finished this file: it is no replica's,
 * whatever its name. Throws the system's error.
 */
export function isUnfinished(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const identity = readSuperblockIdentity(superblockOf(fileReader(fd)), sha256);
    return typeof identity !== 'string' && isReplayName(identity.machine.name);
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
  try {
    return handOverFile(fd, path, stateMachine);
  } catch (error) {
    return fileFault(error, path, 'write');
  } finally {
    lock.release();
    closeSync(fd);
  }
}

function handOverFile(fd: number, path: string, stateMachine: MachineParts): ServerFault | null {
  const readAt = fileReader(fd);
  const superblock = superblockOf(readAt);
  const chosen = selectSuperblock(decodeCopies(superblock, sha256));
  if (typeof chosen === 'string') {
    const { size } = fstatSync(fd);
    return superblockFault({ path, size, superblock, reason: chosen, readAt });
  }
  const { machine, config } = chosen.state.identity;
  if (!isReplayName(machine.name)) {
    return makeFault('data_file_exists', `${path} is a replica's already`);
  }
  const next = handOver(chosen, machineIdentityOf(stateMachine, sha256), sha256);
  for (const { zone, offset, bytes } of next) {
    writeWhole(fd, bytes, zoneOffset(config, zone) + offset);
    fsyncSync(fd);
  }
  return null;
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
