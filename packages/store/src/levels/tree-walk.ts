import { REFERENCE_SIZE } from '../block.ts';
import {
  OUTLINE_REFERENCES,
  pageChild,
  pageCount,
  pageRecord,
  recordCompare,
  recordIsOutline,
  recordPart,
} from './page.ts';
import { addressAt } from './reference.ts';
import type { BlockSource } from './run.ts';
import { runViews, type TableLevels } from './table-levels.ts';

/** A block of the tree that was read, by its address; or a block must be provided first. */
export type WalkStep = number | 'wanted';
/** 'skip': the wanted block is lost, go on without it and what it names. */
export type WalkAnswer = 'skip' | undefined;

/**
 * Reads every block of the runs, each page before what it names. What a merge has given up of its
 * inputs is no part of the tree and is left out.
 */
export function* walkTables(
  tables: readonly TableLevels[],
  source: BlockSource,
): Generator<WalkStep, void, WalkAnswer> {
  for (const { table, levels } of tables) {
    for (const { run, from } of runViews(levels)) {
      const walk: Walk = { table, source, from };
      yield* walkPage(walk, { holder: run.root, at: 0, level: run.height });
    }
  }
}

interface Walk {
  readonly table: number;
  readonly source: BlockSource;
  /** Pages whose records all lie below are given up; null: none. */
  readonly from: Uint8Array | null;
}

interface PageName {
  readonly holder: Uint8Array;
  readonly at: number;
  readonly level: number;
}

function* walkPage(walk: Walk, name: PageName): Generator<WalkStep, void, WalkAnswer> {
  const { table, source } = walk;
  const place = { table, level: name.level };
  let page = source.page(name.holder, name.at, place);
  while (page === null) {
    if ((yield 'wanted') === 'skip') return;
    page = source.page(name.holder, name.at, place);
  }
  yield addressAt(name.holder, name.at);
  if (name.level === 0) yield* walkValues(walk, page);
  else yield* walkChildren(walk, page, name.level - 1);
}

function* walkChildren(
  walk: Walk,
  page: Uint8Array,
  level: number,
): Generator<WalkStep, void, WalkAnswer> {
  const count = pageCount(page);
  for (let index = firstChild(page, walk.from); index < count; index += 1) {
    yield* walkPage(walk, { holder: page, at: pageChild(page, index), level });
  }
}

/** A child is given up when the next one begins at or below `from`. */
export function firstChild(page: Uint8Array, from: Uint8Array | null): number {
  let index = 0;
  if (from === null) return index;
  const last = pageCount(page) - 1;
  while (index < last && recordCompare(page, pageRecord(page, index + 1), from) <= 0) index += 1;
  return index;
}

function* walkValues(walk: Walk, leaf: Uint8Array): Generator<WalkStep, void, WalkAnswer> {
  for (let index = 0; index < pageCount(leaf); index += 1) {
    const record = pageRecord(leaf, index);
    if (!recordIsOutline(leaf, record)) continue;
    const part = recordPart(leaf, record);
    for (let name = OUTLINE_REFERENCES; name < part.length; name += REFERENCE_SIZE) {
      yield* walkValue(walk, part, name);
    }
  }
}

function* walkValue(
  { source }: Walk,
  part: Uint8Array,
  name: number,
): Generator<WalkStep, void, WalkAnswer> {
  while (source.raw(part, name) === null) {
    if ((yield 'wanted') === 'skip') return;
  }
  yield addressAt(part, name);
}
