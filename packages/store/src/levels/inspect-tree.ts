import { type BlockFormat, type BlockPlace, blockPayload } from '../block.ts';
import type { BlockReference } from '../forest-types.ts';
import { rootDecode } from '../manifest.ts';
import { isPage, type PagePlace, pageCount, pageRecord, recordCompare, recordKey } from './page.ts';
import { addressAt, referenceAt } from './reference.ts';
import { type PayloadSource, restoreTree } from './restore-tree.ts';
import type { TableLevels } from './table-levels.ts';
import { walkTables } from './tree-walk.ts';

/** What is wrong with a tree; `address` is the block's, or null for the tree as a whole. */
export interface TreeFault {
  readonly address: number | null;
  readonly problem: string;
  /** The bytes are not those that were written; else they were never right. */
  readonly rotten: boolean;
}

/** What a tree consists of. */
export interface TreeContent {
  /** Ascending by id; tables that are empty are left out. */
  readonly tables: readonly TableLevels[];
  /** Blocks in use, those of the metadata too. */
  readonly blockCount: number;
}

/** What `inspectTree` looks with, and whom it tells. */
export interface InspectOptions {
  readonly format: BlockFormat;
  /** Ids of the tables that there may be. */
  readonly tables: Pick<ReadonlySet<number>, 'has'>;
  /** The block at this address; null when it can't be read. */
  readonly read: (address: number) => Uint8Array | null;
  readonly onFault: (fault: TreeFault) => void;
  /** After each block of the tables that could be read; `total` is that of all. */
  readonly onBlock: (address: number, total: number) => void;
}

/**
 * Looks at every block of a tree, of a replica that does not run. Faults are told as they are found
 * and never end the reading of what can still be found: only what is named by a block that is lost
 * stays unknown. Null where the metadata can't be read to the end.
 */
export function inspectTree(root: Uint8Array, options: InspectOptions): TreeContent | null {
  const { format, onFault } = options;
  const decoded = rootDecode(root, format.blockSize);
  if (decoded === 'empty') return { tables: [], blockCount: 0 };
  if (decoded === 'bad') {
    onFault({ address: null, problem: 'the root of the checkpoint is none', rotten: false });
    return null;
  }
  const source = new CheckedSource(options);
  const { tables: tableIds } = options;
  const restore = restoreTree({ format, source, tables: tableIds, root: decoded, verified: null });
  const { done, value: tree } = restore.next();
  if (!done) {
    const problem = 'a block of the metadata is lost: what it names is not checked';
    onFault({ address: null, problem, rotten: true });
    return null;
  }
  if (tree === null) {
    onFault({ address: null, problem: 'the metadata is none of this program', rotten: false });
    return null;
  }
  const { tables, used, metadata } = tree;
  const seen = new Set(metadata.map(({ address }) => address));
  const walk = walkTables(tables, source);
  for (let step = walk.next(); !step.done; ) {
    if (step.value === 'wanted') {
      step = walk.next('skip');
      continue;
    }
    if (seen.has(step.value)) {
      onFault({ address: step.value, problem: 'it is named twice', rotten: false });
    }
    seen.add(step.value);
    if (!used.uses(step.value)) {
      onFault({ address: step.value, problem: 'the free set takes it for free', rotten: false });
    }
    options.onBlock(step.value, used.used);
    step = walk.next();
  }
  if (!source.lossy && seen.size !== used.used) {
    const problem = `it names ${seen.size} blocks, its free set says ${used.used}`;
    onFault({ address: null, problem, rotten: false });
  }
  return { tables, blockCount: used.used };
}

/** Reads each block when it is asked for, and tells once what is wrong with it. */
class CheckedSource implements PayloadSource {
  private readonly options: InspectOptions;
  private readonly lost: Set<number> = new Set();

  constructor(options: InspectOptions) {
    this.options = options;
  }

  /** Whether any block could not be used. */
  get lossy(): boolean {
    return this.lost.size > 0;
  }

  page(holder: Uint8Array, at: number, place: PagePlace): Uint8Array | null {
    const page = this.raw(holder, at);
    if (page === null) return null;
    if (!isPage(page, place)) return this.wrong(addressAt(holder, at));
    for (let index = 1; index < pageCount(page); index += 1) {
      const before = recordKey(page, pageRecord(page, index - 1));
      if (recordCompare(page, pageRecord(page, index), before) > 0) continue;
      return this.lose(addressAt(holder, at), 'its records are out of order', { rotten: false });
    }
    return page;
  }

  payload(holder: Uint8Array, at: number, place: BlockPlace): Uint8Array | null {
    const block = this.raw(holder, at);
    if (block === null) return null;
    return blockPayload(block, place) ?? this.wrong(addressAt(holder, at));
  }

  raw(holder: Uint8Array, at: number): Uint8Array | null {
    const reference: BlockReference = referenceAt(holder, at);
    const { address } = reference;
    if (this.lost.has(address)) return null;
    const bytes = this.options.read(address);
    if (bytes === null) return this.lose(address, 'it cannot be read', { rotten: true });
    if (this.options.format.checksum.hash(bytes) === reference.checksum) return bytes;
    return this.lose(address, 'its checksum is another', { rotten: true });
  }

  private wrong(address: number): null {
    const problem = 'it is not the part of the checkpoint that it should be';
    return this.lose(address, problem, { rotten: false });
  }

  private lose(address: number, problem: string, { rotten }: { readonly rotten: boolean }): null {
    this.lost.add(address);
    this.options.onFault({ address, problem, rotten });
    return null;
  }
}
