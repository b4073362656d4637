import { assert } from '@kimberlite/store';

/** Alignment in memory and on disk that direct I/O asks for. */
export const PAGE_SIZE = 4096;
const WASM_PAGE_SIZE = 65536;

/** The part of WebAssembly used here; the Node typings leave it to the browser's. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: {
    readonly initial: number;
    readonly maximum: number;
  }) => {
    readonly buffer: ArrayBuffer;
  };
};

/**
 * Memory that begins at a page boundary, which ordinary buffers do not. The memory of a
 * WebAssembly instance is mapped by whole pages; that is how V8 works and not a promise, so
 * io-mode.ts tries it before anything depends on it.
 */
export function alignedBytes(size: number): Uint8Array<ArrayBuffer> {
  assert(size > 0 && size % PAGE_SIZE === 0, 'whole pages');
  const pages = Math.ceil(size / WASM_PAGE_SIZE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return new Uint8Array(memory.buffer, 0, size);
}

/**
 * A fixed number of equal aligned buffers. One is held for as long as its I/O is in flight, so
 * the pool's size bounds both memory and the I/O that can be running.
 */
export class StagingPool {
  readonly #free: Uint8Array<ArrayBuffer>[];
  readonly bufferSize: number;
  readonly count: number;

  constructor(options: { readonly count: number; readonly bufferSize: number }) {
    const { count, bufferSize } = options;
    assert(count > 0, 'at least one buffer');
    assert(bufferSize % PAGE_SIZE === 0, 'buffers of whole pages');
    this.bufferSize = bufferSize;
    this.count = count;
    const all = alignedBytes(count * bufferSize);
    this.#free = [];
    for (let index = count - 1; index >= 0; index -= 1) {
      this.#free.push(new Uint8Array(all.buffer, index * bufferSize, bufferSize));
    }
  }

  /** A buffer with whatever its last user left in it, or null when all are in flight. */
  acquire(): Uint8Array<ArrayBuffer> | null {
    // The one freed last is the warmest in the cache.
    return this.#free.pop() ?? null;
  }

  release(buffer: Uint8Array<ArrayBuffer>): void {
    assert(buffer.length === this.bufferSize, 'a buffer of this pool');
    assert(this.#free.length < this.count, 'released once');
    this.#free.push(buffer);
  }

  available(): number {
    return this.#free.length;
  }
}

/** Bytes of a chunk: each is a mapping of its own, so they are few. */
const CHUNK_SIZE = 8 * 1024 * 1024;

/**
 * Aligned memory for what is read and kept. Pieces are cut from one chunk after another and never
 * given out again, so they are zeros until somebody writes to them; a chunk goes to the garbage
 * collector with the last piece of it.
 */
export class AlignedChunks {
  #chunk: Uint8Array<ArrayBuffer>;
  #used: number;
  #refused: boolean;

  constructor() {
    this.#chunk = new Uint8Array(0);
    this.#used = 0;
    this.#refused = false;
  }

  /**
   * So many bytes, or null once the system refuses a chunk: V8 reserves 10 GiB of addresses for
   * each, which a limit on them (`ulimit -v`) may not allow. It is not asked again then.
   */
  take(size: number): Uint8Array<ArrayBuffer> | null {
    const taken = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
    assert(taken <= CHUNK_SIZE, 'a piece fits a chunk');
    if (this.#used + taken > this.#chunk.length && !this.#renew()) return null;
    const piece = this.#chunk.subarray(this.#used, this.#used + size);
    this.#used += taken;
    return piece;
  }

  #renew(): boolean {
    if (this.#refused) return false;
    try {
      this.#chunk = alignedBytes(CHUNK_SIZE);
      this.#used = 0;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#refused = true;
    }
    return !this.#refused;
  }
}
