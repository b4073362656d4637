import {
  type BlockFormat,
  BlockKind,
  type BlockPlace,
  blockPayload,
  payloadSizeMax,
  REFERENCE_SIZE,
} from './block.ts';
import { BlockFetch } from './block-fetch.ts';
import type { BlockReference } from './forest-types.ts';
import { BlockSet } from './free-set.ts';
import {
  type ForestRoot,
  manifestDecode,
  manifestLevels,
  type Run,
  referencesDecode,
  rootEncode,
  type TableRuns,
} from './manifest.ts';
import { type RecordVisitor, RunReader } from './run-reader.ts';
import { assert, present } from './std/assert.ts';
import type { Tree } from './tree.ts';

/** Where the loader puts what it reads, for one table. */
export interface TableTarget {
  readonly visit: RecordVisitor;
  readonly takesDeltas: boolean;
}

export type ProvideResult = 'accepted' | 'bad' | 'unwanted';

/** A stream that blocks of the running fetch belong to. */
interface Part {
  /** Index of its first block in the fetch. */
  readonly start: number;
  readonly count: number;
  /** Bytes of the stream. */
  readonly size: number;
  readonly kind: BlockKind;
  readonly owner: number;
  /** Null for a level of the manifest. */
  readonly run: Run | null;
}

/** Loads the tree that a root names: the manifest from the top down, then the runs in order. */
export class TreeLoader {
  private readonly format: BlockFormat;
  private readonly root: ForestRoot;
  private readonly targets: ReadonlyMap<number, TableTarget>;
  /** Blocks of each level of the manifest, lowest first. */
  private readonly levelCounts: readonly number[];
  private readonly levels: (readonly BlockReference[])[] = [];
  private level: number;
  private levelBytes: Uint8Array[] = [];
  private tables: readonly TableRuns[] | null = null;
  private blocks: BlockSet | null = null;
  private fetch: BlockFetch;
  private parts: readonly Part[];
  /** The part whose blocks are being used. */
  private partIndex = 0;
  private used = 0;
  private reader: RunReader | null = null;
  /** The blocks are what their names say, and yet no tree: nothing can be loaded from this root. */
  private broken = false;

  constructor(format: BlockFormat, root: ForestRoot, targets: ReadonlyMap<number, TableTarget>) {
    this.format = format;
    this.root = root;
    this.targets = targets;
    this.levelCounts = manifestLevels(root.manifestSize, format.blockSize);
    this.level = this.levelCounts.length - 1;
    this.levels[this.level] = [root.top];
    this.fetch = new BlockFetch([root.top]);
    this.parts = [this.levelPart()];
  }

  take(limit: number): BlockReference[] {
    return this.broken ? [] : this.fetch.take(limit);
  }

  provide(reference: BlockReference, bytes: Uint8Array): ProvideResult {
    const index = this.fetch.missing(reference);
    if (index < 0) return 'unwanted';
    if (this.broken || bytes.length !== this.format.blockSize) return 'bad';
    if (this.format.checksum.hash(bytes) !== reference.checksum) return 'bad';
    const { place, payloadSize } = this.expected(index);
    const payload = blockPayload(bytes, place);
    if (payload === null || payload.length !== payloadSize) return 'bad';
    this.fetch.arrived(index, payload);
    for (let next = this.fetch.shift(); next !== null; next = this.fetch.shift()) {
      if (this.use(next)) continue;
      this.broken = true;
      return 'bad';
    }
    return 'accepted';
  }

  /** The tree when all of it has been loaded, else null. */
  get loaded(): Tree | null {
    if (this.broken || this.tables === null || this.blocks === null) return null;
    if (!this.fetch.done) return null;
    const root = rootEncode(this.root, this.format.blockSize);
    return { root, tables: this.tables, blocks: this.blocks };
  }

  private expected(index: number): { place: BlockPlace; payloadSize: number } {
    const part = present(this.parts.find((each) => index < each.start + each.count));
    const at = index - part.start;
    const room = payloadSizeMax(this.format.blockSize);
    const payloadSize = at === part.count - 1 ? part.size - at * room : room;
    return { place: { kind: part.kind, owner: part.owner, index: at }, payloadSize };
  }

  /** False when the block's content can't be what it should be. */
  private use(payload: Uint8Array): boolean {
    const part = present(this.parts[this.partIndex]);
    this.used += 1;
    const last = this.used === part.start + part.count;
    if (last) this.partIndex += 1;
    if (part.run === null) {
      this.levelBytes.push(payload.slice());
      return !last || this.levelDone();
    }
    if (this.reader === null) {
      this.reader = new RunReader(part.run, present(this.targets.get(part.owner)));
    }
    if (!this.reader.push(payload)) return false;
    if (!last) return true;
    const whole = this.reader.finish();
    this.reader = null;
    return whole;
  }

  private levelPart(): Part {
    const count = present(this.levelCounts[this.level]);
    const below = this.levelCounts[this.level - 1];
    const size = below === undefined ? this.root.manifestSize : below * REFERENCE_SIZE;
    return { start: 0, count, size, kind: BlockKind.manifest, owner: this.level, run: null };
  }

  private levelDone(): boolean {
    const bytes = concatenate(this.levelBytes);
    this.levelBytes = [];
    if (this.level > 0) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const count = present(this.levelCounts[this.level - 1]);
      const references = referencesDecode(view, 0, count);
      if (references === null) return false;
      const addresses = new Set(references.map((reference) => reference.address));
      if (addresses.size !== references.length) return false;
      this.level -= 1;
      this.levels[this.level] = references;
      this.begin(references, [this.levelPart()]);
      return true;
    }
    const ids = new Set(this.targets.keys());
    const tables = manifestDecode(bytes, ids, this.format.blockSize);
    if (tables === null) return false;
    this.tables = tables;
    const blocks = this.gather(tables);
    if (blocks === null) return false;
    this.blocks = blocks;
    this.beginRuns(tables);
    return true;
  }

  /** All blocks of the tree in the order in which they were written; null when it is no tree. */
  private gather(tables: readonly TableRuns[]): BlockSet | null {
    const blocks = new BlockSet();
    for (const { runs } of tables) {
      for (const run of runs) {
        for (const block of run.blocks) if (!blocks.add(block)) return null;
      }
    }
    for (const level of this.levels) {
      for (const block of level) if (!blocks.add(block)) return null;
    }
    return blocks.size === this.root.blockCount ? blocks : null;
  }

  private beginRuns(tables: readonly TableRuns[]): void {
    const references: BlockReference[] = [];
    const parts: Part[] = [];
    for (const { table, runs } of tables) {
      for (const run of runs) {
        const start = references.length;
        const count = run.blocks.length;
        parts.push({ start, count, size: run.size, kind: BlockKind.data, owner: table, run });
        for (const block of run.blocks) references.push(block);
      }
    }
    this.begin(references, parts);
  }

  private begin(references: readonly BlockReference[], parts: readonly Part[]): void {
    assert(parts.length > 0, 'there is something to fetch');
    this.fetch = new BlockFetch(references);
    this.parts = parts;
    this.partIndex = 0;
    this.used = 0;
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
