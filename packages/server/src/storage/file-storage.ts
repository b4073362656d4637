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
import { StagingPool } from './aligned-memory.ts';
import { BlockArea, type Growth } from './block-area.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';
import type { IoMode } from './io-mode.ts';
import {
  decideEmptyWrite,
  decideSyncError,
  decideWriteError,
  retryRead,
  type WriteDecision,
} from './io-policy.ts';
import { type IoObserver, IoQueue, type Operation } from './io-queue.ts';

/** Threads that libuv must have (UV_THREADPOOL_SIZE), set before anything uses the pool. */
export const THREAD_POOL_SIZE = 24;
/** Block I/O, growth and reads in flight, at most: the rest of the threads are for the WAL. */
export const BACKGROUND_IO_MAX = 8;

const EMPTY = new Uint8Array(0);

export interface FileStorageOptions {
  readonly fd: number;
  readonly path: string;
  readonly mode: IoMode;
  readonly size: number;
  readonly config: ClusterConfig;
  /** Must not return into the replica: what could not be written ends the process. */
  readonly onFatal: (fault: ServerFault) => void;
  readonly observer: IoObserver;
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
  readonly #area: BlockArea;
  /** Block writes beyond the end of the area, in order, until it has grown. */
  #waiting: Operation[];
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
      step: (operation, staging): void => this.#step(operation, staging),
      observer: options.observer,
    });
    this.#area = new BlockArea(options.size);
    this.#waiting = [];
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
    const bytes = new Uint8Array(length);
    this.#queue.push({
      kind: 'read',
      background,
      position,
      length,
      bytes,
      progress: 0,
      retries: 0,
      bySector: false,
      unreadable: 0,
      startedAt: 0,
      finish: (ok): void => done(ok ? bytes : null),
      growth: null,
    });
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    if (this.#closed || this.#dead) return;
    const length = Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE;
    const position = this.#position(zone, offset, length);
    const operation: Operation = {
      kind: 'write',
      background: zone === 'blocks',
      position,
      length,
      bytes,
      progress: 0,
      retries: 0,
      bySector: false,
      unreadable: 0,
      startedAt: 0,
      finish: (): void => done(),
      growth: null,
    };
    if (zone !== 'blocks' || this.#area.covers(position + length)) this.#queue.push(operation);
    else this.#waiting.push(operation);
    if (zone === 'blocks') this.#growAhead(position + length);
  }

  /**
   * Takes nothing more, and resolves when all that was taken is on the disk and answered; after a
   * failed write, when nothing is in flight any more. The descriptor is the caller's to close.
   */
  close(): Promise<void> {
    this.#closed = true;
    return this.#queue.idle();
  }

  /** End of the file as far as it is formatted, in bytes. */
  fileSize(): number {
    return this.#area.end();
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

  #growAhead(end: number): void {
    const growth = this.#area.growthFor(end);
    if (growth === null) return;
    this.#queue.push({
      kind: 'write',
      background: true,
      position: growth.position,
      length: growth.length,
      bytes: EMPTY,
      progress: 0,
      retries: 0,
      bySector: false,
      unreadable: 0,
      startedAt: 0,
      finish: (ok): void => this.#onGrowth(growth, ok),
      growth,
    });
  }

  #onGrowth(growth: Growth, ok: boolean): void {
    if (!ok) {
      this.#area.onGrowthRefused(growth);
      return;
    }
    this.#area.onGrown(growth);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const operation of waiting) {
      const end = operation.position + operation.length;
      if (this.#area.covers(end)) this.#queue.push(operation);
      else this.#waiting.push(operation);
      this.#growAhead(end);
    }
  }

  /** Starts the next piece of an operation that holds a staging buffer. */
  #step(operation: Operation, staging: Uint8Array): void {
    const pieceMax = operation.bySector ? SECTOR_SIZE : staging.length;
    const piece = Math.min(operation.length - operation.progress, pieceMax);
    const position = operation.position + operation.progress;
    const { fd } = this.#options;
    if (operation.kind === 'read') {
      this.#calls.read(fd, staging.subarray(0, piece), position, (error, count) =>
        this.#onRead(operation, staging, { error, count }),
      );
      return;
    }
    const part = operation.bytes.subarray(operation.progress, operation.progress + piece);
    staging.set(part);
    if (part.length < piece) staging.fill(0, part.length, piece);
    this.#calls.write(fd, staging.subarray(0, piece), position, (error, count) =>
      this.#onWritten(operation, staging, { error, count }),
    );
  }

  #onRead(
    operation: Operation,
    staging: Uint8Array,
    result: { readonly error: Error | null; readonly count: number },
  ): void {
    if (this.#dead) {
      this.#queue.abandon(operation);
      return;
    }
    const { error, count } = result;
    if (error !== null && retryRead(error, operation.retries)) {
      operation.retries += 1;
      this.#step(operation, staging);
      return;
    }
    if (error !== null) {
      this.#onUnreadable(operation, staging);
      return;
    }
    const whole = count - (count % SECTOR_SIZE);
    if (whole === 0) {
      // Beyond the end of the file: nothing is there to be believed.
      this.#queue.finish(operation, false);
      return;
    }
    operation.bytes.set(staging.subarray(0, whole), operation.progress);
    this.#advance(operation, staging, whole);
  }

  /**
   * One bad sector must not hide what stands beside it: the four copies of the superblock are one
   * read, and so are the headers of all slots. What the device does not give is zeros, which match
   * no checksum.
   */
  #onUnreadable(operation: Operation, staging: Uint8Array): void {
    const left = operation.length - operation.progress;
    if (!operation.bySector && left > SECTOR_SIZE) {
      operation.bySector = true;
      operation.retries = 0;
      this.#step(operation, staging);
      return;
    }
    operation.unreadable += SECTOR_SIZE;
    if (operation.unreadable === operation.length) this.#queue.finish(operation, false);
    else this.#advance(operation, staging, SECTOR_SIZE);
  }

  #onWritten(
    operation: Operation,
    staging: Uint8Array,
    result: { readonly error: Error | null; readonly count: number },
  ): void {
    if (this.#dead) {
      this.#queue.abandon(operation);
      return;
    }
    const { error, count } = result;
    const { path, mode } = this.#options;
    const whole = error === null ? count - (count % SECTOR_SIZE) : 0;
    if (whole === 0) {
      const decision =
        error === null
          ? decideEmptyWrite(path, operation.retries)
          : decideWriteError(error, path, operation.retries);
      this.#decide(operation, staging, decision);
      return;
    }
    if (mode !== 'write_fdatasync' || operation.progress + whole < operation.length) {
      this.#advance(operation, staging, whole);
      return;
    }
    this.#calls.sync(this.#options.fd, (failed) => {
      if (this.#dead) this.#queue.abandon(operation);
      else if (failed === null) this.#advance(operation, staging, whole);
      else this.#decide(operation, staging, decideSyncError(failed, path));
    });
  }

  #advance(operation: Operation, staging: Uint8Array, whole: number): void {
    operation.progress += whole;
    operation.retries = 0;
    if (operation.progress >= operation.length) this.#queue.finish(operation, true);
    else this.#step(operation, staging);
  }

  #decide(operation: Operation, staging: Uint8Array, decision: WriteDecision): void {
    if (decision.kind === 'retry') {
      operation.retries += 1;
      this.#step(operation, staging);
      return;
    }
    const ahead = operation.growth !== null && this.#waiting.length === 0;
    if (ahead && decision.fault.code === 'disk_full') {
      // Nobody needs the room yet; perhaps there is some when it is needed.
      this.#queue.finish(operation, false);
      return;
    }
    this.#dead = true;
    this.#queue.abandon(operation);
    this.#options.onFatal(decision.fault);
  }
}
