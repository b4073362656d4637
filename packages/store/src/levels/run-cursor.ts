import type { RecordKind } from '../record.ts';
import { assert, present } from '../std/assert.ts';
import {
  pageChild,
  pageCount,
  pageDescend,
  pageRecord,
  pageRecordWeight,
  pageSeek,
  recordCompare,
  recordKey,
  recordKind,
  recordValueSize,
} from './page.ts';
import { recordHead, recordReady, recordValue } from './record-value.ts';
import type { BlockSource, Run } from './run.ts';

/** Siblings of a wanted leaf that are wanted with it, when the walk may need them. */
const AHEAD = 4;

/** Told of each page that a cursor has left behind, lowest first. */
export interface LeaveListener {
  /**
   * `holder` and `at` name the page; `next` is the first key of the page behind it on its level, or
   * null for the last.
   */
  left(page: Uint8Array, name: { holder: Uint8Array; at: number }, next: Uint8Array | null): void;
}

export interface RunCursorOptions {
  readonly table: number;
  readonly run: Run;
  readonly source: BlockSource;
  /** Where to begin: the first key at or above; null for the first of all. */
  readonly from: Uint8Array | null;
  /** A key that the walk does not reach, or null: how far to read ahead. */
  readonly to: Uint8Array | null;
  readonly listener: LeaveListener | null;
}

/**
 * Walks the records of a run in order, in place. After the constructor and after each `advance`,
 * `settle` must say true before anything is read; while it says false, blocks are wanted.
 */
export class RunCursor {
  private readonly options: RunCursorOptions;
  /** The page of each level on the way to the record; those below `level` are yet to be read. */
  private readonly pages: (Uint8Array | null)[];
  private readonly positions: Int32Array;
  /** Lowest level whose page is there; height + 1 before the root is. */
  private level: number;
  /** Where the descent aims; null for the leftmost. */
  private target: Uint8Array | null;
  private ended = false;

  constructor(options: RunCursorOptions) {
    this.options = options;
    const levels = options.run.height + 1;
    this.pages = Array.from({ length: levels }, () => null);
    this.positions = new Int32Array(levels);
    this.level = levels;
    this.target = options.from;
  }

  /** Goes to where the cursor is due; false while a block on the way is not in memory. */
  settle(): boolean {
    while (!this.ended) {
      if (this.level > 0) {
        if (!this.descend()) return false;
      } else if (this.position(0) < pageCount(this.page(0))) {
        return true;
      } else {
        this.turn();
      }
    }
    return true;
  }

  /** The key the cursor is at, a view; null at the end. */
  key(): Uint8Array | null {
    if (this.ended) return null;
    const page = this.page(0);
    return recordKey(page, pageRecord(page, this.position(0)));
  }

  kind(): RecordKind {
    const page = this.page(0);
    return recordKind(page, pageRecord(page, this.position(0)));
  }

  /** The record's value, a view or a copy; null while blocks of it are not in memory. */
  value(): Uint8Array | null {
    const page = this.page(0);
    return recordValue(page, pageRecord(page, this.position(0)), this.options.source);
  }

  /** Whether the value's blocks are in memory; those that are not are wanted. */
  ready(): boolean {
    const page = this.page(0);
    return recordReady(page, pageRecord(page, this.position(0)), this.options.source);
  }

  valueSize(): number {
    const page = this.page(0);
    return recordValueSize(page, pageRecord(page, this.position(0)));
  }

  /** At least the first bytes of the value; null while the block of them is not in memory. */
  head(size: number): Uint8Array | null {
    const page = this.page(0);
    return recordHead(page, pageRecord(page, this.position(0)), {
      size,
      source: this.options.source,
    });
  }

  weight(): number {
    const page = this.page(0);
    return pageRecordWeight(page, pageRecord(page, this.position(0)));
  }

  advance(): void {
    assert(!this.ended && this.level === 0, 'a settled cursor advances');
    this.positions[0] = this.position(0) + 1;
  }

  private descend(): boolean {
    const { table, run, source } = this.options;
    const level = this.level - 1;
    const top = level === run.height;
    const holder = top ? run.root : this.page(this.level);
    const at = top ? 0 : pageChild(holder, this.position(this.level));
    const page = source.page(holder, at, { table, level });
    if (page === null) {
      if (!top) this.wantAhead(holder);
      return false;
    }
    this.pages[level] = page;
    this.level = level;
    if (this.target === null) this.positions[level] = 0;
    else if (level > 0) this.positions[level] = pageDescend(page, this.target);
    else {
      this.positions[0] = pageSeek(page, this.target);
      this.target = null;
    }
    return true;
  }

  /** A walk goes on to the neighbours: they are read together, not one after another. */
  private wantAhead(parent: Uint8Array): void {
    const { table, source, to } = this.options;
    const start = this.position(this.level) + 1;
    const end = Math.min(pageCount(parent), start + AHEAD);
    for (let index = start; index < end; index += 1) {
      if (to !== null && recordCompare(parent, pageRecord(parent, index), to) >= 0) return;
      source.page(parent, pageChild(parent, index), { table, level: this.level - 1 });
    }
  }

  /** The leaf is exhausted: on to the next child of the lowest page that has one. */
  private turn(): void {
    const { height } = this.options.run;
    let level = 1;
    while (level <= height && this.position(level) + 1 === pageCount(this.page(level))) level += 1;
    const parent = level <= height ? this.page(level) : null;
    const next = parent === null ? null : pageRecord(parent, this.position(level) + 1);
    const key = parent === null || next === null ? null : recordKey(parent, next);
    this.leave(level, key);
    if (parent === null) {
      this.ended = true;
      return;
    }
    this.positions[level] = this.position(level) + 1;
    this.level = level;
  }

  private leave(levels: number, next: Uint8Array | null): void {
    const { listener, run } = this.options;
    if (listener === null) return;
    for (let level = 0; level < levels; level += 1) {
      const top = level === run.height;
      const holder = top ? run.root : this.page(level + 1);
      const at = top ? 0 : pageChild(holder, this.position(level + 1));
      listener.left(this.page(level), { holder, at }, next);
    }
  }

  private page(level: number): Uint8Array {
    return present(this.pages[level], 'a cursor that is read is settled');
  }

  private position(level: number): number {
    return this.positions[level] as number; // SAFETY: a level of the run.
  }
}
