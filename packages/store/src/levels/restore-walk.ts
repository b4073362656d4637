import { REFERENCE_SIZE } from '../block.ts';
import {
  OUTLINE_REFERENCES,
  pageChild,
  pageCount,
  pageRecord,
  recordIsOutline,
  recordPart,
} from './page.ts';
import { addressAt } from './reference.ts';
import type { BlockSource, Run } from './run.ts';
import { runViews, type TableLevels } from './table-levels.ts';
import { firstChild } from './tree-walk.ts';
import type { VerifiedAs, VerifiedBlocks } from './verified-blocks.ts';

/** Blocks wanted at once: what a few peers are asked for, and what is read here beside it. */
const WANTED_MAX = 64;

/** What of a run is still to be looked at, in the order of its names. */
interface Frame {
  /** Names what is next, or null at the end. */
  readonly next: () => BlockName | null;
}

interface BlockName {
  readonly holder: Uint8Array;
  readonly at: number;
  readonly table: number;
  /** Level of a page; null for a block of a value. */
  readonly level: number | null;
  /** Pages whose records all lie below are given up; null: none. */
  readonly from: Uint8Array | null;
}

/**
 * Looks at every block of the runs that was not verified before, so that all of them are known to
 * be there. Many are wanted at once, wherever they lie: to wait for each page in turn would cost
 * a round trip each, and the target of a state transfer does not wait. What a merge has given up of
 * its inputs is no part of the tree and is left out.
 *
 * It yields while blocks are wanted, and is told the address of each that came. False: the tree
 * names a block twice, so no replica wrote it.
 */
export function* walkUnverified(
  tables: readonly TableLevels[],
  source: BlockSource,
  verified: VerifiedBlocks,
): Generator<undefined, boolean, number> {
  // The last is looked at first: what lies deep is finished before more is begun, so that few
  // pages are held.
  const frames: Frame[] = [frameOfRuns(tables)];
  const wanted: Map<number, BlockName> = new Map();
  for (;;) {
    const name = wanted.size < WANTED_MAX ? takeNext(frames) : null;
    if (name === null) {
      if (wanted.size === 0) return true;
      const came = wanted.get(yield);
      if (came !== undefined) visit(came, { source, wanted, frames });
    } else if (wanted.has(addressAt(name.holder, name.at))) {
      return false;
    } else if (!isVerified(name, verified)) {
      visit(name, { source, wanted, frames });
    }
  }
}

interface Walk {
  readonly source: BlockSource;
  readonly wanted: Map<number, BlockName>;
  readonly frames: Frame[];
}

/** Looks at a block, if it is there, and puts what it names before all else. */
function visit(name: BlockName, { source, wanted, frames }: Walk): void {
  const { holder, at, table, level } = name;
  const address = addressAt(holder, at);
  const bytes = level === null ? source.raw(holder, at) : source.page(holder, at, { table, level });
  if (bytes === null) {
    wanted.set(address, name);
    return;
  }
  wanted.delete(address);
  if (level === 0) frames.push(frameOfLeaf(bytes, name));
  else if (level !== null) frames.push(frameOfPage(bytes, name, level - 1));
}

function takeNext(frames: Frame[]): BlockName | null {
  for (;;) {
    const frame = frames.at(-1);
    if (frame === undefined) return null;
    const name = frame.next();
    if (name !== null) return name;
    frames.pop();
  }
}

function isVerified({ holder, at, table, level }: BlockName, verified: VerifiedBlocks): boolean {
  if (level !== null && level > 0) return false;
  const as: VerifiedAs = level === null ? 'value' : { leafOf: table };
  return verified.has(holder, at, as);
}

/** Small tables first: of a large one more may be kept from one target to the next. */
function frameOfRuns(tables: readonly TableLevels[]): Frame {
  const views = tables
    .map(({ table, levels }) => ({ table, runs: runViews(levels) }))
    .map((each) => ({ ...each, blocks: each.runs.reduce((sum, { run }) => sum + run.blocks, 0) }))
    .sort((first, other) => first.blocks - other.blocks || first.table - other.table)
    .flatMap(({ table, runs }) => runs.map((view) => ({ table, ...view })));
  let index = 0;
  return {
    next: (): BlockName | null => {
      const view = views[index];
      index += 1;
      return view === undefined ? null : rootOf(view.run, view.table, view.from);
    },
  };
}

function rootOf({ root, height }: Run, table: number, from: Uint8Array | null): BlockName {
  return { holder: root, at: 0, table, level: height, from };
}

function frameOfPage(page: Uint8Array, { table, from }: BlockName, level: number): Frame {
  const count = pageCount(page);
  let index = firstChild(page, from);
  return {
    next: (): BlockName | null => {
      if (index >= count) return null;
      const at = pageChild(page, index);
      index += 1;
      return { holder: page, at, table, level, from };
    },
  };
}

/** The blocks of the values that lie outside of the leaf. */
function frameOfLeaf(leaf: Uint8Array, { table }: BlockName): Frame {
  const count = pageCount(leaf);
  let index = 0;
  let part: Uint8Array = new Uint8Array(0);
  let at = 0;
  return {
    next: (): BlockName | null => {
      while (at >= part.length) {
        if (index >= count) return null;
        const record = pageRecord(leaf, index);
        index += 1;
        if (!recordIsOutline(leaf, record)) continue;
        part = recordPart(leaf, record);
        at = OUTLINE_REFERENCES;
      }
      const name = { holder: part, at, table, level: null, from: null };
      at += REFERENCE_SIZE;
      return name;
    },
  };
}

/** Whether a leaf names no other block. */
export function isLeafAlone(leaf: Uint8Array): boolean {
  for (let index = 0; index < pageCount(leaf); index += 1) {
    if (recordIsOutline(leaf, pageRecord(leaf, index))) return false;
  }
  return true;
}
