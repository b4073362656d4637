import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  decodeCopies,
  decodeHeader,
  HEADER_SIZE,
  readSuperblock,
  SECTOR_SIZE,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { alignedBytes } from './aligned-memory.ts';

/** Reads up to `length` bytes at `position`: fewer at the end of the file. Throws on failure. */
export type ReadAt = (position: number, length: number) => Uint8Array;

const SUPERBLOCK_SIZE: number = SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE;
const CHUNK_SIZE: number = 1024 * 1024;
const ZEROS: Uint8Array = new Uint8Array(CHUNK_SIZE);
/** Of the superblock that format writes; the first update makes it 2. */
const SEQUENCE_FORMATTED = 1;

/**
 * Whether everything behind the superblock is as a format leaves it, finished or not: zeros, and
 * headers of the root and of reserved slots. Then no op was ever written there, and nothing that
 * was acknowledged can be lost with the file. What cannot be read proves nothing: false.
 *
 * Looks at all of the file, since its sizes stand in the superblock, which may be gone; it ends at
 * the first thing that a format does not write.
 */
export function holdsNoOp(readAt: ReadAt): boolean {
  for (let position = SUPERBLOCK_SIZE; ; ) {
    let chunk: Uint8Array;
    try {
      chunk = readAt(position, CHUNK_SIZE);
    } catch {
      return false;
    }
    if (!isUnused(chunk)) return false;
    if (chunk.length < CHUNK_SIZE) return true;
    position += chunk.length;
  }
}

/**
 * Whether the cluster took the file for a member's by an op, as `recover` has it do, and not by
 * what was formatted at its birth. False where its superblock can't be told.
 */
export function tookAPlace(readAt: ReadAt): boolean {
  const state = readSuperblock(readAt(0, SUPERBLOCK_SIZE).slice(), sha256);
  if (typeof state === 'string') return false;
  const own = state.introductions.files[state.identity.slot];
  return own !== undefined && own.since > 0;
}

/**
 * Whether no replica can ever have run on the file: its format was not finished, or was and
 * nothing has been written since. Only such a file may be removed by a program. An empty file is
 * none, because nothing in it shows that it was not cut off.
 */
export function neverRan(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const readAt = fileReader(fd);
    if (fstatSync(fd).size === 0) return false;
    const superblock = new Uint8Array(SUPERBLOCK_SIZE);
    superblock.set(readAt(0, SUPERBLOCK_SIZE));
    const copies = decodeCopies(superblock, sha256);
    const asFormatted = copies.every((copy, index) => {
      if (copy !== null) return copy.state.sequence === SEQUENCE_FORMATTED;
      const start = index * SUPERBLOCK_COPY_SIZE;
      return isZero(superblock.subarray(start, start + SUPERBLOCK_COPY_SIZE));
    });
    return asFormatted && holdsNoOp(readAt);
  } finally {
    closeSync(fd);
  }
}

/** Reads into memory that direct I/O takes too; each call's bytes are valid until the next. */
export function fileReader(fd: number): ReadAt {
  const buffer = alignedBytes(CHUNK_SIZE);
  return (position, length) => {
    let done = 0;
    while (done < length) {
      const read = readSync(fd, buffer, done, length - done, position + done);
      done += read;
      // Direct I/O goes on at whole sectors only, and less than that means the end anyway.
      if (read === 0 || read % SECTOR_SIZE !== 0) break;
    }
    return buffer.subarray(0, done);
  };
}

function isUnused(chunk: Uint8Array): boolean {
  if (isZero(chunk)) return true;
  for (let at = 0; at < chunk.length; at += HEADER_SIZE) {
    const piece = chunk.subarray(at, at + HEADER_SIZE);
    if (!isZero(piece) && !isFormatHeader(piece)) return false;
  }
  return true;
}

function isFormatHeader(bytes: Uint8Array): boolean {
  const header = decodeHeader(bytes, sha256);
  if (typeof header === 'string') return false;
  return header.command === 'reserved' || (header.command === 'prepare' && header.op === 0);
}

function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}
