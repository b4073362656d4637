import { createKernel } from '@kimberlite/kernel';
import { sha256 } from '@kimberlite/server';
import {
  BlockKind,
  type BlockReference,
  blockPayload,
  manifestDecode,
  manifestLevels,
  payloadSizeMax,
  REFERENCE_SIZE,
  type RecordVisitor,
  type Run,
  RunReader,
  referencesDecode,
  rootDecode,
  TABLE_SESSIONS,
  type TableOptions,
  type TableRuns,
} from '@kimberlite/vsr';
import type { DataFileReader } from './data-file-reader.ts';

/** Every table of a replica that runs the kernel, by id. */
export const TABLES: ReadonlyMap<number, TableOptions> = new Map(
  [{ id: TABLE_SESSIONS, name: 'sessions', combine: null }, ...createKernel().tables].map(
    (table) => [table.id, table],
  ),
);

/** What is wrong with a tree; `address` is the block's, or null for the tree as a whole. */
export interface TreeFault {
  readonly address: number | null;
  readonly problem: string;
  /** The bytes are not those that were written; else they were never right. */
  readonly rotten: boolean;
}

/** The manifest of a checkpoint: what it consists of. */
export interface Manifest {
  /** Ascending by id; tables that are empty are left out. */
  readonly tables: readonly TableRuns[];
  /** Blocks of the manifest itself and of all runs. */
  readonly blockCount: number;
  readonly manifestBlocks: number;
}

interface Stream {
  readonly blocks: readonly BlockReference[];
  /** Bytes of the payloads together. */
  readonly size: number;
  readonly kind: (typeof BlockKind)[keyof typeof BlockKind];
  readonly owner: number;
}

/**
 * Reads the tree of the checkpoint, block by block, each by its checksum. Faults are told as they
 * are found and never end the reading of what can still be found: only what is named by a block
 * that is lost stays unknown.
 */
export class TreeReader {
  readonly #file: DataFileReader;
  readonly #onFault: (fault: TreeFault) => void;
  readonly #onBlock: () => void;

  constructor(
    file: DataFileReader,
    options: {
      readonly onFault: (fault: TreeFault) => void;
      /** After each block. */
      readonly onBlock?: () => void;
    },
  ) {
    this.#file = file;
    this.#onFault = options.onFault;
    this.#onBlock = options.onBlock ?? ((): void => {});
  }

  /** From the root down; null where it can't be read to the end. */
  manifest(): Manifest | null {
    const { blockSize } = this.#file.config;
    const root = rootDecode(this.#file.chosen.state.checkpoint.forestRoot, blockSize);
    if (root === 'empty') return { tables: [], blockCount: 0, manifestBlocks: 0 };
    if (root === 'bad') return this.#wrong(null, 'the root of the checkpoint is none');
    const counts = manifestLevels(root.manifestSize, blockSize);
    const seen = new Set<number>();
    let level: readonly BlockReference[] = [root.top];
    let bytes: Uint8Array = new Uint8Array(0);
    for (let owner = counts.length - 1; owner >= 0; owner -= 1) {
      const below = counts[owner - 1];
      const size = below === undefined ? root.manifestSize : below * REFERENCE_SIZE;
      if (!this.#unique(level, seen)) return null;
      const whole = this.#stream({ blocks: level, size, kind: BlockKind.manifest, owner });
      if (whole === null) return this.#lost();
      bytes = whole;
      if (below === undefined) break;
      const next = referencesDecode(viewOf(bytes), 0, below);
      if (next === null) return this.#wrong(null, 'a level of the manifest is no list of blocks');
      level = next;
    }
    return this.#tables(bytes, root.blockCount, seen);
  }

  /** Every record of a run, in order; false when not all of it could be read. */
  run(table: number, run: Run, visit: RecordVisitor): boolean {
    const takesDeltas = TABLES.get(table)?.combine !== null;
    const reader = new RunReader(run, { visit, takesDeltas });
    const stream = { blocks: run.blocks, size: run.size, kind: BlockKind.data, owner: table };
    let whole = true;
    for (const [index, reference] of run.blocks.entries()) {
      const payload = this.#payload(stream, index);
      // Behind a block that is lost it is not known where a record begins.
      if (payload === null) whole = false;
      else if (whole && !reader.push(payload)) {
        this.#wrong(reference.address, 'its records are no part of a run, or out of order');
        whole = false;
      }
    }
    if (whole && !reader.finish()) {
      this.#wrong(null, `a run of table ${table} has other records than its manifest says`);
      return false;
    }
    return whole;
  }

  #tables(bytes: Uint8Array, blockCount: number, seen: Set<number>): Manifest | null {
    const manifestBlocks = seen.size;
    const tables = manifestDecode(bytes, new Set(TABLES.keys()), this.#file.config.blockSize);
    if (tables === null) return this.#wrong(null, 'the manifest is none of this program');
    for (const { runs } of tables) {
      for (const run of runs) if (!this.#unique(run.blocks, seen)) return null;
    }
    if (seen.size !== blockCount) {
      this.#wrong(null, `it names ${seen.size} blocks, its root says ${blockCount}`);
    }
    return { tables, blockCount: seen.size, manifestBlocks };
  }

  /** No block is named twice: what frees it once would free it under the other. */
  #unique(blocks: readonly BlockReference[], seen: Set<number>): boolean {
    for (const { address } of blocks) {
      if (seen.has(address)) {
        this.#wrong(address, 'it is named twice');
        return false;
      }
      seen.add(address);
    }
    return true;
  }

  /** All payloads of a stream, joined; every block is looked at, even when one is lost. */
  #stream(stream: Stream): Uint8Array | null {
    const parts = stream.blocks.map((_, index) => this.#payload(stream, index));
    const whole = parts.filter((part) => part !== null);
    return whole.length === parts.length ? Buffer.concat(whole) : null;
  }

  #payload(stream: Stream, index: number): Uint8Array | null {
    const reference = stream.blocks[index];
    if (reference === undefined) return null;
    const { blockSize } = this.#file.config;
    const { address } = reference;
    const bytes = this.#file.readWhole('blocks', (address - 1) * blockSize, blockSize);
    this.#onBlock();
    if (bytes === null) return this.#rotten(address, 'it cannot be read');
    if (sha256.hash(bytes) !== reference.checksum) {
      return this.#rotten(address, 'its checksum is another');
    }
    const room = payloadSizeMax(blockSize);
    const last = index === stream.blocks.length - 1;
    const size = last ? stream.size - index * room : room;
    const payload = blockPayload(bytes, { kind: stream.kind, owner: stream.owner, index });
    if (payload?.length === size) return payload;
    return this.#wrong(address, 'it is not the part of the checkpoint that it should be');
  }

  #rotten(address: number | null, problem: string): null {
    this.#onFault({ address, problem, rotten: true });
    return null;
  }

  #wrong(address: number | null, problem: string): null {
    this.#onFault({ address, problem, rotten: false });
    return null;
  }

  #lost(): null {
    return this.#rotten(null, 'a block of the manifest is lost: what it names is not checked');
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
