import { REFERENCE_SIZE } from '../block.ts';
import { compareBytes } from '../bytes.ts';
import { filterAdmits } from './filter.ts';
import {
  pageChild,
  pageCount,
  pageDescend,
  pageFilterSize,
  pageRecord,
  pageSeek,
  recordCompare,
} from './page.ts';
import type { BlockSource, Run } from './run.ts';

/** A record where it lies. */
export interface FoundRecord {
  readonly page: Uint8Array;
  readonly at: number;
}

/**
 * The record of a key in a run. 'wanted' while a page on the way is not in memory. The run's key
 * range and the leaves' filters keep most keys that are not there from costing a leaf.
 */
export function runLookup(
  run: Run,
  table: number,
  sought: { readonly key: Uint8Array; readonly hash: number },
  source: BlockSource,
): FoundRecord | 'absent' | 'wanted' {
  const { key, hash } = sought;
  if (compareBytes(key, run.first) < 0 || compareBytes(key, run.last) > 0) return 'absent';
  let holder = run.root;
  let at = 0;
  for (let level = run.height; level > 0; level -= 1) {
    const page = source.page(holder, at, { table, level });
    if (page === null) return 'wanted';
    const index = pageDescend(page, key);
    holder = page;
    at = pageChild(page, index);
    if (level > 1) continue;
    if (!filterAdmits(page, at + REFERENCE_SIZE, pageFilterSize(page, index), hash))
      return 'absent';
  }
  const leaf = source.page(holder, at, { table, level: 0 });
  if (leaf === null) return 'wanted';
  const index = pageSeek(leaf, key);
  if (index === pageCount(leaf)) return 'absent';
  const record = pageRecord(leaf, index);
  return recordCompare(leaf, record, key) === 0 ? { page: leaf, at: record } : 'absent';
}
