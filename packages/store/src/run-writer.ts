import {
  BLOCK_HEADER_SIZE,
  type BlockFormat,
  type BlockKind,
  blockSeal,
  payloadSizeMax,
} from './block.ts';
import type { BlockReference, BlockWrite } from './forest-types.ts';
import { RECORD_HEADER_SIZE, type RecordKind } from './record.ts';
import { assert } from './std/assert.ts';

/** A finished stream: the blocks that hold it, in order, and what it holds. */
export interface WrittenStream {
  readonly blocks: readonly BlockReference[];
  readonly size: number;
}

/**
 * Cuts streams of bytes (the records of a run, the levels of a manifest) into sealed blocks. A
 * record may span blocks. Finished blocks wait in `completed` for whoever hands them out.
 */
export class StreamWriter {
  /** Finished blocks in the order of their addresses; emptied by the owner. */
  readonly completed: BlockWrite[] = [];
  private readonly format: BlockFormat;
  private readonly acquire: () => number;
  private readonly header: Uint8Array = new Uint8Array(RECORD_HEADER_SIZE);
  private kind: BlockKind | null = null;
  private owner = 0;
  private references: BlockReference[] = [];
  private size = 0;
  private block: Uint8Array;
  /** Bytes of the payload that are in the block so far. */
  private filled = 0;

  constructor(format: BlockFormat, acquire: () => number) {
    this.format = format;
    this.acquire = acquire;
    this.block = new Uint8Array(format.blockSize);
  }

  begin(kind: BlockKind, owner: number): void {
    assert(this.kind === null, 'one stream at a time');
    this.kind = kind;
    this.owner = owner;
    this.references = [];
    this.size = 0;
  }

  record(kind: RecordKind, key: Uint8Array, value: Uint8Array): void {
    const header = this.header;
    header[0] = key.length & 0xff;
    header[1] = key.length >>> 8;
    header[2] = kind;
    header[4] = value.length & 0xff;
    header[5] = (value.length >>> 8) & 0xff;
    header[6] = (value.length >>> 16) & 0xff;
    header[7] = value.length >>> 24;
    this.write(header);
    this.write(key);
    this.write(value);
  }

  write(bytes: Uint8Array): void {
    assert(this.kind !== null, 'a stream has begun');
    this.size += bytes.length;
    const room = payloadSizeMax(this.format.blockSize);
    let at = 0;
    while (at < bytes.length) {
      const size = Math.min(bytes.length - at, room - this.filled);
      const part = size === bytes.length ? bytes : bytes.subarray(at, at + size);
      this.block.set(part, BLOCK_HEADER_SIZE + this.filled);
      this.filled += size;
      at += size;
      if (this.filled === room) this.complete();
    }
  }

  end(): WrittenStream {
    assert(this.kind !== null, 'a stream has begun');
    if (this.filled > 0) this.complete();
    this.kind = null;
    return { blocks: this.references, size: this.size };
  }

  private complete(): void {
    assert(this.kind !== null, 'a stream has begun');
    const { block } = this;
    const place = { kind: this.kind, owner: this.owner, index: this.references.length };
    blockSeal(block, place, this.filled);
    const address = this.acquire();
    this.references.push({ address, checksum: this.format.checksum.hash(block) });
    this.completed.push({ address, bytes: block });
    this.block = new Uint8Array(this.format.blockSize);
    this.filled = 0;
  }
}
