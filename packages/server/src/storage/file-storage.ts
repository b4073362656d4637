import { assert } from '@kimberlite/store';
import {
  type ClusterConfig,
  SECTOR_SIZE,
  type StoragePort,
  type Zone,
  zoneOffset,
  zoneSize,
} from '@kimberlite/vsr';
import type { ServerFault } from '../errors.ts';
import { AlignedChunks, alignedBytes, StagingPool } from './aligned-memory.ts';
import { BlockRoom, type GrowthResult } from './block-room.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';
import type { IoMode } from './io-mode.ts';
import {
  decideEmptyWrite,
  decideSyncError,
  decideWriteError,
  retryRead,
  type WriteDecision,
} from './io-policy.ts';
import { type IoObserver, IoQueue } from './io-queue.ts';
import { type IoTask, readTask, writeTask } from './io-task.ts';
import { THREAD_POOL_SIZE } from './thread-pool.ts';

/** Block I/O, growth and reads in flight, at most: the rest of the threads are for the WAL. */
export const BACKGROUND_IO_MAX = 8;

/**
 * Bytes from which a read of the log goes straight to memory of its own. A start reads a hundred
 * megabytes of it and keeps them: the copies, and the first touch of where they go, would be for
 * the one thread that verifies and executes; so the threads that read do it.
 */
const STRAIGHT_READ_MIN = 64 * 1024;

/**
 * Bytes of zeros in one write of a growth. Between two of them the replica may execute a few ops:
 * in pieces as small as those of the log, the file would grow slower than a checkpoint needs it.
 */
const ZEROS_SIZE = 1024 * 1024;

/** Milliseconds after which a growth is tried again that something waits for. */
const GROWTH_RETRY_MILLIS = 1000;

export interface FileStorageOptions {
  readonly fd: number;
  readonly path: string;
  readonly mode: IoMode;
  readonly size: number;
  readonly config: ClusterConfig;
  /** Must not return into the replica: what could not be written ends the process. */
  readonly onFatal: (fault: ServerFault) => void;
  readonly observer: IoObserver;
  /** The file was to grow, and did; or there was no room. `waitingBytes` is right by then. */
  readonly onGrowth?: (result: GrowthResult) => void;
  /** Between tries to grow the file when there was no room; a second by default. */
  readonly growthRetryMillis?: number;
  /** Those of the system by default. */
  readonly calls?: FileCalls;
}

/**
 * The data file as a StoragePort. One copy into aligned memory, one hop to the thread pool, and
 * the write is durable when it returns. Bytes handed to `write` must not change until `done`.
 */
export class FileStorage implements StoragePort {
  readonly #options: FileStorageOptions;
  readonly #calls: FileCalls;
  readonly #queue: IoQueue;
  readonly #room: BlockRoom;
  readonly #chunks: AlignedChunks;
  readonly #zeros: Uint8Array;
  #closed: boolean;
  /** After a failed write nothing is believed or reported any more. */
  #dead: boolean;

  constructor(options: FileStorageOptions) {
    this.#options = options;
    this.#calls = options.calls ?? systemCalls;
    const bufferSize = Math.max(options.config.messageSizeMax, 64 * 1024);
    this.#queue = new IoQueue({
      pool: new StagingPool({ count: THREAD_POOL_SIZE, bufferSize }),
      backgroundMax: BACKGROUND_IO_MAX,
      step: (task, staging): void => this.#step(task, staging),
      observer: options.observer,
    });
    this.#room = new BlockRoom({
      size: options.size,
      retryMillis: options.growthRetryMillis ?? GROWTH_RETRY_MILLIS,
      push: (task): void => this.#queue.push(task),
      onGrowth: (result): void => options.onGrowth?.(result),
    });
    this.#chunks = new AlignedChunks();
    this.#zeros = alignedBytes(ZEROS_SIZE);
    this.#closed = false;
    this.#dead = false;
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    this.#read({ zone, offset, length, background: true, done });
  }

  /** As a write of the log is: for what one of them waits for. */
  readFirst(
    zone: Zone,
    offset: number,
    length: number,
    done: (bytes: Uint8Array | null) => void,
  ): void {
    this.#read({ zone, offset, length, background: false, done });
  }

  #read(wanted: {
    readonly zone: Zone;
    readonly offset: number;
    readonly length: number;
    readonly background: boolean;
    readonly done: (bytes: Uint8Array | null) => void;
  }): void {
    if (this.#closed || this.#dead) return;
    const { zone, offset, length, background, done } = wanted;
    const position = this.#position(zone, offset, length);
    const isStraight = zone === 'wal_prepares' && length >= STRAIGHT_READ_MIN;
    const aligned = isStraight ? this.#chunks.take(length) : null;
    const bytes = aligned ?? new Uint8Array(length);
    const finish = (ok: boolean): void => done(ok ? bytes : null);
    const straight = aligned !== null;
    this.#queue.push(readTask({ background, position, bytes, straight, finish }));
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    if (this.#closed || this.#dead) return;
    const length = Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE;
    const position = this.#position(zone, offset, length);
    const background = zone === 'blocks';
    const task = writeTask({ background, position, length, bytes, finish: done });
    if (background) this.#room.write(task);
    else this.#queue.push(task);
  }

  /**
   * Takes nothing more, and resolves when all that was taken is on the disk and answered, but for
   * blocks that there is no room for: those are given up. After a failed write it resolves when
   * nothing is in flight any more. The descriptor is the caller's to close.
   */
  close(): Promise<void> {
    this.#closed = true;
    this.#room.close();
    return this.#queue.idle();
  }

  /** End of the file as far as it is formatted, in bytes. */
  fileSize(): number {
    return this.#room.end();
  }

  /** Bytes of blocks that wait for the file system to have room; see BlockRoom. */
  waitingBytes(): number {
    return this.#room.waitingBytes();
  }

  #position(zone: Zone, offset: number, length: number): number {
    assert(offset % SECTOR_SIZE === 0 && offset >= 0, 'offset of whole sectors');
    assert(length % SECTOR_SIZE === 0 && length > 0, 'length of whole sectors');
    const size = zoneSize(this.#options.config, zone);
    assert(
      size === null || offset + length <= Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE,
      'inside the zone',
    );
    return zoneOffset(this.#options.config, zone) + offset;
  }

  /** Starts the next piece of a task that holds a staging buffer. */
  #step(task: IoTask, staging: Uint8Array): void {
    const piece = this.#pieceOf(task, staging);
    const position = task.position + task.progress;
    const { fd } = this.#options;
    if (task.kind === 'read') {
      this.#calls.read(fd, piece, position, (error, count) =>
        this.#onRead(task, staging, { error, count }),
      );
      return;
    }
    this.#calls.write(fd, piece, position, (error, count) =>
      this.#onWritten(task, staging, { error, count }),
    );
  }

  /** The memory of the next piece: for what is read, or with what is written. */
  #pieceOf(task: IoTask, staging: Uint8Array): Uint8Array {
    const left = task.length - task.progress;
    const most = task.growth === null ? staging.length : ZEROS_SIZE;
    const size = Math.min(left, task.bySector ? SECTOR_SIZE : most);
    if (task.growth !== null) return this.#zeros.subarray(0, size);
    const end = task.progress + size;
    if (task.straight) return task.bytes.subarray(task.progress, end);
    const piece = staging.subarray(0, size);
    if (task.kind === 'read') return piece;
    const part = task.bytes.subarray(task.progress, end);
    piece.set(part);
    piece.fill(0, part.length);
    return piece;
  }

  #onRead(
    task: IoTask,
    staging: Uint8Array,
    result: { readonly error: Error | null; readonly count: number },
  ): void {
    if (this.#dead) {
      this.#queue.abandon(task);
      return;
    }
    const { error, count } = result;
    if (error !== null && retryRead(error, task.retries)) {
      task.retries += 1;
      this.#step(task, staging);
      return;
    }
    if (error !== null) {
      this.#onUnreadable(task, staging);
      return;
    }
    const whole = count - (count % SECTOR_SIZE);
    if (whole === 0) {
      // Beyond the end of the file: nothing is there to be believed.
      this.#queue.finish(task, false);
      return;
    }
    if (!task.straight) task.bytes.set(staging.subarray(0, whole), task.progress);
    this.#advance(task, staging, whole);
  }

  /**
   * One bad sector must not hide what stands beside it: the four copies of the superblock are one
   * read, and so are the headers of all slots. What the device does not give is zeros, which match
   * no checksum.
   */
  #onUnreadable(task: IoTask, staging: Uint8Array): void {
    const left = task.length - task.progress;
    if (!task.bySector && left > SECTOR_SIZE) {
      task.bySector = true;
      task.retries = 0;
      this.#step(task, staging);
      return;
    }
    // The system may have filled a part of it before it failed.
    if (task.straight) task.bytes.fill(0, task.progress, task.progress + SECTOR_SIZE);
    task.unreadable += SECTOR_SIZE;
    if (task.unreadable === task.length) this.#queue.finish(task, false);
    else this.#advance(task, staging, SECTOR_SIZE);
  }

  #onWritten(
    task: IoTask,
    staging: Uint8Array,
    result: { readonly error: Error | null; readonly count: number },
  ): void {
    if (this.#dead) {
      this.#queue.abandon(task);
      return;
    }
    const { error, count } = result;
    const { path, mode } = this.#options;
    const whole = error === null ? count - (count % SECTOR_SIZE) : 0;
    if (whole === 0) {
      const tried = { retries: task.retries, isGrowth: task.growth !== null };
      const decision =
        error === null ? decideEmptyWrite(path, tried) : decideWriteError(error, path, tried);
      this.#decide(task, staging, decision);
      return;
    }
    if (mode !== 'write_fdatasync' || task.progress + whole < task.length) {
      this.#advance(task, staging, whole);
      return;
    }
    this.#calls.sync(this.#options.fd, (failed) => {
      if (this.#dead) this.#queue.abandon(task);
      else if (failed === null) this.#advance(task, staging, whole);
      else this.#decide(task, staging, decideSyncError(failed, path));
    });
  }

  #advance(task: IoTask, staging: Uint8Array, whole: number): void {
    task.progress += whole;
    task.retries = 0;
    if (task.progress >= task.length) this.#queue.finish(task, true);
    else this.#step(task, staging);
  }

  #decide(task: IoTask, staging: Uint8Array, decision: WriteDecision): void {
    if (decision.kind === 'retry') {
      task.retries += 1;
      this.#step(task, staging);
      return;
    }
    if (decision.kind === 'no_room' && !task.bySector) {
      // There may be room for a part of the piece.
      task.bySector = true;
      task.retries = 0;
      this.#step(task, staging);
      return;
    }
    if (decision.kind === 'no_room') {
      // Without a sync nothing of it is known to be on the disk.
      if (this.#options.mode === 'write_fdatasync') task.progress = 0;
      this.#queue.finish(task, false);
      return;
    }
    this.#dead = true;
    this.#room.close();
    this.#queue.abandon(task);
    this.#options.onFatal(decision.fault);
  }
}
