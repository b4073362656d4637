import { assert, compareBytes, present, type TableOptions } from '@kimberlite/store';
import type { TableEntry } from '@kimberlite/vsr';

/**
 * When deltas are folded into what is below them: at once; at each read, oldest first; or at each
 * read, newest pairs first and the base last. A store may do any of these, so the answers must not
 * depend on it.
 */
export type FoldOrder = 'at_once' | 'oldest_first' | 'newest_first';

interface Row {
  readonly key: Uint8Array;
  base: Uint8Array | null;
  deltas: Uint8Array[];
}

interface MemoryTable {
  readonly options: TableOptions;
  /** Ascending by key. */
  readonly rows: Row[];
}

/** Tables as plain sorted lists, for tests: no blocks, no checkpoints, nothing forgotten. */
export class MemoryTables {
  private readonly fold: FoldOrder;
  private readonly tables: Map<number, MemoryTable>;

  constructor(tables: readonly TableOptions[], fold: FoldOrder) {
    this.fold = fold;
    this.tables = new Map(tables.map((options) => [options.id, { options, rows: [] }]));
  }

  has(table: number, key: Uint8Array): boolean {
    const { rows } = this.table(table);
    return isAt(rows, lowerBound(rows, key), key);
  }

  get(table: number, key: Uint8Array): Uint8Array | null {
    const { options, rows } = this.table(table);
    const row = rows[lowerBound(rows, key)];
    return row !== undefined && compareBytes(row.key, key) === 0
      ? folded(row, options, this.fold)
      : null;
  }

  range(table: number, from: Uint8Array, to: Uint8Array | null, limit: number): TableEntry[] {
    const { options, rows } = this.table(table);
    const start = lowerBound(rows, from);
    const end = to === null ? rows.length : lowerBound(rows, to);
    return rows
      .slice(start, Math.min(end, start + limit))
      .map((row) => ({ key: row.key.slice(), value: folded(row, options, this.fold) }));
  }

  put(table: number, key: Uint8Array, value: Uint8Array): void {
    const row = this.rowFor(table, key);
    row.base = value.slice();
    row.deltas = [];
  }

  merge(table: number, key: Uint8Array, delta: Uint8Array): void {
    const { options } = this.table(table);
    assert(options.combine !== null, 'a table that takes deltas');
    const row = this.rowFor(table, key);
    row.deltas.push(delta.slice());
    if (this.fold !== 'at_once') return;
    row.base = folded(row, options, this.fold);
    row.deltas = [];
  }

  delete(table: number, key: Uint8Array): void {
    const { rows } = this.table(table);
    const at = lowerBound(rows, key);
    if (isAt(rows, at, key)) rows.splice(at, 1);
  }

  /** Records that expire at or below go at once. */
  expire(horizon: number): void {
    for (const { options, rows } of this.tables.values()) {
      const { expiry } = options;
      if (expiry === undefined) continue;
      const kept = rows.filter(({ key, base }) => expiry(key, present(base)) > horizon);
      rows.splice(0, rows.length, ...kept);
    }
  }

  /** Everything in a table, for comparing two of them. */
  dump(table: number): TableEntry[] {
    return this.range(table, new Uint8Array(0), null, Number.MAX_SAFE_INTEGER);
  }

  private table(id: number): MemoryTable {
    return present(this.tables.get(id), 'a table of the state machine');
  }

  private rowFor(table: number, key: Uint8Array): Row {
    const { rows } = this.table(table);
    const at = lowerBound(rows, key);
    if (!isAt(rows, at, key)) rows.splice(at, 0, { key: key.slice(), base: null, deltas: [] });
    return present(rows[at]);
  }
}

function folded(row: Row, options: TableOptions, order: FoldOrder): Uint8Array {
  const { combine } = options;
  if (row.deltas.length === 0 || combine === null) return present(row.base).slice();
  if (order === 'newest_first') {
    const delta = row.deltas.reduceRight((newer, older) => combine(older, newer));
    return combine(row.base, delta);
  }
  let value = row.base;
  for (const delta of row.deltas) value = combine(value, delta);
  return present(value);
}

/** Place of the first row at or above the key. */
function lowerBound(rows: readonly Row[], key: Uint8Array): number {
  let least = 0;
  let most = rows.length;
  while (least < most) {
    const middle = (least + most) >>> 1;
    if (compareBytes(present(rows[middle]).key, key) < 0) least = middle + 1;
    else most = middle;
  }
  return least;
}

function isAt(rows: readonly Row[], at: number, key: Uint8Array): boolean {
  const row = rows[at];
  return row !== undefined && compareBytes(row.key, key) === 0;
}
