import { REFERENCE_SIZE } from '../block.ts';
import { hashBytes } from '../bytes.ts';
import type { Expiry } from '../forest-types.ts';
import { RecordKind, recordSize } from '../record.ts';
import { assert, present } from '../std/assert.ts';
import { filterBuild, filterSize } from './filter.ts';
import {
  OUTLINE_REFERENCES,
  PAGE_HEADER_SIZE,
  PAGE_RECORD_HEADER_SIZE,
  PageBuilder,
  type PageEntry,
  pageChild,
  pageCount,
  pageKeySizeMax,
  pageRecord,
  pageValueSizeMax,
  recordKey,
  valueSizeMax,
} from './page.ts';
import { writeU32 } from './reference.ts';
import type { BlockSink, BlockSource, Run } from './run.ts';

const EMPTY: Uint8Array = new Uint8Array(0);

export interface RunBuilderOptions {
  readonly table: number;
  readonly blockSize: number;
  readonly sink: BlockSink;
  readonly expiry: Expiry | null;
}

/**
 * Builds a run from records in ascending order of keys: one open page a level, written when the
 * next record does not fit. `pause` closes the open pages, so that what there is so far is a whole
 * run and can be part of a checkpoint; `resume` opens them again.
 */
export class RunBuilder {
  private readonly table: number;
  private readonly blockSize: number;
  private readonly sink: BlockSink;
  private readonly expiry: Expiry | null;
  /** The open page of each level; the leaf is missing only before the first record. */
  private readonly open: (PageBuilder | null)[] = [null];
  private hashes: Int32Array = new Int32Array(64);
  private recordsNow = 0;
  private sizeNow = 0;
  private blocksNow = 0;
  private first: Uint8Array = EMPTY;
  private last: Uint8Array = EMPTY;
  private expiresFirst = 0;
  private expiresLast = 0;

  constructor(options: RunBuilderOptions) {
    this.table = options.table;
    this.blockSize = options.blockSize;
    this.sink = options.sink;
    this.expiry = options.expiry;
  }

  /**
   * Goes on with a paused run. Its index pages at the end, root to lowest, are released and written
   * anew when they are full; leaves stay. Null while a page is not in memory.
   */
  static resume(options: RunBuilderOptions, run: Run, source: BlockSource): RunBuilder | null {
    assert(run.height > 0, 'a paused run has an index page');
    const pages: Uint8Array[] = [];
    let holder = run.root;
    let at = 0;
    for (let level = run.height; level > 0; level -= 1) {
      const page = source.page(holder, at, { table: options.table, level });
      if (page === null) return null;
      pages.push(page);
      holder = page;
      at = pageChild(page, pageCount(page) - 1);
    }
    const builder = new RunBuilder(options);
    options.sink.release(run.root, 0);
    pages.forEach((page, index) => {
      const level = run.height - index;
      const place = { table: options.table, level };
      // The last child of a page above the lowest is itself open again.
      builder.open[level] = PageBuilder.reopen(page, place, { dropLast: level > 1 });
      if (level > 1) options.sink.release(page, pageChild(page, pageCount(page) - 1));
    });
    builder.recordsNow = run.records;
    builder.sizeNow = run.size;
    builder.blocksNow = run.blocks - pages.length;
    builder.first = run.first;
    builder.last = run.last;
    builder.expiresFirst = run.expiresFirst;
    builder.expiresLast = run.expiresLast;
    return builder;
  }

  get records(): number {
    return this.recordsNow;
  }

  /** Keys ascend; key and value are copied. */
  append(kind: RecordKind, key: Uint8Array, value: Uint8Array): void {
    assert(key.length <= pageKeySizeMax(this.blockSize), 'a key fits its page');
    const inline = value.length <= pageValueSizeMax(this.blockSize);
    const part = inline ? value : this.outline(value);
    let leaf = this.open[0] ?? null;
    if (leaf !== null && !leaf.fits(key.length, part.length)) {
      this.close(0);
      leaf = null;
    }
    leaf ??= this.openPage(0);
    if (leaf.count === this.hashes.length) {
      const larger = new Int32Array(leaf.count * 2);
      larger.set(this.hashes);
      this.hashes = larger;
    }
    this.hashes[leaf.count] = hashBytes(key);
    leaf.append({ kind, outline: !inline, key, part });
    if (this.expiry !== null) this.noteExpiry(this.expiry(key, value));
    if (this.recordsNow === 0) this.first = key.slice();
    this.last = leaf.lastKey();
    this.recordsNow += 1;
    this.sizeNow += recordSize(key.length, value.length);
  }

  /** The run, complete; null when it has no records. */
  finish(): Run | null {
    if (this.recordsNow === 0) return null;
    for (let level = 0; ; level += 1) {
      const top = level === this.open.length - 1;
      const page = this.open[level] ?? null;
      if (top && level > 0 && page?.count === 1) {
        // An index page over one page is none: the child is the root.
        const at = pageChild(page.bytes, 0);
        const root = page.bytes.slice(at, at + REFERENCE_SIZE);
        return this.run(root, level - 1);
      }
      if (top && page !== null) return this.run(this.write(page), level);
      this.close(level);
    }
  }

  /** What there is so far, as a run of its own with an index page at the top; null when empty. */
  pause(): Run | null {
    if (this.recordsNow === 0) return null;
    for (let level = 0; ; level += 1) {
      const page = this.open[level] ?? null;
      if (level > 0 && level === this.open.length - 1) {
        return this.run(this.write(present(page)), level);
      }
      this.close(level);
    }
  }

  private noteExpiry(expires: number): void {
    const isFirst = this.recordsNow === 0;
    this.expiresFirst = isFirst ? expires : Math.min(this.expiresFirst, expires);
    this.expiresLast = isFirst ? expires : Math.max(this.expiresLast, expires);
  }

  private run(root: Uint8Array, height: number): Run {
    return {
      root,
      height,
      records: this.recordsNow,
      size: this.sizeNow,
      blocks: this.blocksNow,
      first: this.first,
      last: this.last.slice(),
      expiresFirst: this.expiresFirst,
      expiresLast: this.expiresLast,
    };
  }

  private openPage(level: number): PageBuilder {
    const page = new PageBuilder(this.blockSize, { table: this.table, level });
    this.open[level] = page;
    return page;
  }

  /** Writes the open page of a level, when there is one, and enters it in the page above. */
  private close(level: number): void {
    const page = this.open[level] ?? null;
    if (page === null) return;
    const reference = this.write(page);
    this.open[level] = null;
    const key = recordKey(page.bytes, pageRecord(page.bytes, 0));
    const entry = this.entryOf(key, reference, level === 0 ? page.count : 0);
    let parent = this.open[level + 1] ?? null;
    if (parent !== null && !parent.fits(key.length, entry.part.length)) {
      this.close(level + 1);
      parent = null;
    }
    parent ??= this.openPage(level + 1);
    parent.append(entry);
  }

  /** A child's entry; that of a leaf carries its filter when there is room for two such entries. */
  private entryOf(key: Uint8Array, reference: Uint8Array, records: number): PageEntry {
    const half = Math.floor((this.blockSize - PAGE_HEADER_SIZE) / 2);
    const bare = PAGE_RECORD_HEADER_SIZE + key.length + REFERENCE_SIZE + 2;
    const filtered = records > 0 && bare + filterSize(records) <= half;
    const filter = filtered ? filterBuild(this.hashes, records) : EMPTY;
    const part = new Uint8Array(REFERENCE_SIZE + filter.length);
    part.set(reference);
    part.set(filter, REFERENCE_SIZE);
    return { kind: RecordKind.put, outline: false, key, part };
  }

  private write(page: PageBuilder): Uint8Array {
    this.blocksNow += 1;
    return this.sink.write(page.finish());
  }

  /** Writes the value into blocks of its own and returns their list. */
  private outline(value: Uint8Array): Uint8Array {
    assert(value.length <= valueSizeMax(this.blockSize), 'a value is within the limit');
    const count = Math.ceil(value.length / this.blockSize);
    const part = new Uint8Array(OUTLINE_REFERENCES + count * REFERENCE_SIZE);
    writeU32(part, 0, value.length);
    for (let index = 0; index < count; index += 1) {
      const block = new Uint8Array(this.blockSize);
      block.set(value.subarray(index * this.blockSize, (index + 1) * this.blockSize));
      part.set(this.sink.write(block), OUTLINE_REFERENCES + index * REFERENCE_SIZE);
      this.blocksNow += 1;
    }
    return part;
  }
}
